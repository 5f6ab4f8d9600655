# Co-training: teacher and student learn together from ImageNet weights. (The paper's code has lambda 0.5 here, its
# tables compare with 1.)
_base_ = './ts_vitb_r50_cos_global.py'
needs = dict(_delete_=True)
model = dict(paradigm='co', teacher_checkpoint=None)
