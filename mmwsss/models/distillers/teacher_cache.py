"""Maps of a frozen teacher, computed once an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from mmwsss.utils.errors import InputError

_MOST_VIEWS = 2  # an image, and one view of it (all-pairs consistency)


class TeacherCache:
    """Maps by image path, on the CPU; lost when the process ends."""

    def __init__(self) -> None:
        self._maps: dict[str, dict[tuple, Tensor]] = {}

    def __len__(self) -> int:
        return sum(len(views) for views in self._maps.values())

    def maps(self, inputs: Tensor, data_samples: Sequence[DataSample], compute: Callable[[Tensor], Tensor]) -> Tensor:
        """Maps (B, C, h, w) of a batch; those that are not there yet are computed.

        Args:
            inputs: Normalised images (B, 3, H, W).
            data_samples: Their samples, which name ``img_path``.
            compute: From images to maps.

        Raises:
            ValueError: If a sample has no path, or an image pixels different at every visit.
        """
        keys = []
        pixels = inputs.double().flatten(1)
        weights = torch.linspace(
            1, 2, pixels.shape[1], dtype=pixels.dtype, device=pixels.device
        )  # a flip has another sum
        for sample, checksum in zip(data_samples, (pixels @ weights).tolist()):
            path = sample.get('img_path')
            if path is None:
                raise InputError('Expected img_path in the samples for cache_teacher: PackInputs has it in meta_keys.')
            keys.append((path, (*inputs.shape[2:], round(checksum, 4))))
        missing = [number for number, (path, view) in enumerate(keys) if view not in self._maps.get(path, {})]
        if missing:
            for number, found in zip(missing, compute(inputs[missing]).float().cpu()):
                path, view = keys[number]
                known = self._maps.setdefault(path, {})
                known[view] = found
                if len(known) > _MOST_VIEWS:
                    raise InputError(
                        f'Expected pictures that look the same at every visit for cache_teacher, but {path} does not: '
                        f'does the pipeline crop, flip or change colours at random?'
                    )
        return torch.stack([self._maps[path][view] for path, view in keys]).to(inputs.device, non_blocking=True)
