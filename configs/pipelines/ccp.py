# Real photographs of many classes: clothing, tags of people as image labels, small networks on a CPU.
#   python tools/pipeline.py configs/pipelines/ccp.py --cfg-options dataset_root=/path/to/ccp_wsss
_base_ = '../_base_/small_pipeline.py'
kind = 'pipeline'
dataset_root = 'data/ccp_wsss'
work_dir = 'work_dirs/ccp'
title = 'Clothing (ccp_wsss), tags only'
epochs = 12
crop_ratio = 0.7

data = 'configs/data/ccp_wsss.py'
data_options = dict(dataset_root=dataset_root)
