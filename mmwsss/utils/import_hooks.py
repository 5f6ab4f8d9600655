"""Act when a module is imported, without importing it now."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Before = Callable[[], None]
After = Callable[[ModuleType], None]


def on_import(name: str, before: Before | None = None, after: After | None = None) -> None:
    """Call a function right before or after a module's code runs for the first time.

    For a module that was imported already, ``after`` is called at once and ``before`` never.

    Args:
        name: Full name of the module.
        before: Called without arguments.
        after: Called with the module.

    >>> on_import('json', after=lambda module: print(module.__name__))
    json
    """
    module = sys.modules.get(name)
    if module is not None:
        if after is not None:
            after(module)
        return
    if _WATCHER not in sys.meta_path:
        sys.meta_path.insert(0, _WATCHER)
    _WATCHER.actions.setdefault(name, []).append((before, after))


class _Watcher(MetaPathFinder):
    """Finds the watched modules by the finders after it, and puts its own loader around theirs."""

    def __init__(self) -> None:
        self.actions: dict[str, list[tuple[Before | None, After | None]]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's own spec with another loader; None for modules that nobody watches."""
        actions = self.actions.get(fullname)
        if not actions:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, actions)
                return spec
        return None


class _Loader(Loader):
    """Runs a module by its own loader, and the actions around it."""

    def __init__(self, loader: Loader, actions: list[tuple[Before | None, After | None]]) -> None:
        self._loader, self._actions = loader, actions

    def __getattr__(self, name: str) -> Any:  # get_source, get_data, ...: as if this one were not there
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """What the module's own loader makes."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, with what comes before and after."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        for before, _ in self._actions:
            if before is not None:
                before()
        self._loader.exec_module(module)
        for _, after in self._actions:
            if after is not None:
                after(module)
        self._actions.clear()  # once only, and again where the import failed


_WATCHER = _Watcher()
