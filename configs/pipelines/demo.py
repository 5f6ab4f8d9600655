# The whole main job on generated scenes, in a few minutes on two cores. The bias (chance of a chimney given smoke and
# given none) is milder than the instrument's 0.95 / 0.15.
_base_ = '../_base_/small_pipeline.py'
kind = 'pipeline'
work_dir = 'work_dirs/demo'
title = 'mmwsss demo: generated plume scenes'
seed = 0
img_size = 128
epochs = 3
crop_ratio = 1.0
jitter = 0.0
num_workers = 0
segmentor_epochs = 5

data = 'configs/data/plume_scenes.py'
generate = dict(
    numbers=dict(train=800, val=100, test=160), size=96, seed=0, train_bias=(0.7, 0.4), test_bias=(0.5, 0.5)
)
