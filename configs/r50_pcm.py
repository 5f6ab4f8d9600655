# The CNN teacher: ResNet-50 with strides 1, 2, 2, 1 and the pixel correlation module. 2 epochs, as the name of the
# paper's checkpoint says.
_base_ = './_base_/vitb_r50.py'
epochs = 2
train_cfg = dict(max_epochs=epochs)
model = _base_.teacher
