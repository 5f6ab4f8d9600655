"""Which frames an earlier run finished; eight bytes a frame, whatever their number."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path

from mmwsss.structures import Manifest, ManifestRecord
from mmwsss.utils.files import file_sha256, remove_temporary

_UNKNOWN, _GOOD, _MISSING = 0, 1, 2


class FrameRecords:
    """The manifest of a run, by index of a frame.

    A frame depends on those around it where masks are made steady over time: it is made again where one of them is.

    Args:
        out_dir: Output folder.
        index_of: Index of a record's frame; None where it is no frame of the run any more.
        reach: Frames before and after on which a frame depends.
        mask_name: Name that a frame's mask must have, by index; None asks nothing.
        end: Number of frames, where an earlier run has seen the last one or it is known; None where it is not.
    """

    def __init__(
        self,
        out_dir: Path,
        index_of: Callable[[ManifestRecord], int | None],
        reach: int = 0,
        mask_name: Callable[[int], str | None] | None = None,
        end: int | None = None,
    ) -> None:
        self.out_dir, self.reach, self.end = out_dir, reach, end
        self.manifest = Manifest(out_dir / 'manifest.jsonl')
        self._mask_name = mask_name
        self._places = array('q')  # where the last record of a frame begins
        self._states = bytearray()
        self._lines = 0
        self._in_order = True
        for place, record in self.manifest.lines():
            index = index_of(record)
            self._lines += 1
            if index is None:
                self._in_order = False
            else:
                self._keep(index, place, _UNKNOWN if record.status == 'ok' else _MISSING)
        self.finished = sum(state == _UNKNOWN for state in self._states)

    def __len__(self) -> int:
        """One more than the highest index with a record."""
        return len(self._places)

    def _keep(self, index: int, place: int, state: int | None = None) -> None:
        if index != len(self._places):
            self._in_order = False
        missing = index + 1 - len(self._places)
        if missing > 0:
            self._places.extend([-1] * missing)
            self._states.extend([_MISSING] * missing)
        self._places[index] = place
        if state is not None:
            self._states[index] = state

    def record(self, index: int) -> ManifestRecord:
        """The last record of a frame that has one."""
        return self.manifest.read_at(self._places[index])

    def had_good(self, index: int) -> bool:
        """Whether a frame has a record that says ok, whatever became of its mask."""
        return index < len(self._states) and self._states[index] != _MISSING

    def append(self, index: int, record: ManifestRecord) -> None:
        """Write a frame's record; what is to be made stays what it was at the beginning."""
        self._keep(index, self.manifest.append(record))
        self._lines += 1

    def is_good(self, index: int) -> bool:
        """Whether a frame's mask was there at the beginning, as it was written; one outside the run counts as good."""
        if index < 0 or (self.end is not None and index >= self.end):
            return True
        if index >= len(self._states):
            return False
        if self._states[index] == _UNKNOWN:
            record = self.record(index)
            path = self.out_dir / (record.mask_path or '')
            name = None if self._mask_name is None else self._mask_name(index)
            same = name is None or record.mask_path == f'masks/{name}'
            same = same and path.is_file() and file_sha256(path) == record.checksum
            self._states[index] = _GOOD if same else _MISSING
        return self._states[index] == _GOOD

    def must_write(self, index: int) -> bool:
        """Whether a frame's mask is to be made."""
        return not all(self.is_good(near) for near in range(index - self.reach, index + self.reach + 1))

    def must_predict(self, index: int) -> bool:
        """Whether the network's label of a frame is needed, for its own mask or for one around it."""
        reach = range(max(index - self.reach, 0), index + self.reach + 1)
        return any(self.must_write(near) for near in reach if self.end is None or near < self.end)

    def close(self, number: int) -> None:
        """Bring the manifest into the order of the frames; what is no frame of the run is left out."""
        if not self._in_order or self._lines != number or len(self._places) != number:
            known = (index for index in range(min(number, len(self._places))) if self._places[index] >= 0)
            self.manifest.rewrite(self.record(index) for index in known)
        remove_temporary(self.out_dir)
