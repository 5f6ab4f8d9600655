# One stage with the cross-architecture loss: a trained CNN with the pixel correlation module guides the class maps of a
# vision transformer, from which the labels are made.
_base_ = './one_stage_lite0.py'
needs = dict(teacher_checkpoint='configs/r50_pcm.py')
vit = True
teacher_checkpoint = 'work_dirs/r50_pcm/epoch_3.pth'
