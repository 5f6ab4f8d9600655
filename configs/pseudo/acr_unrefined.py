# ACR's localisation without the last step, the spreading by the attention of all blocks.
_base_ = './acr.py'
method = 'acr_unrefined'
pseudo = dict(generator=dict(method=method))
