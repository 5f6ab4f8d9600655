# gradcam_ms, tested on the photos whose masks vitb_pixels did not train on.
_base_ = './gradcam_ms.py'
test_set = _base_.heldout_set
