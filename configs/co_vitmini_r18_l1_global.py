# Small sibling. Table 4.7, co-training.
_base_ = './ts_vitmini_r18_l1_global.py'
model = dict(paradigm='co', teacher_checkpoint=None)
