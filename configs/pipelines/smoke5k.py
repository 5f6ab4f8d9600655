# Real smoke (data/smoke5k_wsss by default), small networks on a CPU: the method alone, without generated plumes, which
# plumes_smoke5k.py has.
#   python tools/pipeline.py configs/pipelines/smoke5k.py --cfg-options dataset_root=/path/to/smoke5k_wsss
_base_ = '../_base_/small_pipeline.py'
kind = 'pipeline'
dataset_root = 'data/smoke5k_wsss'
work_dir = 'work_dirs/smoke5k'
title = 'Real smoke (smoke5k_wsss), image labels only'

data = 'configs/data/smoke5k_wsss.py'
data_options = dict(dataset_root=dataset_root)
