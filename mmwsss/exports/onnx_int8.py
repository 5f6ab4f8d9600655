"""ONNX networks with 8-bit weights and activations."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mmwsss.datasets.masks import read_mask
from mmwsss.datasets.pictures import read_picture
from mmwsss.evaluation import SegmentationFigures, count_pixels
from mmwsss.exports.onnx_segmentor import INPUT, OUTPUT
from mmwsss.exports.options import pictures_below
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import atomic_write
from mmwsss_lite import Segmentor


def quantise(path: str | Path, out: str | Path, pictures: Sequence[np.ndarray]) -> None:
    """Write a network with 8-bit convolutions and matrix products, whose ranges come from pictures.

    The first convolution stays as it is: it costs little, and 8 bits there took more than half of the IoU of a network
    on EfficientNet-Lite0 (docs/predict.md). Dynamic quantisation is not offered: it makes convolutions slower.

    Args:
        path: ONNX file of :func:`~mmwsss.exports.onnx_segmentor.export_segmentor`.
        out: The file to write.
        pictures: uint8 RGB (h, w, 3) at the network's size, some dozens of the kind that it will see.

    Raises:
        ImportError: If onnxruntime is missing.
        ValueError: If there is no picture.
    """
    if not len(pictures):
        raise InputError('Expected pictures to calibrate 8-bit ranges with, but got none.')
    quantization = require('onnxruntime.quantization', 'The export to 8 bits')
    prepare = require('onnxruntime.quantization.shape_inference', 'The export to 8 bits')

    class Reader(quantization.CalibrationDataReader):  # type: ignore[name-defined]
        """Gives the pictures one by one."""

        def __init__(self) -> None:
            self.rows: Iterator[np.ndarray] = iter(pictures)

        def get_next(self) -> dict[str, np.ndarray] | None:
            """The next input, or None."""
            picture = next(self.rows, None)
            return None if picture is None else {INPUT: picture.transpose(2, 0, 1)[None].astype(np.float32)}

    with tempfile.TemporaryDirectory() as folder:
        prepared, written = Path(folder) / 'prepared.onnx', Path(folder) / 'int8.onnx'
        level = logging.getLogger().level
        logging.getLogger().setLevel(logging.ERROR)  # it warns of a preparation that was just made
        try:
            # symbolic shapes fail on a free number of pictures
            prepare.quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
            quantization.quantize_static(
                str(prepared), str(written), Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
                op_types_to_quantize=['Conv', 'MatMul', 'Gemm'], nodes_to_exclude=_first_convolution(prepared),
            )  # fmt: skip
        finally:
            logging.getLogger().setLevel(level)
        _keep_metadata(path, written)
        with atomic_write(out, 'wb') as handle:
            handle.write(written.read_bytes())


def _first_convolution(path: Path) -> list[str]:
    """The name of a network's first convolution, in a list; an empty one where there is none."""
    nodes = require('onnx', 'The export to 8 bits').load(str(path)).graph.node
    return [node.name for node in nodes if node.op_type == 'Conv'][:1]


def _keep_metadata(source: str | Path, target: Path) -> None:
    onnx = require('onnx', 'The export to 8 bits')
    kept, model = onnx.load(str(source)).metadata_props, onnx.load(str(target))
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    onnx.save(model, str(target))


def labels_alike(path: str | Path, other: str | Path, pictures: Sequence[np.ndarray]) -> float:
    """Share of the head's cells that two ONNX files label alike, in [0, 1]."""
    runtime = require('onnxruntime', 'The comparison with ONNX')
    sessions = [runtime.InferenceSession(str(row), providers=['CPUExecutionProvider']) for row in (path, other)]
    alike = []
    for picture in pictures:
        image = picture.transpose(2, 0, 1)[None].astype(np.float32)
        first, second = (session.run([OUTPUT], {INPUT: image})[0].argmax(1) for session in sessions)
        alike.append((first == second).mean())
    return float(np.mean(alike))


def iou_of(path: str | Path, pairs: Sequence[tuple[Path, Path]]) -> float:
    """The IoU of an ONNX segmentor over pictures with masks, as ``mmwsss-lite`` runs it.

    Args:
        path: The ONNX file.
        pairs: Pictures with their masks (0 background, k + 1 class k).

    Returns:
        float: Mean over the classes, of all pictures together, in [0, 1].
    """
    network = Segmentor(path)
    classes = tuple(network.classes[1:])
    figures = SegmentationFigures(classes)
    for picture, mask in pairs:
        label, _ = network(read_picture(picture))
        figures.update(count_pixels(label, read_mask(mask, num_classes=len(classes)), len(classes)))
    return float(figures.compute()['iou_dataset'])


def pairs_of(pictures: str | Path, masks: str | Path) -> list[tuple[Path, Path]]:
    """Pictures below a folder with the masks of the same names (``.png``) below another.

    Raises:
        FileNotFoundError: If a picture has no mask.
    """
    pairs = []
    for picture in pictures_below(pictures, 100_000):
        mask = Path(masks) / picture.relative_to(pictures).with_suffix('.png')
        if not mask.is_file():
            raise MissingFileError(f'Expected a mask {mask} of the picture {picture}, but there is no such file.')
        pairs.append((picture, mask))
    return pairs
