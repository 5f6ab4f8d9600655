# Table 4.7, co-training.
_base_ = './ts_vitb_r50_cos_spatial.py'
model = dict(paradigm='co', teacher_checkpoint=None)
