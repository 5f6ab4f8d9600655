# ACR's maps, then an AffinityNet's random walk (beta 36 and background 0.55 in the logs of its authors). First
# make_pseudo with save_cam=True, then train configs/affinity/affinity_r50.py on its maps.
_base_ = ['./acr.py', '../_base_/affinity.py']
evaluation = 'masks'
beta = 36
mask_threshold = 0.55
affinity_step = dict(_base_.affinity_step, beta=beta)
cut_step = dict(_base_.cut_step, threshold=mask_threshold)
pseudo = dict(refine=[affinity_step, cut_step])
