# Matched control of ts_vitmini_r18_cos_global: the same student without the teacher.
_base_ = './_base_/vitmini_r18.py'
model = _base_.student
