# All-pairs consistency (ACR) on the hybrid of ResNetV2-50 and ViT-B/16, the sound way: real data-parallel gradients,
# AdamW, batch 16. Many classes: --data configs/data/voc12.py.
_base_ = './_base_/hybrid.py'
control = 'configs/vitb_hybrid.py'
alpha = 125.0  # VOC; 100 for COCO
model = dict(type='mmwsss.AllPairsConsistency', model=_base_.student, activation_weight=alpha, affinity_weight=alpha)
