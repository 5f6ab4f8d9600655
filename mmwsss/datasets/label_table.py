"""Labels of pictures as rows that say where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmwsss.datasets.folder_scan import FolderScan
from mmwsss.datasets.spelling import spelling


@dataclass(frozen=True)
class LabelRow:
    """One picture and what it shows.

    Attributes:
        path: As the file has it, relative to the image folder.
        labels: Names; none for "no class".
        where: File and line, for a message.
    """

    path: str
    labels: tuple[str, ...]
    where: str


@dataclass
class LabelTable:
    """All rows of one source.

    Attributes:
        rows: In the order of the source.
        names: Names of the labels, in the source's order where it has one.
        source: The file or folder.
        notes: What was understood, or left out, that the user should know.
        scan: What a scan of class folders left out.
    """

    rows: list[LabelRow]
    names: tuple[str, ...]
    source: str
    notes: list[str] = field(default_factory=list)
    scan: FolderScan | None = None


def spelling_notes(counts: Mapping[str, int], main: Mapping[str, str]) -> list[str]:
    """Which spellings were read as another one."""
    notes = []
    for key, name in main.items():
        alike = sorted(other for other in counts if spelling(other) == key and other != name)
        if alike:
            notes.append(f'{", ".join(map(repr, alike))} read as another spelling of {name!r}')
    return notes
