# One stage with the cross-architecture loss: a trained CNN with the pixel correlation module guides the class maps of a
# vision transformer, from which the labels are made.
_base_ = './one_stage_lite0_vit.py'
needs = dict(teacher_checkpoint='configs/r50_pcm.py')
teacher_checkpoint = 'work_dirs/r50_pcm/epoch_3.pth'  # of scale small, with teacher_maps=classes
kt_weight = 1.0

model = dict(
    classifier=dict(
        _delete_=True,
        type='mmwsss.CrossArchDistiller',
        student=_base_.model.classifier,
        teacher=dict(
            type='mmwsss.MapClassifier',
            with_image=True,
            data_preprocessor=dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0], to_rgb=True),
            backbone=dict(_base_.model.backbone.stem.backbone, out_indices=(3, 4)),
            head=dict(
                type='mmwsss.PCMHead',
                num_classes=_base_.num_classes,
                in_channels=(112, 320),
                map_channels='classes',
                hidden_channels=128,
                feature_channels=32,
                correlation_channels=64,
            ),
        ),
        teacher_checkpoint=teacher_checkpoint,
        teacher_command='python tools/train.py configs/r50_pcm.py --scale small --cfg-options teacher_maps=classes',
        student_map='class_maps',
        kt_loss=dict(type='mmwsss.CosineGlobalKTLoss', loss_weight=kt_weight),
    ),
)
