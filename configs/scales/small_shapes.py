# Scale of the comparison on generated scenes of several classes: the small networks at 96 x 96 pixels, without the
# random crops and colours that photographs need.
_base_ = './small.py'
variables = {
    'classifier': dict(img_size=96, epochs=4, crop_ratio=1.0, jitter=0.0),
    'segmentor': dict(img_size=96),
    'affinity': dict(img_size=96),
    'pseudo': dict(img_size=96, scales=[1.0, 2.0]),
}
