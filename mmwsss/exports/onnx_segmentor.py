"""MMSegmentation's segmentors as ONNX."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn as nn

from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError, InputTypeError
from mmwsss.utils.files import atomic_write

INPUT, OUTPUT = 'image', 'logits'
_LEGACY_OPSET, _DYNAMO_OPSET = 17, 18


class SegmentorGraph(nn.Module):
    """A segmentor from RGB values to the logits of its head; what the preprocessor does is inside.

    Args:
        segmentor: An ``EncoderDecoder`` of MMSegmentation.

    Shape:
        - input: float32 (n, 3, h, w), RGB in [0, 255], the picture at the network's size
        - output: float32 (n, C, h', w'), at the head's own size, background first

    Raises:
        TypeError: If the network has no encoder and head.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, segmentor: nn.Module) -> None:
        super().__init__()
        if not hasattr(segmentor, 'decode_head') or not hasattr(segmentor, 'extract_feat'):
            raise InputTypeError(f'Expected an EncoderDecoder of MMSegmentation, but got {type(segmentor).__name__}.')
        self.segmentor = segmentor.eval()
        preprocessor: Any = segmentor.data_preprocessor
        mean, std = (
            getattr(preprocessor, 'mean', torch.zeros(3, 1, 1)),
            getattr(preprocessor, 'std', torch.ones(3, 1, 1)),
        )
        self.register_buffer('mean', mean.detach().clone().float().reshape(1, 3, 1, 1))
        self.register_buffer('std', std.detach().clone().float().reshape(1, 3, 1, 1))
        self.flip = not getattr(preprocessor, 'channel_conversion', True)  # networks trained on BGR get BGR

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """See Shape."""
        image = image.flip(1) if self.flip else image
        return self.segmentor((image - self.mean) / self.std, mode='tensor')


def export_segmentor(
    segmentor: nn.Module,
    path: str | Path,
    size: tuple[int, int],
    classes: Sequence[str],
    free_size: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a segmentor as one ONNX file.

    The number of pictures is free. With a fixed size PyTorch's older exporter is used, whose graphs run faster; it
    freezes sizes inside attention, so a free size takes the newer one (``torch.export``), which needs onnxscript and,
    for some backbones, minutes.

    Args:
        segmentor: An ``EncoderDecoder`` on the CPU.
        path: The file.
        size: Height and width that the network is made for.
        classes: Names by channel, background first.
        free_size: Whether the network takes any size.
        metadata: More that is kept in the file, as JSON.

    Raises:
        ImportError: If onnx (or onnxscript) is missing.
        ValueError: If the names do not fit the channels.
    """
    require('onnx', 'The export to ONNX')
    graph = SegmentorGraph(segmentor)
    head: Any = segmentor.decode_head
    image = example(size)
    with torch.no_grad():
        channels = graph(image).shape[1]
    if channels != len(classes):
        raise InputError(f'Expected {channels} names of classes, background first, but got {list(classes)}.')
    kept = {
        'classes': list(classes),
        'size': list(size),
        'free_size': free_size,
        'align_corners': bool(head.align_corners),
        **(metadata or {}),
    }
    write_graph(graph, path, image, [OUTPUT], free_size, kept)


def example(size: tuple[int, int]) -> torch.Tensor:
    """What a graph is traced with: two pictures, so that no exporter takes their number for a constant."""
    return torch.rand(2, 3, *size) * 255


def write_graph(
    graph: nn.Module,
    path: str | Path,
    image: torch.Tensor,
    outputs: Sequence[str],
    free_size: bool,
    metadata: Mapping[str, Any],
) -> None:
    """Write a module as one ONNX file, checked, with metadata as JSON.

    Args:
        graph: From pictures (n, 3, h, w) to its outputs.
        path: The file.
        image: From :func:`example`.
        outputs: Names of the outputs.
        free_size: Whether it takes any size.
        metadata: Kept in the file.
    """
    onnx = require('onnx', 'The export to ONNX')
    model = onnx.load_model_from_string(_serialised(graph, image, outputs, free_size))
    onnx.checker.check_model(model, full_check=True)
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value, ensure_ascii=False)
    with atomic_write(path, 'wb') as handle:
        handle.write(model.SerializeToString())


def _serialised(graph: nn.Module, image: torch.Tensor, outputs: Sequence[str], free_size: bool) -> bytes:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter('ignore')  # PyTorch's own about the exporter and about Python values in the hosts' code
        path = Path(folder) / 'network.onnx'
        if free_size:
            require('onnxscript', 'The export to ONNX of any size')
            free = torch.export.Dim.DYNAMIC
            torch.onnx.export(
                graph, (image,), path, dynamo=True, opset_version=_DYNAMO_OPSET, input_names=[INPUT],
                output_names=[*outputs], dynamic_shapes=({0: free, 2: free, 3: free},), external_data=False,
                verbose=False,
            )  # fmt: skip
        else:
            torch.onnx.export(
                graph, (image,), path, dynamo=False, opset_version=_LEGACY_OPSET, input_names=[INPUT],
                output_names=[*outputs], dynamic_axes={name: {0: 'n'} for name in (INPUT, *outputs)},
            )  # fmt: skip
        return path.read_bytes()


def compare_with_torch(segmentor: nn.Module, path: str | Path, pictures: Sequence[np.ndarray]) -> dict[str, float]:
    """How near an ONNX file comes to the network that it was made of.

    Args:
        segmentor: The network.
        path: The ONNX file.
        pictures: uint8 RGB (h, w, 3), at a size that the file takes.

    Returns:
        dict: ``labels_alike``, the share of the pixels whose labels agree, in [0, 1]; ``largest_difference`` of the
        logits, and ``largest_logit`` to judge it by.
    """
    runtime = require('onnxruntime', 'The comparison with ONNX')
    session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    graph = SegmentorGraph(segmentor)
    alike = total = 0
    difference = largest = 0.0
    for picture in pictures:
        image = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
        with torch.no_grad():
            expected = graph(torch.from_numpy(image))
        (found,) = session.run([OUTPUT], {INPUT: image})
        difference = max(difference, float(np.abs(expected.numpy() - found).max()))
        largest = max(largest, float(expected.abs().max()))
        labels = [
            nn.functional.interpolate(logits, picture.shape[:2], mode='bilinear').argmax(1)
            for logits in (expected, torch.from_numpy(found))
        ]
        alike += int((labels[0] == labels[1]).sum())
        total += labels[0].numel()
    return {'labels_alike': alike / total, 'largest_difference': difference, 'largest_logit': largest}
