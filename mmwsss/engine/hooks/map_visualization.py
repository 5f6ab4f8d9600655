"""What the network makes of the same pictures, drawn while it learns."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn as nn
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import Tensor

from mmwsss.cam import CAMGenerator, SegmentorMaps
from mmwsss.cam.generator import CAMs
from mmwsss.cam.methods import HEADS
from mmwsss.models.distillers import CrossArchDistiller
from mmwsss.registry import HOOKS, TASK_UTILS
from mmwsss.utils.errors import InputError
from mmwsss.visualization.overlay import heat_overlay, mask_overlay
from mmwsss.visualization.sheet import sheet


def default_generator(model: nn.Module) -> dict[str, Any]:
    """How the maps of a network are made where nobody says it: at one scale, by what its head gives.

    Args:
        model: A segmentor of MMSegmentation, a classifier, or a distiller, whose student is meant.
    """
    if hasattr(model, 'decode_head'):
        return {'type': 'mmwsss.SegmentorMaps', 'flip': False, 'classes': 'all'}
    head = getattr(getattr(model, 'cam_classifier', model), 'head', None)
    method = next((name for name, kind in HEADS.items() if isinstance(head, kind)), 'gradcam')
    return {'type': 'mmwsss.CAMGenerator', 'method': method}


@contextlib.contextmanager
def _as_it_was(model: nn.Module) -> Iterator[None]:
    """Evaluate a network in the middle of its training: modes and random numbers are what they were afterwards."""
    modes = {module: module.training for module in model.modules()}
    states, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        model.eval()
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
            random.setstate(states)
            np.random.set_state(numpy_state)


@HOOKS.register_module()
class MapVisualizationHook(Hook):
    """Show the maps of the same pictures as they change, by whatever backends the runner's visualizer has.

    Every ``interval`` epochs, in a loop without epochs every ``interval`` iterations, and before the first one, a sheet
    goes to ``runner.visualizer.add_image``: a row for each picture with the picture as the network gets it, the maps
    (of a distiller its teacher's and its student's), of a segmentor its mask, and the ground truth where the data set
    packs it. ``LocalVisBackend`` writes it below ``vis_data/vis_image``; TensorBoard and W&B show a slider.

    Maps are of the classes of the image's label, of a segmentor of all classes; where there are several, each pixel has
    the highest. The training is not changed by it: random numbers and modes are what they were.

    Args:
        indices: Positions in the validation set (without one, in the training set).
        interval: Epochs or iterations between two sheets.
        generator: Config of what makes the maps; by default :func:`default_generator` of the network.
        name: Of the sheets; a name with a slash is dropped by ``LocalVisBackend``.
        side: Of a picture in the sheet, in pixels.

    Raises:
        ValueError: If an argument is out of its range, or the data set is smaller than an index.
    """

    priority = 'LOW'

    def __init__(
        self,
        indices: Sequence[int] = (0, 1, 2, 3),
        interval: int = 1,
        generator: dict[str, Any] | None = None,
        name: str = 'maps',
        side: int = 192,
    ) -> None:
        if not indices or min(indices) < 0:
            raise InputError(f'Expected indices of pictures, 0 or more, but got {tuple(indices)}.')
        if interval < 1:
            raise InputError(f'Expected interval >= 1, but got {interval}.')
        if '/' in name:
            raise InputError(f'Expected a name without a slash, which LocalVisBackend drops, but got {name!r}.')
        self.indices, self.interval, self.name, self.side = tuple(indices), interval, name, side
        self._generator_config = generator
        self._generators: dict[str, CAMGenerator | SegmentorMaps] = {}

    def before_train(self, runner: Runner) -> None:
        """The sheet of what there is before the first step; none where a training goes on."""
        if runner.iter == 0:
            self.draw(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """A sheet every ``interval`` epochs."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop) and self.every_n_epochs(runner, self.interval):
            self.draw(runner)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """In a loop without epochs, a sheet every ``interval`` iterations."""
        if not isinstance(runner.train_loop, EpochBasedTrainLoop) and self.every_n_train_iters(runner, self.interval):
            self.draw(runner)

    @master_only
    def draw(self, runner: Runner) -> None:
        """Draw one sheet and hand it to the visualizer; the first of several processes alone.

        Args:
            runner: A runner that trains.
        """
        loop = runner.train_loop if runner.val_dataloader is None else runner.val_loop
        dataset = loop.dataloader.dataset
        if max(self.indices) >= len(dataset):
            raise InputError(f'Expected indices below {len(dataset)}, the number of pictures, but got {self.indices}.')
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        with _as_it_was(model):
            rows = [self._row(model, dataset, index) for index in self.indices]
        epochs = isinstance(runner.train_loop, EpochBasedTrainLoop)
        step = (runner.epoch + (runner.iter > 0)) if epochs else runner.iter
        runner.visualizer.add_image(self.name, sheet(rows, self.side), step)

    def _row(self, model: nn.Module, dataset: Any, index: int) -> list[tuple[str, np.ndarray | None]]:
        item = dataset[index]
        picture = np.ascontiguousarray(item['inputs'].permute(1, 2, 0).numpy()[..., ::-1])
        sample = item['data_samples']
        batch = {'inputs': [item['inputs']], 'data_samples': [sample]}
        preprocess: Any = model.data_preprocessor
        inputs = preprocess(batch, False)['inputs']
        score = sample.get('gt_score')
        labels = None if score is None else (score > 0.5)[None]
        row: list[tuple[str, np.ndarray | None]] = [(f'picture {index}', picture)]
        if isinstance(model, CrossArchDistiller):
            theirs = self._maps('teacher', model.teacher, model.teacher_inputs(inputs), labels)
            row.append(('teacher', _overlay(picture, theirs)))
        maps = self._maps('network', model, inputs, labels)
        row.append(('maps', _overlay(picture, maps)))
        if hasattr(model, 'decode_head'):
            with torch.no_grad():
                logits = model(inputs, mode='tensor')
            row.append(('mask', mask_overlay(picture, _labels(logits, picture.shape[:2]))))
        truth = sample.get('gt_sem_seg')
        if truth is not None:
            row.append(('truth', mask_overlay(picture, _resized(truth.data[0].numpy(), picture.shape[:2]))))
        return row

    def _maps(self, name: str, model: nn.Module, inputs: Tensor, labels: Tensor | None) -> CAMs:
        if name not in self._generators:
            config = self._generator_config if name == 'network' else None
            self._generators[name] = TASK_UTILS.build(config or default_generator(model))
        return self._generators[name](model, inputs, labels)


def _overlay(picture: np.ndarray, maps: CAMs) -> np.ndarray | None:
    """The highest map of each pixel over the picture; None where the image shows no class."""
    if not len(maps.maps):
        return None
    highest = maps.maps.amax((0, 1)).cpu().numpy()
    rows, columns = picture.shape[:2]
    return heat_overlay(picture, highest[:rows, :columns])  # what was padded lies right and below


def _labels(logits: Tensor, size: tuple[int, int]) -> np.ndarray:
    """uint8 mask of a segmentor's logits (1, K + 1 or 1, h, w), at the size of the picture."""
    logits = torch.nn.functional.interpolate(logits.float(), size, mode='bilinear', align_corners=False)
    labels = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(1)
    return labels[0].cpu().numpy().astype(np.uint8)


def _resized(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask at another size: its nearest pixels."""
    rows = np.arange(size[0]) * mask.shape[0] // size[0]
    columns = np.arange(size[1]) * mask.shape[1] // size[1]
    return mask[rows[:, None], columns].astype(np.uint8)
