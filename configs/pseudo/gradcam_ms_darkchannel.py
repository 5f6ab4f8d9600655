# Not in the paper's tables: the map weighted by the dark-channel prior, low where some colour is dark.
_base_ = './gradcam_ms_crf.py'
dark_channel_weight = 0.5
dark_channel_step = dict(type='mmwsss.DarkChannelRefine', weight=dark_channel_weight)
pseudo = dict(refine=[dark_channel_step, _base_.cut_step])
