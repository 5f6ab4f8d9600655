# ACR's maps at the one threshold whose mean IoU is best on the ground truth of the test set: an oracle, as the
# literature reports the 1,464 training images of VOC.
_base_ = './acr.py'
evaluation = 'oracle_threshold'
