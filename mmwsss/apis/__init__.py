"""What the tools call: train, test, make pseudo masks, evaluate maps."""

from mmwsss.apis.cam_evaluation import build_images, evaluate_cams, evaluate_protocol, label_source
from mmwsss.apis.inference import init_classifier, init_for_maps
from mmwsss.apis.inferencer import MaskInferencer
from mmwsss.apis.label_cuts import label_cuts
from mmwsss.apis.lr_range import lr_range_test
from mmwsss.apis.position_prior import position_prior
from mmwsss.apis.pseudo_masks import make_pseudo
from mmwsss.apis.training import test, train

__all__ = [
    'MaskInferencer',
    'build_images',
    'evaluate_cams',
    'evaluate_protocol',
    'init_classifier',
    'init_for_maps',
    'label_cuts',
    'label_source',
    'lr_range_test',
    'make_pseudo',
    'position_prior',
    'test',
    'train',
]
