# Row "+ AffinityNet" of Table 4.4a (and AffinityNet of 4.3 on a ResNet-50's maps): random walk over learnt affinities.
# First make_pseudo with save_cam=True, then train configs/affinity/affinity_r50.py on its maps.
_base_ = ['./gradcam_ms_crf.py', '../_base_/affinity.py']
pseudo = dict(refine=[_base_.affinity_step, _base_.cut_step])
