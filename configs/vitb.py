# Matched control of ts_vitb_r50_cos_global: the same student, data, seed and schedule, without the teacher (lambda 0).
_base_ = './_base_/vitb_r50.py'
model = _base_.student
