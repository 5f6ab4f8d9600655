# Matched control of acr_vitb_hybrid: the same hybrid student without the consistency of pairs.
_base_ = './acr_vitb_hybrid.py'
model = dict(_delete_=True, **_base_.student)
