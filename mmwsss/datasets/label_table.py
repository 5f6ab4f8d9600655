"""Labels of pictures, as rows that name their file and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmwsss.datasets.folder_scan import FolderScan
from mmwsss.datasets.spelling import spelling
from mmwsss.datasets.votes import probability_of


@dataclass(frozen=True)
class LabelRow:
    """One picture and what it shows.

    Attributes:
        path: As the file has it, relative to the image folder.
        labels: Names; none for "no class".
        where: File and line, for a message.
        doubt: Votes for and against the labels, or the probability that they are right; empty: nobody doubts them.
    """

    path: str
    labels: tuple[str, ...]
    where: str
    doubt: tuple[float, ...] = ()

    @property
    def probability(self) -> float | None:
        """How probable it is that the labels are right, in [0, 1]; None: nobody doubts them."""
        return probability_of(*self.doubt) if len(self.doubt) == 2 else next(iter(self.doubt), None)


@dataclass
class LabelTable:
    """All rows of one source.

    Attributes:
        rows: In the order of the source.
        names: Names of the labels, in the source's order where it has one.
        source: The file or folder.
        notes: What was read in another way than written, or left out, for the user.
        scan: What a scan of class folders left out.
    """

    rows: list[LabelRow]
    names: tuple[str, ...]
    source: str
    notes: list[str] = field(default_factory=list)
    scan: FolderScan | None = None


def spelling_notes(counts: Mapping[str, int], main: Mapping[str, str]) -> list[str]:
    """Notes on names that are spelled in several ways.

    Args:
        counts: Number of uses of each spelling.
        main: The spelling that counts, by the form in which names are compared.
    """
    notes = []
    for key, name in main.items():
        alike = sorted(other for other in counts if spelling(other) == key and other != name)
        if alike:
            notes.append(f'{", ".join(map(repr, alike))} read as another spelling of {name!r}')
    return notes
