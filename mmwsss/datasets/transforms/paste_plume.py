"""Smoke blended into frames that are known to have none."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmwsss.datasets.composites import Composer
from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.datasets.transforms.seeded import SeededTransform
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.errors import InputError


def lacks_class(results: dict, class_index: int, name: str) -> bool:
    """Whether an image's label says that a class is not there.

    Raises:
        ValueError: If there is no label.
    """
    if 'gt_label' not in results:
        raise InputError(f'Expected gt_label in the results for {name}, but got {sorted(results)}.')
    return class_index not in np.asarray(results['gt_label']).ravel()


def add_label(results: dict, class_index: int) -> None:
    """Add a class to an image's label: to ``gt_label``, and to ``gt_score`` where there is one."""
    results['gt_label'] = np.union1d(results['gt_label'], [class_index]).astype(np.int64)
    if 'gt_score' in results:
        results['gt_score'] = results['gt_score'].copy()
        results['gt_score'][class_index] = 1


@TRANSFORMS.register_module()
class PastePlume(SeededTransform):
    """Blend generated smoke into an image whose label says that it has none; its opacity is known exactly.

    The composite is ``(1 - matte) * clean + matte * colour``. The smoke takes its tone from the frame's light and from
    what is behind it, and the frame's noise, blur and compression. Look-alikes (clouds, haze, fog, glare, dirt; see
    :mod:`mmwsss.datasets.lookalikes`) are pasted by a chance of their own, with smoke and without, and change neither
    label nor matte: the first three lie behind the smoke, the last two before it.

    An image with the class is never changed. What an image gets depends on (seed, epoch, image) alone; the epoch comes
    from :class:`~mmwsss.engine.hooks.SetEpochHook`. Put it behind crops and resizing, and behind changes of colour
    where pairs are kept.

    Required Keys:

    - img: uint8 BGR (H, W, 3)
    - gt_label: class indices of the image
    - sample_idx
    - gt_score, gt_seg_map (optional)

    Modified Keys, where smoke was pasted:

    - img
    - gt_label, gt_score: with the class
    - gt_seg_map: ``class_index + 1`` where the matte is above the composer's ``cut``, the ignore label between
      ``ignore_from`` and it

    Added Keys:

    - plume_matte: float32 (H, W) in [0, 1]; zeros where nothing was pasted
    - img_clean (with ``keep_clean``, for images without the class): uint8 BGR (H, W, 3), the image with its look-alike
      and without smoke

    Args:
        prob: Chance of smoke in an image without the class.
        class_index: Index of smoke among the classes.
        ignore_from: Opacity from which on a pixel below the cut is neither smoke nor background; None: no such band.
        keep_clean: Give ``img_clean``.
        seed: Of :class:`~mmwsss.datasets.transforms.seeded.SeededTransform`.
        **composer: Of :class:`~mmwsss.datasets.composites.Composer`: ``kinds``, ``second``, ``cut``, ``min_share``,
            ``lookalike``, ``lookalikes``, ``quality``, ``ranges``, ``grain``.

    Raises:
        ValueError: If a chance or an opacity is outside [0, 1], or a kind or a look-alike is unknown.
    """

    def __init__(
        self,
        prob: float = 0.55,
        class_index: int = 0,
        ignore_from: float | None = None,
        keep_clean: bool = False,
        seed: int = 0,
        **composer: Any,
    ) -> None:
        super().__init__(seed)
        self.composer = Composer(**composer)
        if not 0 <= prob <= 1:
            raise InputError(f'Expected prob in [0, 1], but got {prob}.')
        if ignore_from is not None and not 0 <= ignore_from <= self.composer.cut:
            raise InputError(f'Expected ignore_from in [0, {self.composer.cut}], but got {ignore_from}.')
        self.prob, self.class_index = prob, class_index
        self.ignore_from, self.keep_clean = ignore_from, keep_clean

    def transform(self, results: dict) -> dict:
        """Paste, or leave the image as it is."""
        results['plume_matte'] = np.zeros(results['img'].shape[:2], np.float32)
        if lacks_class(results, self.class_index, type(self).__name__):
            rng = self.generator(results)
            composite = self.composer.compose(rng, results['img'], bool(rng.random() < self.prob))
            seen = bool(composite.matte.max() > self.composer.cut)  # all but always, where smoke was asked for
            results['img'] = composite.img if seen else composite.clean
            if seen:
                self._label(results, composite.matte)
            if self.keep_clean:
                results['img_clean'] = composite.clean
        return results

    def _label(self, results: dict, matte: np.ndarray) -> None:
        results['plume_matte'] = matte
        add_label(results, self.class_index)
        if 'gt_seg_map' in results:
            labels = results['gt_seg_map'].copy()
            if self.ignore_from is not None:
                labels[matte > self.ignore_from] = IGNORE_LABEL
            labels[matte > self.composer.cut] = self.class_index + 1
            results['gt_seg_map'] = labels

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(prob={self.prob}, class_index={self.class_index}, '
            f'ignore_from={self.ignore_from}, keep_clean={self.keep_clean}, seed={self.seed}, {self.composer})'
        )
