"""A ledger of published figures: what each is a figure of, where it was read, and what was measured beside it.

The figures of the field stand in ``ledger.json``; those of the method's own tables come from
:data:`~mmwsss.tables.rows.ROWS`. Figures that differ in one of the columns (who chose the threshold, whether the labels
of the test images are known, whether a CRF follows, what the backbone has seen) cannot be compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files

from mmwsss.tables.rows import ROWS, Row
from mmwsss.utils.errors import UnknownNameError

STAGES = ('maps', 'masks', 'segmentor')
"""What a figure is of: class maps with a threshold, refined pseudo masks, or a trained segmentor."""
_MISSING = 'not stated'


@dataclass(frozen=True)
class Published:
    """A published figure.

    Attributes:
        id: Stable name.
        method: Of whom.
        data: Data set.
        split: The images that it is measured on.
        stage: One of :data:`STAGES`.
        figure: Percent: mean IoU of all classes with background on VOC and COCO, mean over images of the foreground's
            IoU on smoke.
        backbone: The network; None: not stated.
        weights: What it was pre-trained on; None: not stated.
        threshold: Who chose it, and on what; None: not stated.
        image_labels_at_test: Whether the image labels of the evaluated images are used.
        crf: Whether a dense CRF follows; None: not stated.
        read_in: Where the figure was read.
        command: What would measure it here; None where its method or its training is not part of this project.
        measured: The same measured by this project, in percent; None: not measured.
        note: What else one has to know.
    """

    id: str
    method: str
    data: str
    split: str
    stage: str
    figure: float
    backbone: str | None
    weights: str | None
    threshold: str | None
    image_labels_at_test: bool
    crf: bool | None
    read_in: str
    command: str | None
    measured: float | None = None
    note: str = ''


def ledger() -> list[Published]:
    """All published figures: of the field, then of the method's tables."""
    content = json.loads(files('mmwsss.tables').joinpath('ledger.json').read_text('utf-8'))
    return [Published(**entry) for entry in content] + [
        _of_row(row, row.reported) for row in ROWS if row.reported is not None
    ]


def _of_row(row: Row, figure: float) -> Published:
    recipe = row.pseudo or ''
    stage = 'masks' if 'crf' in recipe or 'sam' in recipe else 'maps' if recipe else 'segmentor'
    threshold = 'best on each image' if 'oracle' in recipe else 'fixed, chosen on the test crops'
    return Published(
        row.row,
        row.label,
        'smoke crops of the paper, not public',
        'test crops that overlap with training crops',
        stage,
        figure,
        None,
        'ImageNet' if recipe else None,
        threshold if recipe else None,
        bool(recipe),
        'crf' in recipe,
        f'table {row.table} of arXiv 2507.21959',
        f'python tools/ablate.py --run {row.row} --scale paper --cfg-options dataset_root=ROOT',
        note=row.note,
    )


def commands(names: Iterable[str] = ()) -> list[str]:
    """What would fill the cells of some figures, or of all: a line each, its id first.

    Raises:
        ValueError: If there is no figure of a name.
    """
    entries = {entry.id: entry for entry in ledger()}
    names = list(names) or list(entries)
    for name in names:
        if name not in entries:
            near = get_close_matches(name, entries) or ['python tools/ablate.py --ledger prints all']
            raise UnknownNameError(f'Expected a figure of the ledger, but got {name!r}. Near it: {", ".join(near)}.')
    return [f'{name}: {entries[name].command or "nothing here measures it"}' for name in names]


def ledger_page() -> str:
    """The ledger as a Markdown page."""
    entries = ledger()
    lines = [
        '# Ledger of published figures',
        '',
        'Made by `python tools/ablate.py --ledger > docs/ledger.md`; `--ledger ID` prints what would measure a figure.',
        'Percent: mean IoU of all classes with background on VOC and COCO, mean over images of the IoU of the',
        'foreground on smoke. "Labels" says whether the image labels of the evaluated images are used, "CRF" whether',
        'one follows. An empty cell under "here" was not measured by this project. Nearly no source states seeds: take',
        'a figure as one training.',
    ]
    for data in dict.fromkeys(entry.data for entry in entries):
        lines += ['', f'## {data}', '']
        lines += ['| id | method | of | published | here | network, weights | threshold | labels | CRF | read in |']
        lines += ['|' + '---|' * 10]
        lines += [_line(entry) for entry in entries if entry.data == data]
    notes = [f'* {entry.id}: {entry.note}' for entry in entries if entry.note]
    return '\n'.join([*lines, '', '## Notes', '', *notes]) + '\n'


def _line(entry: Published) -> str:
    known = {True: 'yes', False: 'no', None: _MISSING}
    network = ', '.join(part for part in (entry.backbone, entry.weights) if part) or _MISSING
    cells = (
        entry.id,
        entry.method,
        f'{entry.stage}, {entry.split}',
        f'{entry.figure:.1f}' if entry.figure == round(entry.figure, 1) else f'{entry.figure:.2f}',
        '' if entry.measured is None else f'{entry.measured:.1f}',
        network,
        entry.threshold or _MISSING,
        known[entry.image_labels_at_test],
        known[entry.crf],
        entry.read_in,
    )
    return f'| {" | ".join(cells)} |'
