"""Classifiers whose class maps come from one forward pass (CAM, PCM), as ONNX."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn as nn

from mmwsss.exports.onnx_segmentor import INPUT, example, write_graph
from mmwsss.models.backbones.kept_features import keep_nothing
from mmwsss.models.heads import PCMHead, PooledHead
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError, InputTypeError

MAPS, SCORES = 'maps', 'scores'
KIND = 'class_maps'
"""What the file says of itself, by which ``mmwsss-lite`` knows it."""


class ClassMapGraph(nn.Module):
    """A classifier from RGB values to its class maps and scores; what the preprocessor does is inside.

    Args:
        classifier: A :class:`~mmwsss.models.classifiers.MapClassifier` whose head has class maps of its own.

    Shape:
        - input: float32 (n, 3, h, w), RGB in [0, 255], the picture at the network's size
        - output: maps, float32 (n, K, h', w'), not negative, not normalised; scores, float32 (n, K), the classes'
          probabilities

    Raises:
        ValueError: If maps of the classifier need more than one forward pass.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, classifier: Any) -> None:
        super().__init__()
        if not hasattr(classifier, 'cam_classifier'):
            raise InputTypeError(f'Expected a classifier with maps, but got {type(classifier).__name__}.')
        head = getattr(classifier.cam_classifier, 'head', None)
        if not isinstance(head, (PooledHead, PCMHead)):
            raise InputError(
                f'Expected a head whose class maps are all that it says (PooledHead, PCMHead), but got '
                f'{type(head).__name__}: maps that need a gradient (Grad-CAM) or attention cannot be exported.'
            )
        self.classifier: Any = copy.deepcopy(classifier.eval().cam_classifier)
        keep_nothing(self.classifier)  # a graph reads no files
        preprocessor = self.classifier.data_preprocessor
        mean, std = (
            getattr(preprocessor, 'mean', torch.zeros(3, 1, 1)),
            getattr(preprocessor, 'std', torch.ones(3, 1, 1)),
        )
        self.register_buffer('mean', mean.detach().clone().float().reshape(1, 3, 1, 1))
        self.register_buffer('std', std.detach().clone().float().reshape(1, 3, 1, 1))
        self.flip = not getattr(preprocessor, 'to_rgb', True)  # networks trained on BGR get BGR

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See Shape."""
        image = image.flip(1) if self.flip else image
        head = self.classifier.head
        maps = head.class_maps(self.classifier.extract_feat((image - self.mean) / self.std))
        return maps[:, : head.num_classes].relu(), head.logits_of(maps).sigmoid()


def export_class_maps(
    classifier: nn.Module,
    path: str | Path,
    size: tuple[int, int],
    classes: Sequence[str],
    threshold: float = 0.3,
    free_size: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a classifier with class maps as one ONNX file; see :func:`~mmwsss.exports.onnx_segmentor.export_segmentor`.

    Args:
        classifier: On the CPU.
        path: The file.
        size: Height and width that the network is made for.
        classes: Names of the K classes, without the background.
        threshold: Where ``mmwsss-lite`` cuts a map, in (0, 1), as a share of its maximum.
        free_size: Whether the network takes any size.
        metadata: More that is kept in the file, as JSON.

    Raises:
        ImportError: If onnx (or onnxscript) is missing.
        ValueError: If maps need a gradient, the names do not fit, or the threshold is out of its range.
    """
    if not 0 < threshold < 1:
        raise InputError(f'Expected threshold in (0, 1), but got {threshold}.')
    graph = ClassMapGraph(classifier)
    number = graph.classifier.num_classes
    if number != len(classes):
        raise InputError(f'Expected {number} names of classes, but got {list(classes)}.')
    kept = {
        'kind': KIND,
        'classes': ['background', *classes],
        'size': list(size),
        'free_size': free_size,
        'align_corners': False,
        'threshold': threshold,
        **(metadata or {}),
    }
    write_graph(graph, path, example(size), [MAPS, SCORES], free_size, kept)


def compare_maps_with_torch(
    classifier: nn.Module, path: str | Path, pictures: Sequence[np.ndarray], threshold: float
) -> dict[str, float]:
    """How near an ONNX file comes to the classifier that it was made of.

    Args:
        classifier: The network.
        path: The ONNX file.
        pictures: uint8 RGB (h, w, 3), at a size that the file takes.
        threshold: Where maps are cut.

    Returns:
        dict: ``labels_alike``, the share of the pixels on which the cut maps of all classes agree, in [0, 1];
        ``largest_difference`` of the maps, and ``largest_logit``, the highest value of a map, to judge it by.
    """
    runtime = require('onnxruntime', 'The comparison with ONNX')
    session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    graph = ClassMapGraph(classifier)
    alike = total = 0
    difference = largest = 0.0
    for picture in pictures:
        image = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
        with torch.no_grad():
            expected, _ = graph(torch.from_numpy(image))
        found = torch.from_numpy(session.run([MAPS], {INPUT: image})[0])
        difference = max(difference, float((expected - found).abs().max()))
        largest = max(largest, float(expected.max()))
        cut = [_cut(maps, picture.shape[:2], threshold) for maps in (expected, found)]
        alike += int((cut[0] == cut[1]).all(1).sum())
        total += cut[0][:, 0].numel()
    return {'labels_alike': alike / total, 'largest_difference': difference, 'largest_logit': largest}


def _cut(maps: torch.Tensor, size: tuple[int, int], threshold: float) -> torch.Tensor:
    full = nn.functional.interpolate(maps, size, mode='bilinear')
    return full > threshold * full.amax((2, 3), keepdim=True).clamp(min=1e-12)
