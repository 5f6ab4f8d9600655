"""Heads: features in, logits and class maps out."""

from mmwsss.models.heads.class_token_head import ClassTokenHead
from mmwsss.models.heads.image_label_head import ImageLabelHead
from mmwsss.models.heads.pcm_head import PCMHead
from mmwsss.models.heads.pooled_head import PooledHead
from mmwsss.models.heads.transcam_head import TransCAMHead

__all__ = ['ClassTokenHead', 'ImageLabelHead', 'PCMHead', 'PooledHead', 'TransCAMHead']
