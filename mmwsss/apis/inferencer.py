"""MMSegmentation's inferencer for the project's checkpoints."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmseg.apis import MMSegInferencer
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer

from mmwsss.apis.networks import init_network
from mmwsss.config import load_config
from mmwsss.datasets.films import FilmSource
from mmwsss.datasets.frame import Frame
from mmwsss.datasets.frames import kind_of
from mmwsss.datasets.image_list import ImageListDataset
from mmwsss.datasets.live_camera import CameraSource
from mmwsss.datasets.metainfo import palette as colours
from mmwsss.datasets.metainfo import segmentation_classes
from mmwsss.datasets.pictures import read_picture
from mmwsss.exports.mask_folder import write_mask
from mmwsss.prediction import SegmentorNetwork, Tiling
from mmwsss.structures import mask_names
from mmwsss.utils.errors import InputError


class _Sources:
    """Pictures and the frames of films, one after the other, as often as they are asked for."""

    def __init__(self, parts: Iterable[str | np.ndarray | Sequence[Frame] | FilmSource | CameraSource]) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[str | np.ndarray | Frame]:
        for part in self.parts:
            if isinstance(part, (str, np.ndarray)):
                yield part
            else:
                frames = part.frames(lambda index: True) if isinstance(part, (FilmSource, CameraSource)) else part
                yield from _readable(frames)


def _readable(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Frames with a picture; of the others it is said why there is none."""
    for frame in frames:
        if frame.img is None:
            warnings.warn(f'A frame is left out: {frame.reason}', stacklevel=2)
        else:
            yield frame


