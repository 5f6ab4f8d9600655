# Composites and the counterfactual loss for classifiers on scenes whose chimneys tell the label: 0.95 of the images
# with smoke show one, 0.15 of the others; in the test both are 0.5.
_base_ = '../_base_/pairs_study.py'
kind = 'pipeline'
work_dir = 'work_dirs/pairs_scenes'
title = 'Composites for classifiers: generated scenes'
seed = 0
img_size = 128
epochs = 3
crop_ratio = 1.0
jitter = 0.0
num_workers = 0
acr = True

data = 'configs/data/plume_scenes.py'
generate = dict(
    numbers=dict(train=800, val=100, test=160), size=96, seed=0, train_bias=(0.95, 0.15), test_bias=(0.5, 0.5)
)
