# Small sibling of the co-training row.
_base_ = './ts_vitmini_r18_cos_global.py'
model = dict(paradigm='co', teacher_checkpoint=None)
