# Small CNN teacher.
_base_ = './_base_/vitmini_r18.py'
model = _base_.teacher
