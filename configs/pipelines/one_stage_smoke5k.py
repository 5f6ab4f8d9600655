# One stage against two on real smoke, image labels only.
#   python tools/pipeline.py configs/pipelines/one_stage_smoke5k.py --cfg-options dataset_root=/path/to/smoke5k_wsss
_base_ = '../_base_/one_stage_pipeline.py'
kind = 'pipeline'
dataset_root = 'data/smoke5k_wsss'
work_dir = 'work_dirs/one_stage_smoke5k'
title = 'One stage against two: real smoke (smoke5k_wsss)'
composites = True

data = 'configs/data/smoke5k_wsss.py'
data_options = dict(dataset_root=dataset_root)
