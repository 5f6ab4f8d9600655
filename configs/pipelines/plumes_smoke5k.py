# Real smoke from image labels, by way of smoke that is blended into smoke-free images: a segmentor on composites, and
# two rounds of self-training on its masks. No mask of training or test is used, cuts included; sizes,
# steps and the cuts of the second round were found on the validation masks of this very set.
#   python tools/pipeline.py configs/pipelines/plumes_smoke5k.py --cfg-options dataset_root=/path/to/smoke5k_wsss
_base_ = '../_base_/small_pipeline.py'
kind = 'pipeline'
dataset_root = 'data/smoke5k_wsss'
work_dir = 'work_dirs/plumes_smoke5k'
title = 'Real smoke (smoke5k_wsss), image labels and generated plumes only'
plumes = True

data = 'configs/data/smoke5k_wsss.py'
data_options = dict(dataset_root=dataset_root)
