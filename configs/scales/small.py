# Scale "small": EfficientNet-Lite0 from ImageNet and a vision transformer on it, for a CPU. 3 epochs, as in the paper
# (its teacher: 2).
kind = 'scale'
bases = {
    '_base_/vitb_r50.py': '_base_/lite0.py',
    '_base_/hybrid.py': '_base_/lite0.py',
}
configs = {  # the *_mini ones are stand-ins without weights, so that every row runs; no figures of them stand anywhere
    'acr_vitb_hybrid_official.py': 'acr_vitb_hybrid.py',
    'vits.py': 'vitb.py',
    'conformer_s.py': 'conformer_mini.py',
    'affinity/affinity_r50.py': 'affinity/affinity_lite0.py',
    'seg/segformer_mit-b0_pseudo-512x512.py': 'seg/segformer_lite0_pseudo-192x192.py',
    'seg/deeplabv1_vgg16_pseudo-321x321.py': 'seg/segformer_lite0_pseudo-192x192.py',
    'seg/deeplabv2_r101_pseudo-321x321.py': 'seg/segformer_lite0_pseudo-192x192.py',
    'seg/sam_vitb_finetune.py': 'seg/sam_mini_finetune.py',
    'seg/segmenter_supervised.py': 'seg/segmenter_mini_supervised.py',
    'seg/setr_supervised.py': 'seg/setr_mini_supervised.py',
}
variables = {
    'classifier': dict(img_size=160, epochs=3, num_workers=0, batch_size=16, lr=3e-4),
    'segmentor': dict(img_size=160, num_workers=0),
    'affinity': dict(img_size=160, num_workers=0),
    'pseudo': dict(img_size=160, size_divisor=16, batch_size=16),
    'pseudo/segmentor.py': dict(img_size=256, size_divisor=32),
    'seg/segformer_lite0_pseudo-192x192.py': dict(batch_size=16, epochs=5, lr=5e-4),
    'ts_vitb_r50_cos_global.py': dict(teacher_checkpoint='work_dirs/r50_pcm/epoch_3.pth'),
}
layers = {-5: -4, -4: -3}  # the small ViT has four blocks, not twelve
