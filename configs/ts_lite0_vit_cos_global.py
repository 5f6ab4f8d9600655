# A foundation model as the teacher: a frozen vision transformer of timm whose head was trained by configs/frozen_vit.py
# guides an EfficientNet-Lite0 that learns. Its patch is the student's stride, 16 (DINOv3, DeiT-III, SigLIP, CLIP). The
# matched control is frozen_lite0.py with frozen=False and this img_size and lr.
_base_ = './frozen_lite0.py'
needs = dict(teacher_checkpoint='configs/frozen_vit.py')
control = 'configs/frozen_lite0.py'
teacher_checkpoint = 'work_dirs/frozen_vit/epoch_10.pth'
vit_name = 'vit_small_patch16_dinov3.lvd1689m'  # as in the teacher's training
vit_channels = 384
img_size = 224
lr = 1e-3
kt_weight = 1.0

_student = dict(_base_.model, backbone=_base_._backbone)
model = dict(
    _delete_=True,
    type='mmwsss.CrossArchDistiller',
    paradigm='ts',
    student=_student,
    teacher=dict(
        type='mmwsss.MapClassifier',
        backbone=dict(
            type='mmwsss.KeptFeatures',
            backbone=dict(
                type='mmwsss.TimmTokens',
                name=vit_name,
                input_mean=_student['data_preprocessor']['mean'],  # pictures get the normalisation of its weights
                input_std=_student['data_preprocessor']['std'],
            ),
        ),
        head=dict(type=_base_.head_type, num_classes=_base_.num_classes, in_channels=vit_channels),
    ),
    teacher_checkpoint=teacher_checkpoint,
    teacher_command=f'python tools/train.py configs/frozen_vit.py --cfg-options img_size={img_size} '
    f'vit_name={vit_name} vit_weights=timm://{vit_name}',
    student_map='class_maps',
    kt_loss=dict(type='mmwsss.CosineGlobalKTLoss', loss_weight=kt_weight),
)
train_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='Resize', scale=(img_size, img_size)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='Resize', scale=(img_size, img_size)),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = _base_.val_set and dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = _base_.test_set and dict(dataset=dict(pipeline=test_pipeline))
optim_wrapper = dict(optimizer=dict(lr=lr))
