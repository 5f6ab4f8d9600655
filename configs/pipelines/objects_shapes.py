# Context decoupling on generated scenes of several classes, each mostly with its surrounding (train: 0.9 with the
# class, 0.1 without; test: 0.5 and 0.5).
_base_ = '../_base_/objects_study.py'
kind = 'pipeline'
work_dir = 'work_dirs/objects_shapes'
title = 'Pasted objects for classifiers: generated scenes of several classes'
seed = 0
img_size = 128
epochs = 3
crop_ratio = 1.0
jitter = 0.0
num_workers = 0

data = 'configs/data/shapes_scenes.py'
generate = dict(
    numbers=dict(train=800, val=100, test=160), size=64, seed=0, train_bias=(0.9, 0.1), test_bias=(0.5, 0.5)
)
