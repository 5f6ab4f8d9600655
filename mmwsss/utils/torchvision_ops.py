"""Make ``import torchvision`` work beside a torch that its binary does not match.

The wheels of torchvision on package indices are linked against one build of torch. Beside another build (a CPU torch,
most often) the binary cannot be loaded, ``torchvision::nms`` and ``torchvision::qnms`` stay undeclared, and the first
``import torchvision`` dies on ``operator torchvision::nms does not exist``. Neither training nor inference here needs
the binary: only the two declarations are missing. They are made at the first ``import torchvision``, by whomever, so
that ``import mmwsss`` itself needs neither torchvision nor torch.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mmwsss.utils.import_hooks import on_import

if TYPE_CHECKING:
    from torch import Tensor
    from torch.library import Library

_LIBRARY: Library | None = None  # declarations live as long as this object


def plain_nms(dets: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Greedy non-maximum suppression in plain PyTorch.

    Args:
        dets: Boxes (N, 4) in XYXY order.
        scores: Scores (N,).
        iou_threshold: Boxes that overlap a better one by more than this are dropped.

    Returns:
        Tensor: int64 indices of the boxes kept, by decreasing score.
    """
    import torch

    order = torch.argsort(scores, descending=True, stable=True)
    area = (dets[:, 2] - dets[:, 0]) * (dets[:, 3] - dets[:, 1])
    kept = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        top_left = torch.maximum(dets[best, :2], dets[order, :2])
        bottom_right = torch.minimum(dets[best, 2:], dets[order, 2:])
        inter = (bottom_right - top_left).clamp(min=0).prod(1)
        order = order[inter <= iou_threshold * (area[best] + area[order] - inter)]
    return torch.stack(kept) if kept else order


def _binary_loads() -> bool:
    import torch

    spec = importlib.util.find_spec('torchvision')
    if spec is None or spec.origin is None:
        return True  # nothing to cure: the importer gets Python's own error
    binaries = list(Path(spec.origin).parent.glob('_C*.so')) + list(Path(spec.origin).parent.glob('_C*.pyd'))
    try:
        for binary in binaries:
            torch.ops.load_library(str(binary))
    except (OSError, RuntimeError):
        return False
    return bool(binaries)


def cure_torchvision() -> None:
    """Let the first ``import torchvision`` work; do nothing where it was imported before."""
    on_import('torchvision', before=_declare_operators)


def _declare_operators() -> None:
    """Declare the operators that a torchvision with an unusable binary lacks; nothing where the binary loads."""
    global _LIBRARY
    if _LIBRARY is not None or _binary_loads():
        return
    from torch.library import Library

    _LIBRARY = Library('torchvision', 'DEF')
    _LIBRARY.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    _LIBRARY.define(
        'qnms(Tensor dets, Tensor scores, float scale_dets, int zero_point_dets, float scale_scores, '
        'int zero_point_scores, float iou_threshold) -> Tensor'
    )
    _LIBRARY.impl('nms', plain_nms, 'CompositeExplicitAutograd')
    on_import('torchvision.ops.boxes', after=_drop_guard)


def _drop_guard(boxes: ModuleType) -> None:
    """``nms`` works now; its guard looks for the binary."""
    vars(boxes)['_assert_has_ops'] = lambda: None
