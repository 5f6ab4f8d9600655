# Real smoke from image labels, by way of smoke that is blended into smoke-free images: a segmentor on composites, and
# two rounds of self-training on its masks. No mask by anybody is used, cuts included.
#   python tools/pipeline.py configs/pipelines/plumes_smoke5k.py --cfg-options dataset_root=/path/to/smoke5k_wsss
kind = 'pipeline'
dataset_root = 'data/smoke5k_wsss'
work_dir = 'work_dirs/plumes_smoke5k'
title = 'Real smoke (smoke5k_wsss), image labels and generated plumes only'
seed = 42
scale = None
img_size = 192
epochs = 20  # of 30 steps each, on composites alone
round_epochs = 15  # likewise, of each round

data = 'configs/data/smoke5k_wsss.py'
data_options = dict(dataset_root=dataset_root)

_net = dict(img_size=img_size, num_workers=1)
_masks = dict(config='configs/pseudo/segmentor.py', options=dict(img_size=img_size))
_round = dict(config='configs/seg/lite0_plumes_pseudo.py', options=dict(**_net, epochs=round_epochs))
runs = dict(
    segmentor_0=dict(config='configs/seg/lite0_plumes.py', options=dict(**_net, epochs=epochs)),
    masks_1=dict(**_masks, of='segmentor_0'),
    segmentor_1=dict(**_round, masks='masks_1', inputs=dict(segmentor_init='segmentor_0')),
    masks_2=dict(**_masks, of='segmentor_1'),
    segmentor_2=dict(**_round, masks='masks_2', inputs=dict(segmentor_init='segmentor_1')),
)
