"""Random walk over learnt affinities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import DefaultScope

from mmwsss.models.affinity.functional import affinity_matrix, random_walk
from mmwsss.registry import MODELS, TRANSFORMS
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.weights.checkpoints import load_weights, read_checkpoint
from mmwsss.weights.embedded_config import model_config


@TRANSFORMS.register_module()
class AffinityRefine(BaseTransform):
    """Spread the maps by a random walk over the affinities of a trained AffinityNet (Ahn and Kwak, CVPR 2018).

    A background channel ``(1 - max cam) ** k`` is spread as well, and the result is the share of each class among all
    channels; with exponent 1 a map that nothing spreads stays as it was. The paper's code has no background channel
    (``bg_exponent=None``), and the result is then divided by its maximum.

    The picture is shrunk to the network's training size, so memory does not grow with the picture.

    Required Keys:

    - img: uint8 BGR (H, W, 3)
    - cam: float32 (n, H, W) in [0, 1]
    - classes: int64 (n,), the classes of the maps

    Modified Keys:

    - cam: float32 (n, H, W) in [0, 1]

    Args:
        checkpoint: Of an AffinityNet, trained by ``configs/affinity``; it carries its config.
        checkpoint_command: The command that makes it, for the error where it is missing.
        beta: Exponent of the affinities (the paper's code: 16).
        num_squarings: The walk has ``2 ** num_squarings`` steps (the paper's code: 1).
        bg_exponent: Exponent k of the background channel; None: no such channel.

    Raises:
        FileNotFoundError: If the checkpoint is missing, with the command that makes it.
        ValueError: If it is no AffinityNet, or an argument is out of range.
    """

    def __init__(
        self,
        checkpoint: str | Path,
        checkpoint_command: str | None = None,
        beta: float = 16,
        num_squarings: int = 1,
        bg_exponent: float | None = 1.0,
    ) -> None:
        if beta <= 0 or num_squarings < 0:
            raise InputError(f'Expected beta > 0 and num_squarings >= 0, but got {beta} and {num_squarings}.')
        if bg_exponent is not None and bg_exponent <= 0:
            raise InputError(f'Expected bg_exponent > 0 or None, but got {bg_exponent}.')
        if not Path(checkpoint).is_file():
            how = f' Make it with: {checkpoint_command}' if checkpoint_command else ''
            raise MissingFileError(f'Expected a trained AffinityNet in {checkpoint}, but there is no such file.{how}')
        self.beta, self.num_squarings, self.bg_exponent = beta, num_squarings, bg_exponent
        content = read_checkpoint(checkpoint)
        config = model_config(content, checkpoint)
        if not str(config.model.type).endswith('AffinityNet'):
            raise InputError(f'Expected an AffinityNet in {checkpoint}, but got {config.model.type}.')
        self.size = int(config.img_size)
        with DefaultScope.overwrite_default_scope('mmseg'):
            self.model = MODELS.build(_without_pretrained(config.model.to_dict()))
        load_weights(self.model, content, 'the AffinityNet', checkpoint)
        self.model.eval()

    def transform(self, results: dict) -> dict:
        """Refine."""
        img, cam = results['img'], results['cam']
        if img.shape[:2] != cam.shape[1:]:
            raise ValueError(f'Expected img and cam of one size, but got {img.shape[:2]} and {cam.shape[1:]}.')
        if not len(cam):
            return results
        feature = self._feature(img)
        grid = (feature.shape[2], feature.shape[1])  # OpenCV's order
        scores = np.stack([cv2.resize(of_class, grid, interpolation=cv2.INTER_AREA) for of_class in cam])
        if self.bg_exponent is not None:
            background = (1 - np.clip(scores.max(0, keepdims=True), 0, 1)) ** self.bg_exponent
            scores = np.concatenate([background, scores])
        walked = random_walk(scores, affinity_matrix(feature, self.model.radius), self.beta, self.num_squarings)
        if self.bg_exponent is not None:
            walked = (walked / np.maximum(walked.sum(0, keepdims=True), np.finfo(np.float32).tiny))[1:]
        else:
            walked = walked / np.maximum(walked.max((1, 2), keepdims=True), np.finfo(np.float32).tiny)
        refined = np.empty_like(cam)
        for number, scores_of_class in enumerate(walked):
            large = cv2.resize(scores_of_class, img.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            np.clip(large, 0, 1, out=refined[number])
        results['cam'] = refined
        return results

    @torch.no_grad()
    def _feature(self, img: np.ndarray) -> torch.Tensor:
        small = cv2.resize(img, (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        inputs = torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1)))
        data: dict[str, Any] = {'inputs': [inputs], 'data_samples': None}
        return self.model(self.model.data_preprocessor(data)['inputs'])[0]

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(beta={self.beta}, num_squarings={self.num_squarings}, '
            f'bg_exponent={self.bg_exponent})'
        )


def _without_pretrained(config: Any) -> Any:
    """The same config without pre-trained parts: the checkpoint's weights follow."""
    if isinstance(config, dict):
        return {key: _without_pretrained(value) for key, value in config.items() if key != 'init_cfg'}
    return config
