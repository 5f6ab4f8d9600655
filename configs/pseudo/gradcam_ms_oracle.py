# Row "optimal threshold" of Table 4.4: for each image the best of 101 thresholds, chosen on its own ground truth. An
# oracle: an upper bound of what a threshold can do, and no result.
_base_ = './gradcam_ms.py'
evaluation = 'oracle'
