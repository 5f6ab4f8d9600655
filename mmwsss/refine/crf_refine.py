"""Dense CRF on class activation maps."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmwsss.refine.dense_crf import dense_crf
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError

PRESETS: dict[str, dict[str, Any]] = {
    # arXiv 2507.21959's post-processing; its exponent is Table 4.11's best
    'paper': {
        'num_iters': 5,
        'bg_exponent': 16.0,
        'gaussian': {'sxy': 3, 'compat': 5},
        'bilateral': {'sxy': 60, 'srgb': 5, 'compat': 15},
    },
    # the same authors' setting for supervised training, near DeepLab's
    'supervised': {
        'num_iters': 5,
        'bg_exponent': 1.0,
        'gaussian': {'sxy': 3, 'compat': 3},
        'bilateral': {'sxy': 80, 'srgb': 13, 'compat': 10},
    },
    # what most WSSS code takes from IRN for VOC-sized photographs
    'voc': {
        'num_iters': 10,
        'bg_exponent': 1.0,
        'gaussian': {'sxy': 3, 'compat': 3},
        'bilateral': {'sxy': 50, 'srgb': 5, 'compat': 10},
    },
}


def cam_to_probabilities(cam: np.ndarray, bg_exponent: float) -> np.ndarray:
    """Probabilities (n + 1, H, W) of background and n classes: ``(1 - max cam) ** k`` against the maps, normalised.

    A larger exponent k lowers the background's probability, so that weak activations survive (the paper's "scaling
    factor").

    Args:
        cam: float (n, H, W), n >= 1; clipped to [0, 1].
        bg_exponent: k, positive.
    """
    cam = np.clip(cam, 0, 1)
    scores = np.concatenate([(1 - cam.max(0, keepdims=True)) ** bg_exponent, cam])
    return scores / np.maximum(scores.sum(0, keepdims=True), np.finfo(np.float32).tiny)


def matching_exponent(threshold: float, mask_threshold: float) -> float:
    """The exponent k whose probabilities alone cut the maps where a plain threshold does.

    With it a CRF changes a mask by colours and positions, and not because its cut is a lower threshold; k solves
    ``t / (t + (1 - t) ** k) = mask_threshold``.

    Args:
        threshold: The plain threshold t on the maps, in (0, 1).
        mask_threshold: The cut on the CRF's posteriors, in (0, 1).

    Raises:
        ValueError: If a value is outside (0, 1), or no positive exponent does it.
    """
    for name, value in (('threshold', threshold), ('mask_threshold', mask_threshold)):
        if not 0 < value < 1:
            raise InputError(f'Expected {name} in (0, 1), but got {value}.')
    exponent = float(np.log(threshold * (1 - mask_threshold) / mask_threshold) / np.log(1 - threshold))
    if exponent <= 0:
        raise InputError(
            f'Expected threshold < mask_threshold / (1 - mask_threshold), but got {threshold}, {mask_threshold}.'
        )
    return exponent


@TRANSFORMS.register_module()
class CRFRefine(BaseTransform):
    """Replace the maps by the posteriors of a fully connected CRF (Krähenbühl and Koltun, NeurIPS 2011).

    Without any class there is nothing to refine. Colours of the picture and positions in pixels enter the kernels, so
    results depend on the picture's size.

    Required Keys:

    - img: uint8 BGR (H, W, 3)
    - cam: float32 (n, H, W) in [0, 1]
    - classes: int64 (n,), the classes of the maps

    Modified Keys:

    - cam: float32 (n, H, W), posterior probabilities

    Args:
        preset: ``'paper'``, ``'supervised'`` or ``'voc'``; the other arguments change single values of it.
        bg_exponent: Exponent k of the background score ``(1 - max cam) ** k``.
        num_iters: Mean-field iterations.
        gaussian: ``sxy`` and ``compat`` of the smoothness kernel.
        bilateral: ``sxy``, ``srgb`` and ``compat`` of the appearance kernel.
        max_side: Run on a picture shrunk to this longer side and resize the posteriors back; None keeps the size.
        backend: ``'pydensecrf'``, ``'torch'`` (the same algorithm on PyTorch's tensors), or ``'auto'``: ``'torch'``
            where there is a GPU or no pydensecrf (with a warning), else pydensecrf, the faster of the two on a CPU.

    Raises:
        ImportError: If pydensecrf is asked for and missing, with the install line.
        ValueError: If the preset or the backend is unknown.
    """

    def __init__(
        self,
        preset: str = 'paper',
        bg_exponent: float | None = None,
        num_iters: int | None = None,
        gaussian: Mapping[str, float] | None = None,
        bilateral: Mapping[str, float] | None = None,
        max_side: int | None = None,
        backend: str = 'auto',
    ) -> None:
        if backend not in ('auto', 'pydensecrf', 'torch'):
            raise InputError(f"Expected backend 'auto', 'pydensecrf' or 'torch', but got {backend!r}.")
        if preset not in PRESETS:
            raise InputError(f'Expected a preset of {list(PRESETS)}, but got {preset!r}.')
        chosen = PRESETS[preset]
        self.bg_exponent = chosen['bg_exponent'] if bg_exponent is None else bg_exponent
        self.num_iters = chosen['num_iters'] if num_iters is None else num_iters
        self.gaussian = {**chosen['gaussian'], **(gaussian or {})}
        self.bilateral = {**chosen['bilateral'], **(bilateral or {})}
        if self.bg_exponent <= 0 or self.num_iters < 1:
            raise InputError(
                f'Expected bg_exponent > 0 and num_iters >= 1, but got {self.bg_exponent} and {self.num_iters}.'
            )
        self.max_side = max_side
        on_gpu = torch.cuda.is_available()
        self.device = 'cuda' if on_gpu else 'cpu'
        self.backend = ('torch' if on_gpu else _installed_backend()) if backend == 'auto' else backend
        if self.backend == 'pydensecrf':
            require('pydensecrf.densecrf', type(self).__name__)

    @property
    def cpu_bound(self) -> bool:
        """Whether it keeps a core busy."""
        return self.backend == 'pydensecrf' or self.device == 'cpu'

    def transform(self, results: dict) -> dict:
        """Refine."""
        img, cam = results['img'], results['cam']
        if img.shape[:2] != cam.shape[1:]:
            raise ValueError(f'Expected img and cam of one size, but got {img.shape[:2]} and {cam.shape[1:]}.')
        if not len(cam):
            return results
        height, width = img.shape[:2]
        probabilities = cam_to_probabilities(cam, self.bg_exponent)
        shrink = 1.0 if self.max_side is None else min(1.0, self.max_side / max(height, width))
        if shrink < 1:
            size = (max(round(width * shrink), 1), max(round(height * shrink), 1))
            img = cv2.resize(img, size, interpolation=cv2.INTER_AREA)
            probabilities = _resize(probabilities, size, cv2.INTER_AREA)
        posterior = self.posterior(np.ascontiguousarray(img[..., ::-1]), probabilities)
        if shrink < 1:
            posterior = _resize(posterior, (width, height), cv2.INTER_LINEAR)
        results['cam'] = posterior[1:]
        return results

    def posterior(self, img: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Mean-field posteriors.

        Args:
            img: uint8 RGB (H, W, 3), contiguous.
            probabilities: float (n, H, W), summing to one.

        Returns:
            np.ndarray: float32 (n, H, W).

        Raises:
            ValueError: If the picture is of another type: its grey levels are the kernel's unit.
        """
        if img.dtype != np.uint8:
            raise InputError(f'Expected a uint8 picture (H, W, 3) in [0, 255], but got {img.dtype}.')
        if self.backend == 'torch':
            return dense_crf(img, probabilities, self.num_iters, self.gaussian, self.bilateral, self.device)
        densecrf = require('pydensecrf.densecrf', type(self).__name__)
        unary_from_softmax = require('pydensecrf.utils', type(self).__name__).unary_from_softmax
        labels, height, width = probabilities.shape
        crf = densecrf.DenseCRF2D(width, height, labels)
        crf.setUnaryEnergy(np.ascontiguousarray(unary_from_softmax(probabilities.astype(np.float32))))
        crf.addPairwiseGaussian(**self.gaussian)
        crf.addPairwiseBilateral(rgbim=img, **self.bilateral)
        return np.array(crf.inference(self.num_iters), np.float32).reshape(labels, height, width)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(bg_exponent={self.bg_exponent}, num_iters={self.num_iters}, '
            f'gaussian={self.gaussian}, bilateral={self.bilateral}, max_side={self.max_side}, '
            f'backend={self.backend!r})'
        )


def _installed_backend() -> str:
    try:
        require('pydensecrf.densecrf', 'CRFRefine')
    except ImportError as error:
        warnings.warn(f'The CRF runs on PyTorch, which is slower on a CPU: {error}', stacklevel=3)
        return 'torch'
    return 'pydensecrf'


def _resize(maps: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    return np.stack([cv2.resize(m.astype(np.float32), size, interpolation=interpolation) for m in maps])
