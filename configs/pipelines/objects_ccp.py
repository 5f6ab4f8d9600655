# Context decoupling on clothing (data/ccp_wsss by default), tags only.
_base_ = '../_base_/objects_study.py'
kind = 'pipeline'
dataset_root = 'data/ccp_wsss'
work_dir = 'work_dirs/objects_ccp'
title = 'Pasted objects for classifiers: clothing (ccp_wsss)'
epochs = 12
crop_ratio = 0.7

data = 'configs/data/ccp_wsss.py'
data_options = dict(dataset_root=dataset_root)
