"""Class activation maps."""

from mmwsss.cam.generator import CAMGenerator, CAMs
from mmwsss.cam.layer_tap import LayerTap, target_layers

__all__ = ['CAMGenerator', 'CAMs', 'LayerTap', 'target_layers']
