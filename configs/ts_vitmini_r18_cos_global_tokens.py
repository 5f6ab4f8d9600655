# Small sibling of ts_vitb_r50_cos_global in the paper's form: the classifier reads the class token, the loss acts on
# projected patch tokens, the teacher has its untrained extra map, the student's map is a Grad-CAM.
# (ts_vitmini_r18_cos_global is our form: classifier and loss on the student's own class maps.) The small siblings of
# the other rows inherit from this one.
_base_ = './ts_vitmini_r18_cos_global.py'
teacher_checkpoint = 'work_dirs/r18_pcm_extra/epoch_10.pth'
teacher_maps = 'classes_and_extra'
head_type = 'mmwsss.ClassTokenHead'
student_map = 'patch_tokens'
map_channels = _base_.num_classes + (teacher_maps == 'classes_and_extra')
model = dict(
    student=dict(head=dict(type=head_type)),
    student_map=student_map,
    teacher=dict(head=dict(map_channels=teacher_maps)),
    teacher_checkpoint=teacher_checkpoint,
    teacher_command='python tools/train.py configs/r18_pcm_extra.py',
    neck=dict(
        _delete_=True, type='mmwsss.FeatureProjectionNeck', in_channels=_base_.embed_dims, out_channels=map_channels
    ),
)
