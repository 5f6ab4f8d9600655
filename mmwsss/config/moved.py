"""Configs that went away, and what takes their place: an old command says what to use."""

from __future__ import annotations

_SMALL = '{} with --scale small'
_OURS = 'head_type=mmwsss.PooledHead student_map=class_maps teacher_maps=classes'
"""Classifier and loss on the student's own class maps, as the small configs had them."""
_LOSSES = (
    'bernoulli_logits', 'cos_channel', 'cos_inner', 'cos_spatial', 'cos_spatialmap', 'kl_logits', 'l1_global',
    'l2_global', 'cos_global_lambda03', 'cos_global_lambda05', 'cos_global_lambda08', 'cos_global_lambda13',
    'cos_global_lambda15',
)  # fmt: skip
_CO_LOSSES = ('cos_channel', 'cos_channel_noproj', 'cos_spatial', 'l1_global', 'l2_global')

MOVED: dict[str, str] = {
    **{f'ts_vitmini_r18_{loss}.py': _SMALL.format(f'configs/ts_vitb_r50_{loss}.py') for loss in _LOSSES},
    **{f'co_vitmini_r18_{loss}.py': _SMALL.format(f'configs/co_vitb_r50_{loss}.py') for loss in _CO_LOSSES},
    'ts_vitmini_r18_cos_global_tokens.py': _SMALL.format('configs/ts_vitb_r50_cos_global.py'),
    'co_vitmini_r18_cos_global_tokens.py': _SMALL.format('configs/co_vitb_r50_cos_global.py'),
    'ts_vitmini_r18_cos_global.py': f'{_SMALL.format("configs/ts_vitb_r50_cos_global.py")} and the options {_OURS}',
    'co_vitmini_r18_cos_global.py': f'{_SMALL.format("configs/co_vitb_r50_cos_global.py")} and the options {_OURS}',
    'vitmini.py': f'{_SMALL.format("configs/vitb.py")} and the option head_type=mmwsss.PooledHead',
    'vitmini_tokens.py': _SMALL.format('configs/vitb.py'),
    'vitmini_t1t2.py': _SMALL.format('configs/vitb_t1t2.py'),
    'vitmini_pixels.py': _SMALL.format('configs/vitb_pixels.py'),
    'acr_vitmini.py': _SMALL.format('configs/acr_vitb_hybrid.py'),
    'acr_ts_vitmini_r18_cos_global_tokens.py': _SMALL.format('configs/acr_ts_vitb_r50_cos_global.py'),
    'r18.py': _SMALL.format('configs/r50.py'),
    'r34.py': _SMALL.format('configs/r101.py'),
    'r18_pcm.py': f'{_SMALL.format("configs/r50_pcm.py")} and the option teacher_maps=classes',
    'r18_pcm_extra.py': _SMALL.format('configs/r50_pcm.py'),
    'ablation/paper.py': 'configs/scales/paper.py',
    'ablation/small.py': 'configs/scales/small.py',
    'ablation/shapes.py': 'configs/scales/small_shapes.py',
    '_base_/paper.py': 'configs/_base_/paper_recipe.py',
    '_base_/small.py': 'configs/_base_/small_recipe.py',
    '_base_/vitmini_r18.py': 'configs/_base_/lite0.py',
    '_base_/datasets/smoke5k.py': 'configs/_base_/data_sets.py',
    'data/ccp.py': 'configs/data/ccp_wsss.py',
}
"""Path below ``configs`` of what went away, and what to use."""

GONE: dict[str, str] = {
    'pipelines/pretrain.py': 'nothing takes its place, as the networks of scale small start from ImageNet weights',
}
"""Path below ``configs`` of what went away without a successor, and why."""


def advice(name: str) -> str | None:
    """What to do without a config that went away, as the end of a sentence; ``None`` for any other name.

    Args:
        name: Its path below ``configs``.
    """
    return f'use {MOVED[name]}' if name in MOVED else GONE.get(name)
