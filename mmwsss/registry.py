"""Registry nodes of mmwsss: children of MMEngine's root registries, scope ``mmwsss``.

A config keeps its host as ``default_scope`` (``mmpretrain`` to train classifiers, ``mmseg`` to train segmentors) and
names our components ``mmwsss.X``: with our own scope as default a host would look for its defaults here.
"""

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import TASK_UTILS as MMENGINE_TASK_UTILS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

DATASETS = Registry('dataset', parent=MMENGINE_DATASETS, scope='mmwsss', locations=['mmwsss.datasets'])
DATA_SAMPLERS = Registry('data sampler', parent=MMENGINE_DATA_SAMPLERS, scope='mmwsss', locations=['mmwsss.datasets'])
TRANSFORMS = Registry(
    'transform',
    parent=MMENGINE_TRANSFORMS,
    scope='mmwsss',
    locations=['mmwsss.datasets.transforms', 'mmwsss.refine'],
)
MODELS = Registry('model', parent=MMENGINE_MODELS, scope='mmwsss', locations=['mmwsss.models'])
TASK_UTILS = Registry('task util', parent=MMENGINE_TASK_UTILS, scope='mmwsss', locations=['mmwsss.cam'])
METRICS = Registry('metric', parent=MMENGINE_METRICS, scope='mmwsss', locations=['mmwsss.evaluation'])
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, scope='mmwsss', locations=['mmwsss.engine.hooks'])

__all__ = ['DATASETS', 'DATA_SAMPLERS', 'HOOKS', 'METRICS', 'MODELS', 'TASK_UTILS', 'TRANSFORMS']
