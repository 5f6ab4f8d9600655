# Scale "small" of tools/ablate.py: small networks of 96 x 96 pixels on a CPU, that start from training on generated
# scenes as the paper's start from ImageNet. 3 epochs, as in the paper (its teacher: 2).
siblings = dict(
    ts_vitb_r50_cos_global='ts_vitmini_r18_cos_global_tokens',
    co_vitb_r50_cos_global='co_vitmini_r18_cos_global_tokens',
    vitb='vitmini_tokens',
    vitb_hybrid='vitmini_tokens',
    acr_vitb_hybrid='acr_vitmini',
    acr_vitb_hybrid_official='acr_vitmini',
    acr_ts_vitb_r50_cos_global='acr_ts_vitmini_r18_cos_global_tokens',
    **{'deeplabv2_r101_pseudo-321x321': 'segformer_mit-b0_pseudo-512x512'},
    vitb_t1t2='vitmini_t1t2',
    vitb_pixels='vitmini_pixels',
    r50='r18',
    r101='r34',
    r50_pcm='r18_pcm_extra',
    conformer_s='conformer_mini',
    setr_supervised='setr_mini_supervised',
    segmenter_supervised='segmenter_mini_supervised',
    sam_vitb_finetune='sam_mini_finetune',
)
prefixes = dict(ts_vitb_r50='ts_vitmini_r18', co_vitb_r50='co_vitmini_r18')
teacher = 'configs/r18_pcm_extra.py'
control = 'configs/vitmini_tokens.py'
acr_control = 'configs/vitmini_tokens.py'
pretrain = dict(config='configs/pipelines/pretrain.py')
train_variables = dict(img_size=96, epochs=3, num_workers=0, lr=1e-3)
layers = {-5: -4, -4: -3}  # the small ViT has four blocks, not twelve
segmentor_variables = dict(img_size=96, num_workers=0)
# of segmentors that learn our masks
pseudo_segmentor_variables = dict(batch_size=16, epochs=10, lr=5e-4, pretrained=False)
pseudo_variables = dict(img_size=96, size_divisor=8, batch_size=32)
affinity = 'configs/affinity/affinity_mini.py'
