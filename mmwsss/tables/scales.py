"""At which size the rows are run: the paper's networks, or small siblings of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsss.config.loading import config_variables, find_config
from mmwsss.tables.rows import D


class Scale:
    """A config of ``configs/ablation``: which config takes the place of a table's, with which variables.

    Args:
        name: ``'small'``, ``'paper'``, or the path of a config of the same keys.
    """

    def __init__(self, name: str) -> None:
        path = Path(name) if name.endswith('.py') else Path('configs/ablation') / f'{name}.py'
        self.cfg = Config.fromfile(find_config(path))
        self.name = path.stem

    def config(self, path: str) -> str:
        """The config that takes the place of a table's.

        Raises:
            FileNotFoundError: If there is none.
        """
        stem = Path(path).stem
        sibling = self.cfg.siblings.get(stem, stem)
        for prefix, other in (self.cfg.get('prefixes') or {}).items():
            if sibling == stem and stem.startswith(prefix):
                sibling = other + stem.removeprefix(prefix)
        chosen = str(Path(path).with_name(f'{sibling}.py'))
        find_config(chosen)
        return chosen

    @property
    def main_row(self) -> str:
        """Config of the method's main row."""
        return self.config(D)

    def train_variables(self, path: str, more: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the scale's and of ``more`` that a training config has; segmentors have their own."""
        is_classifier = Path(path).parent.name == 'configs'
        own = self.cfg.train_variables if is_classifier else self.cfg.segmentor_variables
        learns_masks = 'pseudo_root' in more
        masks = self.cfg.pseudo_segmentor_variables.to_dict() if learns_masks else {}
        return self._known(path, {**own.to_dict(), **masks, **more})

    def pseudo_variables(self, path: str, more: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the scale's and of ``more`` that a pseudo config has."""
        return self._known(path, {**self.cfg.pseudo_variables.to_dict(), **more})

    def target_layers(self, layers: Sequence[int | str]) -> list[int | str]:
        """The blocks that take the place of a table's."""
        return [self.cfg.layers.get(layer, layer) for layer in layers]

    @staticmethod
    def _known(path: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        names = config_variables(path)
        return {name: value for name, value in variables.items() if name in names}
