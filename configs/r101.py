# Table 4.1: ResNet-101.
_base_ = './_base_/vitb_r50.py'
model = _base_.deep_cnn
