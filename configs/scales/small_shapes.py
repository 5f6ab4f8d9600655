# Scale of the comparison on generated scenes of several classes: small networks of 64 x 64 pixels from scratch.
_base_ = './small.py'
variables = {
    'classifier': dict(_delete_=True, img_size=64, epochs=16, num_workers=0, lr=1e-3, crop_ratio=1.0, jitter=0.0),
    'pseudo': dict(img_size=64, scales=[1.0, 2.0]),
}
start = None
