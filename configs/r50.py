# Table 4.1: a plain ResNet-50, pooled features and a linear layer. Its Grad-CAM is that of layer4[-1].
_base_ = './_base_/vitb_r50.py'
model = _base_.cnn
