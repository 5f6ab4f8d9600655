# One stage with all-pairs consistency of attention between an image and its mirror image (ACR). Twice the passes.
_base_ = './one_stage_lite0.py'
vit = True
pairs_weight = 100.0
