# Scale "paper" of tools/ablate.py: the configs of the tables as they are.
siblings = dict()  # stem of a table's config -> stem of the one that takes its place
teacher = 'configs/r50_pcm.py'
control = 'configs/vitb.py'
acr_control = 'configs/vitb_hybrid.py'
pretrain = None
train_variables = dict()
layers = dict()  # block of a table -> block that takes its place
segmentor_variables = dict()
pseudo_segmentor_variables = dict()
pseudo_variables = dict()
affinity = 'configs/affinity/affinity_r50.py'