class MaskInferencer(MMSegInferencer):
    """Masks of pictures, films and cameras, with the signature and the outputs of MMSegmentation's inferencer.

    Against the host's: it takes the project's checkpoints, by themselves; it reads every picture as training does
    (EXIF rotation, 16 bits); folders are searched below, lists are read, and results keep the names of the pictures:
    masks are indexed PNGs in the palette of the classes. Those of a film's or a camera's frames are called as
    ``mmwsss predict`` calls them (``clip.mp4/000012.png``).

    ``inferencer(inputs, return_datasamples=False, batch_size=1, return_vis=False, show=False, wait_time=0,
    out_dir='', img_out_dir='vis', pred_out_dir='pred', opacity=0.8, with_labels=True)`` gives ``predictions``
    (int64 (H, W), 0 background, ``k + 1`` class k; a list for several pictures) and ``visualization`` (uint8 RGB).
    Inputs are a path or several, of pictures, folders, lists or films, addresses of cameras, or pictures in memory,
    uint8 BGR (H, W, 3). All results are held in memory (8 bytes a pixel of a mask): :meth:`stream` gives those of
    long films, cameras and many pictures one by one, and ``mmwsss predict`` writes them.

    Args:
        model: A checkpoint; or, with ``weights``, its training config (a path, a name below ``configs/``, a dict).
        weights: The checkpoint, where ``model`` is the config.
        classes: Names by pixel value, background first, for pictures; by default the checkpoint's.
        palette: Colours, likewise.
        dataset_name: Of the host: names and colours of a known data set.
        device: By default a GPU where there is one.
        scope: Default scope of the host.
        show_progress: Whether a bar is shown.
        maps: A pseudo config, for a classifier: its maps and refiners are used.
        tiling: How large pictures are cut; by default panoramas alone.
        every: Least seconds between two frames of a film or a camera; None takes all.
        max_frames: Frames of a camera; a call needs it, :meth:`stream` goes on for ever without.
        trust: Whether the checkpoint may run code; by default the environment variable says it.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        UnsafeCheckpointError: If it would run code.
        ValueError: If it is of neither kind, or does not fit the config.
    """

    def __init__(
        self,
        model: str | Path | Config | Mapping[str, Any],
        weights: str | Path | None = None,
        classes: Sequence[str] | None = None,
        palette: Sequence[Sequence[int]] | None = None,
        dataset_name: str | None = None,
        device: str | None = None,
        scope: str | None = 'mmseg',
        show_progress: bool = True,
        *,
        maps: str | Path | Config | None = None,
        tiling: Tiling | None = None,
        every: float | None = None,
        max_frames: int | None = None,
        trust: bool | None = None,
    ) -> None:
        self.every, self.max_frames = every, max_frames
        config: Config | None = None
        checkpoint: Any = weights
        if weights is None:
            if isinstance(model, (Config, Mapping)):
                raise InputError('Expected weights beside the config of a model, but got none.')
            checkpoint = model
        else:
            config = model if isinstance(model, Config) else None
            if config is None:
                config = Config(dict(model)) if isinstance(model, Mapping) else load_config(str(model))
        if maps is not None and not isinstance(maps, Config):
            maps = load_config(str(maps))
        if tiling is None and maps is None:
            tiling = Tiling()
        self.network = init_network(checkpoint, config, maps, tiling, device, trust=trust)
        names, table = segmentation_classes(self.network.classes), colours(len(self.network.classes))
        self._meta = {'classes': classes or names, 'palette': palette or table}
        content = self.network.model.cfg if isinstance(self.network, SegmentorNetwork) else Config({'model': {}})
        super().__init__(
            content, str(checkpoint), list(classes or names), list(palette or table), dataset_name, device, scope,
            show_progress,
        )  # fmt: skip

    def _init_model(self, cfg: Config, weights: str | None, device: str = 'cpu') -> Any:
        model = self.network.model
        model.dataset_meta = dict(self._meta)
        return model

    def _init_pipeline(self, cfg: Config) -> Any:
        return self._load

    def _init_collate(self, cfg: Config) -> Any:
        return list

    def _init_visualizer(self, cfg: Config) -> SegLocalVisualizer:
        return SegLocalVisualizer()

    @staticmethod
    def _load(source: str | np.ndarray | Frame) -> tuple[np.ndarray, str | Frame | None]:
        """A picture, uint8 BGR (H, W, 3), and its path or frame."""
        if isinstance(source, Frame):
            return np.asarray(source.img), source
        if isinstance(source, np.ndarray):
            if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:
                raise InputError(
                    f'Expected pictures in memory as uint8 BGR (H, W, 3), but got {source.dtype} {source.shape}.'
                )
            return source, None
        return np.ascontiguousarray(read_picture(source)[..., ::-1]), str(source)

    def _parts(self, inputs: Any) -> Iterator[str | np.ndarray | FilmSource | CameraSource]:
        """Paths of pictures, pictures in memory, films and cameras; folders and lists are read out."""
        for source in inputs if isinstance(inputs, (list, tuple)) else [inputs]:
            if isinstance(source, np.ndarray):
                yield source
                continue
            kind = kind_of(source)
            if kind == 'film':
                yield FilmSource(source, every=self.every)
            elif kind == 'camera':
                yield CameraSource(str(source), every=self.every, frames=self.max_frames)
            else:
                dataset = ImageListDataset(source, self.network.classes)
                yield from (dataset.path(index) for index in range(len(dataset)))

    def _inputs_to_list(self, inputs: Any) -> Any:
        """Paths of pictures, pictures in memory, frames; of a camera, which shows each once, all are read now."""
        parts: list[str | np.ndarray | FilmSource | list[Frame]] = []
        for part in self._parts(inputs):
            if not isinstance(part, CameraSource):
                parts.append(part)
            elif self.max_frames is None:
                raise InputError(
                    f'Expected max_frames for the camera {part.shown}, all of whose masks are held in memory: '
                    'MaskInferencer(checkpoint, max_frames=...), or stream(), which goes on for ever.'
                )
            else:
                parts.append(list(_readable(part.frames(lambda index: True))))
        return list(parts) if all(isinstance(part, (str, np.ndarray)) for part in parts) else _Sources(parts)

    @torch.no_grad()
    def forward(self, inputs: Sequence[tuple[np.ndarray, str | Frame | None]], **kwargs: Any) -> list[SegDataSample]:
        """Samples of loaded pictures; those of frames come without the scores."""
        samples = self.network.samples([img for img, _ in inputs])
        for sample, (_, source) in zip(samples, inputs):
            if isinstance(source, Frame):
                sample.pred_sem_seg.data = sample.pred_sem_seg.data.to(torch.uint8)
                if 'seg_logits' in sample:
                    del sample.seg_logits
                where = {key: getattr(source, key) for key in ('mask_name', 'camera', 'number', 'time_s', 'time')}
                sample.set_metainfo({'img_path': source.img_path, **where})
            else:
                sample.set_metainfo({'img_path': source})
        return samples

    def stream(self, inputs: Any, batch_size: int = 1) -> Iterator[SegDataSample]:
        """Samples one by one, of films and cameras of any length: memory does not grow.

        Args:
            inputs: As of a call.
            batch_size: Pictures or frames that go through the network together.

        Yields:
            SegDataSample: with ``pred_sem_seg`` (1, H, W); ``metainfo`` has ``img_path``, and of a frame
            ``mask_name``, ``camera``, its ``number``, ``time_s`` (seconds since the film began) and ``time``.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If an input cannot be read; a broken frame is left out with a warning.
        """
        if batch_size < 1:
            raise InputError(f'Expected batch_size >= 1, but got {batch_size}.')

        loaded = map(self._load, _Sources(self._parts(inputs)))
        while batch := list(islice(loaded, batch_size)):
            yield from self.forward(batch)

    def visualize(
        self,
        inputs: Any,
        preds: list[SegDataSample],
        return_vis: bool = False,
        show: bool = False,
        wait_time: int = 0,
        img_out_dir: str = '',
        opacity: float = 0.8,
        with_labels: bool | None = True,
    ) -> list[np.ndarray] | None:
        """Pictures with their masks; see the host. Files have the names of the pictures."""
        if not (show or img_out_dir or return_vis):
            return None
        self.visualizer.set_dataset_meta(**self._meta)
        self.visualizer.alpha = opacity
        drawn = []
        for source, sample, name in zip(inputs, preds, self._names(preds, self.num_visualized_imgs)):
            picture = np.ascontiguousarray(self._load(source)[0][..., ::-1])
            out_file = str(Path(img_out_dir, name)) if img_out_dir else None
            self.visualizer.add_datasample(
                name, picture, sample, show=show, wait_time=wait_time, draw_gt=False, draw_pred=True,
                out_file=out_file, with_labels=with_labels,
            )  # fmt: skip
            if return_vis:
                drawn.append(self.visualizer.get_image())
        self.num_visualized_imgs += len(preds)
        return drawn if return_vis else None

    def postprocess(
        self,
        preds: list[SegDataSample],
        visualization: list[np.ndarray] | None,
        return_datasample: bool = False,
        pred_out_dir: str = '',
    ) -> Any:
        """What the call gives; see the host. Masks are written as indexed PNGs with the names of the pictures."""
        if pred_out_dir:
            for sample, name in zip(preds, self._names(preds, self.num_pred_imgs)):
                label = sample.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8)
                write_mask(Path(pred_out_dir, name), label, len(self.network.classes))
            self.num_pred_imgs += len(preds)
        if return_datasample:
            return preds[0] if len(preds) == 1 else preds
        results: dict[str, Any] = {
            'predictions': [sample.pred_sem_seg.data[0].cpu().numpy().astype(np.int64) for sample in preds],
            'visualization': visualization or [],
        }
        if len(preds) == 1:
            results = {key: value[0] if value else value for key, value in results.items()}
        return results

    @staticmethod
    def _names(preds: Sequence[SegDataSample], first: int) -> list[str]:
        """Names of files for results: those of the pictures, numbers for pictures in memory."""
        made = [sample.metainfo.get('mask_name') for sample in preds]
        paths = [None if name else sample.metainfo.get('img_path') for name, sample in zip(made, preds)]
        known = [path for path in paths if path is not None]
        root = Path(known[0]).parent if known else Path()
        while known and not all(Path(path).is_relative_to(root) for path in known):
            root = root.parent
        names = iter(mask_names(known, root))
        return [
            name or (f'{first + number:08d}.png' if path is None else str(next(names)))
            for number, (name, path) in enumerate(zip(made, paths))
        ]
