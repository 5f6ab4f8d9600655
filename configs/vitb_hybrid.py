# Matched control of acr_vitb_hybrid: the same hybrid student without the consistency of pairs.
_base_ = './_base_/hybrid.py'
model = _base_.student
