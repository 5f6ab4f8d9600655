# Small sibling of Table 4.7, co-training.
_base_ = './ts_vitmini_r18_cos_global_tokens.py'
model = dict(paradigm='co', teacher_checkpoint=None)
