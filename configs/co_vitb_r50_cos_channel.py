# Table 4.7, co-training.
_base_ = './ts_vitb_r50_cos_channel.py'
needs = dict(_delete_=True)
model = dict(paradigm='co', teacher_checkpoint=None)
