# Composites and the counterfactual loss for classifiers on real smoke (data/smoke5k_wsss by default).
_base_ = '../_base_/pairs_study.py'
kind = 'pipeline'
dataset_root = 'data/smoke5k_wsss'
work_dir = 'work_dirs/pairs_smoke5k'
title = 'Composites for classifiers: real smoke (smoke5k_wsss)'

data = 'configs/data/smoke5k_wsss.py'
data_options = dict(dataset_root=dataset_root)
