# Scale of the comparison on generated scenes of several classes: small networks of 64 x 64 pixels from scratch.
_base_ = './small.py'
pretrain = None
train_variables = dict(_delete_=True, img_size=64, epochs=16, num_workers=0, lr=1e-3, crop_ratio=1.0, jitter=0.0)
pseudo_variables = dict(img_size=64, size_divisor=8, batch_size=32, scales=[1.0, 2.0])
