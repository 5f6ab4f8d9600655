"""What :func:`~mmwsss.datasets.checks.check_data` finds, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

_CLASSES_SHOWN, _LINES_SHOWN = 12, 10


@dataclass
class SplitReport:
    """One part of a data set.

    Attributes:
        source: Label file or folder.
        image_root: The image folder.
        rows: Rows of the source; fewer ``images`` are left where rows name one picture.
        images: Images.
        classes: Images by class.
        negatives: Images without any class.
        unreadable: Images that cannot be read, or must not be; the first of them are among the problems.
        kinds: Images by suffix.
        sizes: ``smallest``, ``median`` and ``largest`` by area, each (height, width) in pixels; None without images.
        left_out: Files and folders that are no images of the set, by reason: ``count`` and ``first``.
        duplicates: Images whose bytes another image of this part has.
        masks: ``folder``, ``found``, ``missing``, ``other_size``, ``looked_at`` and ``values`` (masks by value) of
            masks; None where there are none.
    """

    source: str
    image_root: str = ''
    rows: int = 0
    images: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    negatives: int = 0
    unreadable: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] | None = None
    left_out: dict[str, dict[str, Any]] = field(default_factory=dict)
    duplicates: int = 0
    masks: dict[str, Any] | None = None

    def lines(self, name: str) -> list[str]:
        """The part as lines of text, for a terminal."""
        lines = [f'{name}: {self.images} images of {self.source}']
        if self.classes:
            shown = [f'{label} {number}' for label, number in list(self.classes.items())[:_CLASSES_SHOWN]]
            more = len(self.classes) - len(shown)
            shown += [f'... and {more} more classes'] if more > 0 else []
            lines.append(f'  classes: {", ".join(shown)}; without any class: {self.negatives}')
        if self.sizes:
            size = {key: f'{height} x {width}' for key, (height, width) in self.sizes.items()}
            lines.append(f'  sizes (H x W): {size["smallest"]} to {size["largest"]}, median {size["median"]}')
        if self.kinds:
            lines.append('  files: ' + ', '.join(f'{number} {suffix}' for suffix, number in self.kinds.items()))
        if self.duplicates:
            lines.append(f'  same bytes as another image: {self.duplicates}')
        for reason, found in self.left_out.items():
            lines.append(f'  left out: {found["count"]} {reason} (first {found["first"]})')
        if self.masks:
            values = ', '.join(f'{value} (in {number})' for value, number in list(self.masks['values'].items())[:8])
            lines.append(
                f'  masks: {self.masks["found"]} found, {self.masks["missing"]} missing, '
                f'{self.masks["other_size"]} of another size; values in {self.masks["looked_at"]}: {values or "none"}'
            )
        return lines


@dataclass
class DataReport:
    """All parts of a data set.

    Attributes:
        splits: By name.
        problems: What stops training or evaluation; training would fail where there are any.
        notes: What is unusual but may be intended.
    """

    splits: dict[str, SplitReport] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether training can start."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The report as values that JSON can hold."""
        return {'ok': self.ok, **asdict(self)}

    def __str__(self) -> str:
        lines: list[str] = []
        for name, split in self.splits.items():
            lines += split.lines(name)
        lines += _limited('problem', self.problems)
        lines += _limited('note', self.notes)
        lines.append('training can start' if self.ok else 'training would fail')
        return '\n'.join(lines)


def _limited(kind: str, lines: list[str]) -> list[str]:
    shown = [f'{kind}: {line}' for line in lines[:_LINES_SHOWN]]
    more = len(lines) - len(shown)
    return [*shown, f'... and {more} more'] if more > 0 else shown


def left_out_of(counts: Mapping[str, int], examples: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Counts and first examples by reason, most frequent first."""
    order: Iterable[str] = sorted(counts, key=lambda reason: (-counts[reason], reason))
    return {reason: {'count': counts[reason], 'first': examples.get(reason, '')} for reason in order}
