# Matched control of ts_vitmini_r18_cos_global_tokens: the same student without the teacher.
_base_ = './vitmini.py'
head_type = 'mmwsss.ClassTokenHead'
model = dict(head=dict(type=head_type))
