# Table 4.8's last row, co-training without projection: every channel of the student's patch tokens against every map of
# the teacher.
_base_ = './co_vitb_r50_cos_channel.py'
model = dict(neck=None)
