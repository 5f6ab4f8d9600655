# A trained AffinityNet: configs/affinity/*.py.
needs = dict(affinity_checkpoint='configs/affinity/affinity_r50.py')
affinity_checkpoint = 'work_dirs/affinity_r50/epoch_10.pth'
beta = 16
num_squarings = 1
affinity_step = dict(
    type='mmwsss.AffinityRefine',
    checkpoint=affinity_checkpoint,
    checkpoint_command='python tools/train.py configs/affinity/affinity_r50.py',
    beta=beta,
    num_squarings=num_squarings,
)
