# Row "TransCAM" of Table 4.3: the Conformer's convolution map spread by its attention, one scale.
_base_ = './gradcam_ms.py'
scales = [1.0]
method = 'transcam'
size_divisor = 32
pseudo = dict(generator=dict(method=method, scales=scales, size_divisor=size_divisor))
