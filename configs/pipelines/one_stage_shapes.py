# One stage against two on generated scenes of several classes.
_base_ = '../_base_/one_stage_pipeline.py'
kind = 'pipeline'
work_dir = 'work_dirs/one_stage_shapes'
title = 'One stage against two: generated scenes of several classes'
img_size = 128
crop_ratio = 1.0
classifier_epochs = 3
one_epochs = 10

data = 'configs/data/shapes_scenes.py'
generate = dict(
    numbers=dict(train=800, val=100, test=160), size=64, seed=0, train_bias=(0.9, 0.1), test_bias=(0.5, 0.5)
)
