"""What the tools call: train, test, make pseudo masks, evaluate maps, run a whole pipeline."""

from mmwsss.apis.cam_evaluation import evaluate_cams, evaluate_protocol, label_source
from mmwsss.apis.exact_resume import ExactResumeHook
from mmwsss.apis.inference import init_classifier
from mmwsss.apis.lr_range import LrRangeHook, lr_range_test
from mmwsss.apis.pipeline import Pipeline, load_pipeline
from mmwsss.apis.pseudo_masks import make_pseudo
from mmwsss.apis.scenes import export_scenes
from mmwsss.apis.training import test, train

__all__ = [
    'ExactResumeHook',
    'LrRangeHook',
    'Pipeline',
    'evaluate_cams',
    'evaluate_protocol',
    'export_scenes',
    'init_classifier',
    'label_source',
    'load_pipeline',
    'lr_range_test',
    'make_pseudo',
    'test',
    'train',
]
