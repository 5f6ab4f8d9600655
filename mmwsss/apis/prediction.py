"""Masks of pictures, a film or a camera, from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsss.apis.networks import init_network
from mmwsss.apis.pseudo_masks import mask_settings, versions
from mmwsss.datasets.cameras import CameraMasks
from mmwsss.datasets.frames import open_frames
from mmwsss.prediction import Tiling
from mmwsss.prediction.engine import FramePredictor, PredictSettings
from mmwsss.prediction.outputs import OutputSettings
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import content_hash, file_sha256
from mmwsss_lite import Event

_USUAL = {'pictures': ('overlays', 'polygons'), 'film': ('film', 'polygons'), 'camera': ()}


def predict(
    checkpoint: str | Path,
    source: str | Path,
    out_dir: str | Path,
    *,
    maps: Config | None = None,
    config: Config | None = None,
    tiling: Tiling | None = None,
    median: int = 1,
    batch_size: int = 1,
    cameras: str | Path | None = None,
    camera: str | None = None,
    every: float | None = None,
    start: datetime | None = None,
    max_frames: int | None = None,
    max_seconds: float | None = None,
    image_root: str | Path | None = None,
    outputs: OutputSettings | None = None,
    kinds: Collection[str] | None = None,
    on_event: Callable[[Event], None] | None = None,
    device: str | None = None,
    trust: bool | None = None,
) -> dict[str, Any]:
    """Make the masks of pictures, of a film or of a camera, or what is missing of them.

    Args:
        checkpoint: Weights of a segmentor, or of a classifier with maps.
        source: A picture, a folder, a list of pictures, a film, or the address of a camera.
        out_dir: Output folder.
        maps: A pseudo config; needed for a classifier.
        config: Training config for a checkpoint that carries none.
        tiling: How large pictures are cut; by default panoramas alone, of a segmentor.
        median: Number of frames of the median over time, odd; 1 for none.
        batch_size: Frames, or tiles, that go through the network together.
        cameras: A file that says what of each camera's view is left out; see :mod:`mmwsss.datasets.cameras`.
        camera: Name of the camera; by default the folder of a picture, the name of a film, the address.
        every: Least seconds between two frames of a film or a camera.
        start: When a film begins; by default its name says it, if it does.
        max_frames: Of a camera: how many frames.
        max_seconds: Of a camera: how long.
        image_root: Of a list of pictures: their folder, by default the list's own.
        outputs: Rule of events, outlines, film; see :class:`~mmwsss.prediction.outputs.OutputSettings`.
        kinds: What is written beside masks and tables; by default overlays and polygons of pictures, a film and
            polygons of a film, nothing of a camera.
        on_event: Called with an event that begins or ends.
        device: By default a GPU where there is one.
        trust: Whether the checkpoint may run code; by default the environment variable says it.

    Returns:
        dict: what stands in ``summary.json``.

    Raises:
        FileNotFoundError: If something is missing.
        UnsafeCheckpointError: If the checkpoint would run code.
        ValueError: If the source cannot be read, the checkpoint is of another kind, an option does not fit, or the
            folder is another run's.
    """
    frames = open_frames(source, camera, every, start, max_frames, max_seconds, image_root)
    masks = None if cameras is None else CameraMasks(cameras)
    chosen = _USUAL[frames.kind] if kinds is None else tuple(kinds)
    if 'frames' in chosen and frames.kind == 'pictures':
        raise InputError(f'Expected a film or a camera to keep frames of, but {source} has pictures.')
    written = replace(outputs or OutputSettings(), kinds=chosen)
    settings = PredictSettings(out_dir, median, batch_size, masks, written)  # what is wrong stops before the network
    tiling = tiling or (Tiling() if maps is None else Tiling(0))
    network = init_network(checkpoint, config, maps, tiling, device, batch_size, trust)
    network.keeps_scores = 'maps' in chosen
    content = {
        'source': frames.identity(),
        'maps': None if maps is None else mask_settings(maps),
        'model': None if config is None else config.model.to_dict(),
        'tiles': [tiling.size, tiling.overlap, tiling.span],
        'median': median,
        'batch_size': batch_size,
        'cameras': None if masks is None else masks.fingerprint,
        'frames_are_kept': 'frames' in chosen,
        **({'maps_are_kept': True} if network.keeps_scores else {}),
    }
    identity = {
        'config_hash': content_hash(content),
        'checkpoint_sha256': file_sha256(checkpoint),
        'checkpoint': str(checkpoint),
        'label_source': 'predicted labels' if maps is not None else 'segmentor',
        'config': content,
        'versions': versions(),
    }
    return FramePredictor(network, frames, settings, identity).run(on_event)
