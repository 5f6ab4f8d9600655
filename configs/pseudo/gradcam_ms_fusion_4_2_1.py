# Table 4.5: the mean of the maps of blocks -4, -2, -1, from one pass through the network.
_base_ = './gradcam_ms.py'
target_layers = [-4, -2, -1]
pseudo = dict(generator=dict(target_layers=target_layers))
