"""From a checkpoint to ONNX."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch.nn as nn
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmwsss.apis.inference import init_classifier
from mmwsss.apis.networks import is_segmentor
from mmwsss.datasets.metainfo import png_palette, segmentation_classes
from mmwsss.datasets.pictures import read_picture
from mmwsss.exports.onnx_class_maps import compare_maps_with_torch, export_class_maps
from mmwsss.exports.onnx_int8 import iou_of, labels_alike, quantise
from mmwsss.exports.onnx_segmentor import compare_with_torch, export_segmentor
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import file_sha256
from mmwsss.version import __version__
from mmwsss.weights.checkpoints import read_checkpoint
from mmwsss.weights.embedded_config import model_config

_ALIKE, _ALIKE_INT8 = 0.999, 0.995  # shares of labels below which nothing is written
_LOSS_INT8 = 0.005  # of IoU, above which nothing is written


def load_segmentor(checkpoint: str | Path, config: Config | None = None) -> tuple[nn.Module, list[str]]:
    """Build a segmentor of MMSegmentation on the CPU and load its weights.

    Args:
        checkpoint: The weights; a checkpoint of a runner carries its config.
        config: For a checkpoint that carries none, or to overrule it.

    Returns:
        tuple: the network in eval mode, and the names of its classes, background first.

    Raises:
        ValueError: If the checkpoint does not fit, or says nothing of its classes.
    """
    content = read_checkpoint(checkpoint)
    config = model_config(content, checkpoint, config)
    init_default_scope(config.get('default_scope', 'mmseg'))
    settings = copy.deepcopy(config.model)  # a ConfigDict, whose keys the segmentor reads as attributes
    settings.pretrained = None
    settings.backbone.pop('init_cfg', None)  # the checkpoint has all weights
    model = MODELS.build(settings)
    try:
        model.load_state_dict(content.get('state_dict', content))
    except RuntimeError as error:
        raise InputError(f'The checkpoint {checkpoint} does not fit the model: {error}') from error
    classes = (content.get('meta') or {}).get('dataset_meta', {}).get('classes')
    if not classes:
        raise InputError(f'Expected names of classes in {checkpoint}, but its dataset_meta has none.')
    return model.eval(), list(classes)


def _normalization(model: Any) -> tuple[list[float], list[float]]:
    """Mean and deviation of RGB by which the network's preprocessor normalises."""
    normal = model.data_preprocessor
    if not getattr(normal, '_enable_normalize', False):
        return [0.0] * 3, [1.0] * 3
    return normal.mean.flatten().tolist(), normal.std.flatten().tolist()


