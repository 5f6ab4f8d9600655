"""Packaging of mmwsss; the configs and tools travel inside the package, as OpenMMLab's do (``mmwsss/.mim``)."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
INDEX_FILES = ('model-index.yml', 'dataset-index.yml')
"""What ``mim search`` and ``mim download`` read."""


def requirements(name: str) -> list[str]:
    """Lines of a file in ``requirements/``."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith('#')]


def version() -> str:
    """The version in ``mmwsss/version.py``."""
    scope: dict[str, str] = {}
    exec((ROOT / 'mmwsss' / 'version.py').read_text(encoding='utf-8'), scope)
    return scope['__version__']


class BuildWithConfigs(build_py):
    """Copy configs, tools and mim's indices into the package that is built; link them in an editable installation."""

    def run(self) -> None:
        """Build, then copy or link."""
        super().run()
        target = Path(self.build_lib) / 'mmwsss' / '.mim'
        for name in ('configs', 'tools', *INDEX_FILES):
            if self.editable_mode:
                link(ROOT / name, ROOT / 'mmwsss' / '.mim' / name)
            elif (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns('__pycache__')
                shutil.copytree(ROOT / name, target / name, dirs_exist_ok=True, ignore=ignore)
            else:
                shutil.copy(ROOT / name, target / name)


def link(path: Path, place: Path) -> None:
    """Link a folder or file, so that ``mim`` finds it; where links are not allowed it does without."""
    place.parent.mkdir(exist_ok=True)
    if not place.exists():
        with contextlib.suppress(OSError):
            place.symlink_to(os.path.relpath(path, place.parent), target_is_directory=path.is_dir())


setup(
    name='mmwsss',
    version=version(),
    description='Weakly supervised semantic segmentation for MMEngine, MMPretrain and MMSegmentation',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['mmwsss', 'mmwsss.*']),
    package_data={
        'mmwsss': ['py.typed', *(f'visualization/*.{kind}' for kind in ('html', 'css', 'js')), 'tables/ledger.json']
    },
    install_requires=requirements('runtime'),
    extras_require={
        'openmmlab': requirements('openmmlab'),
        'crf': requirements('crf'),
        'sam': requirements('sam'),
        'clip': requirements('clip'),
        'pretrained': requirements('pretrained'),
        'onnx': requirements('onnx'),
        'tests': requirements('tests'),
    },
    py_modules=['mmwsss_lite'],
    entry_points={'console_scripts': ['mmwsss = mmwsss.cli.main:main', 'mmwsss-lite = mmwsss_lite:main']},
    cmdclass={'build_py': BuildWithConfigs},
)