def export_onnx(
    checkpoint: str | Path,
    out: str | Path,
    config: Config | None = None,
    size: tuple[int, int] | None = None,
    free_size: bool = False,
    pictures: Sequence[str | Path] = (),
    int8: bool = False,
    threshold: float | None = None,
    val: Sequence[tuple[Path, Path]] = (),
) -> dict[str, Any]:
    """Write a segmentor, or a classifier with class maps, as ONNX, compared with PyTorch before it counts.

    Args:
        checkpoint: The weights.
        out: The ONNX file.
        config: For a checkpoint that carries none.
        size: Height and width; by default the size that a segmentor's preprocessor pads to.
        free_size: Whether the network takes any size.
        pictures: Paths to compare with, and to take 8-bit ranges from; random ones are used beside them.
        int8: Write the 8-bit network; needs pictures, and a segmentor.
        threshold: Of a classifier: where ``mmwsss-lite`` cuts its maps, in (0, 1); by default 0.3. A segmentor has its
            own in its weights: :func:`mmwsss.weights.threshold_shift.write_at_threshold` (``mmwsss set_threshold``).
        val: Pictures with masks, to measure what 8 bits cost.

    Returns:
        dict: ``labels_alike`` and ``largest_difference`` to PyTorch, ``bytes``; with ``int8`` also
        ``int8_labels_alike``, and with ``val`` ``iou`` and ``int8_iou``.

    Raises:
        ValueError: If the maps of a classifier need a gradient, the labels agree on too few pixels, or 8 bits cost more
            than 0.5 points of IoU (without ``val``: change more than 0.5 % of the labels); then no file is left.
    """
    out = Path(out)
    content = read_checkpoint(checkpoint)
    segmentor = is_segmentor(content, checkpoint, config)
    if segmentor:
        model, classes = load_segmentor(checkpoint, config)
        size = size or getattr(model.data_preprocessor, 'size', None)
    else:
        model = init_classifier(checkpoint, config, device='cpu')
        if model.class_names is None:
            raise InputError(f'Expected names of classes in {checkpoint}, but its dataset_meta has none.')
        classes = list(segmentation_classes(model.class_names))
    if size is None:
        raise InputError(f'Expected a size (height, width) for {checkpoint}, which names none itself (--size).')
    if segmentor and threshold is not None:
        raise InputError(
            f'Expected no threshold for the segmentor {checkpoint}: mmwsss set_threshold writes one with another.'
        )
    threshold = 0.3 if threshold is None else threshold
    if int8 and not segmentor:
        raise InputError(f'Expected a segmentor for 8 bits, but {checkpoint} is a classifier.')
    height, width = size
    rng = np.random.default_rng(0)
    seen = [cv2.resize(read_picture(path), (width, height)) for path in pictures]
    compared = [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(4)] + seen[:8]
    table = png_palette(len(classes) - 1)
    mean, std = _normalization(model)
    metadata = {
        'mean': mean,  # of RGB in [0, 255]; the network normalises by itself
        'std': std,
        'palette': [list(table[3 * value : 3 * value + 3]) for value in range(256)],
        'mmwsss': __version__,
        'checkpoint_sha256': file_sha256(checkpoint),
    }
    if segmentor:  # of the probability, as it is inside the weights
        metadata['threshold'] = (content.get('meta') or {}).get('at_threshold', 0.5)
        export_segmentor(model, out, (height, width), classes, free_size, metadata)
    else:
        export_class_maps(model, out, (height, width), classes[1:], threshold, free_size, metadata)
    try:
        if segmentor:
            result: dict[str, Any] = compare_with_torch(model, out, compared)
        else:
            result = compare_maps_with_torch(model, out, compared, threshold)
        if result['labels_alike'] < _ALIKE:
            raise InputError(
                f'Expected labels as PyTorch gives them on {_ALIKE:.1%} of the pixels, but got '
                f'{result["labels_alike"]:.3%}. Nothing was written to {out}.'
            )
        if int8:
            result.update(_to_int8(out, seen, val))
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return {**result, 'bytes': out.stat().st_size}


def _to_int8(out: Path, seen: Sequence[np.ndarray], val: Sequence[tuple[Path, Path]]) -> dict[str, float]:
    """Put the 8-bit network in the place of the whole one; gives what it changes."""
    whole = out.with_name(f'.{out.name}.float')
    out.replace(whole)
    try:
        quantise(whole, out, seen)
        result = {'int8_labels_alike': labels_alike(whole, out, seen)}
        if val:
            result.update(iou=iou_of(whole, val), int8_iou=iou_of(out, val))
    finally:
        whole.unlink()
    if val and result['iou'] - result['int8_iou'] > _LOSS_INT8:
        raise InputError(
            f'Expected 8 bits to cost at most {_LOSS_INT8:.1%} of IoU, but it goes from {result["iou"]:.2%} to '
            f'{result["int8_iou"]:.2%}. Nothing was written to {out}.'
        )
    if not val and result['int8_labels_alike'] < _ALIKE_INT8:
        raise InputError(
            f'Expected the labels of the 8-bit network to agree on {_ALIKE_INT8:.1%} of the cells, but got '
            f'{result["int8_labels_alike"]:.3%}. Nothing was written to {out}: pictures with masks (--val-pictures, '
            f'--val-masks) tell whether the IoU suffers.'
        )
    return result
