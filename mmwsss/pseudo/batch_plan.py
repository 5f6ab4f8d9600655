"""Which images a process takes, and which of them have something to make."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mmwsss.pseudo.cam_source import batches_of
from mmwsss.pseudo.work_group import WorkGroup
from mmwsss.structures import Manifest, ManifestRecord
from mmwsss.utils.files import file_sha256


class BatchPlan:
    """The batches that this process leases and that have something to make.

    Args:
        out_dir: Output folder.
        manifests: What became of images in earlier runs.
        group: The processes that share the work.
        img_paths: The images.
        names: Their masks' names, None for an image outside the image folder.
        refused: By index of an image why it is not read; see :mod:`mmwsss.datasets.outside`.
        labels: Names of each image's classes, where they are given: a mask of other labels is made again.
        batch_size: Images a batch.

    Attributes:
        pending: Images of the batches given out that are to be refined; the others of a batch were finished earlier.
    """

    def __init__(
        self,
        out_dir: Path,
        manifests: Iterable[Manifest],
        group: WorkGroup,
        img_paths: Sequence[str],
        names: Sequence[str | None],
        refused: Mapping[int, str],
        labels: Sequence[tuple[str, ...]] | None,
        batch_size: int = 8,
    ) -> None:
        self.out_dir, self.group = out_dir, group
        self.img_paths, self.names, self.labels, self.batch_size = img_paths, names, labels, batch_size
        self._reasons = refused
        self.pending: set[int] = set()
        self._refused: deque[ManifestRecord] = deque()
        self._made = {
            record.img_path: (record.mask_path, record.checksum, tuple(record.labels))
            for manifest in manifests
            for record in manifest
            if record.status == 'ok' and record.mask_path is not None and record.checksum is not None
        }

    def refused(self) -> Iterator[ManifestRecord]:
        """Records of images that are not read."""
        while self._refused:
            yield self._refused.popleft()

    def __iter__(self) -> Iterator[list[int]]:
        batches = list(batches_of(len(self.img_paths), self.batch_size))
        for number in self.group.leases(len(batches)):
            batch, pending = [], []
            for index in batches[number]:
                path, name = self.img_paths[index], self.names[index]
                if index in self._reasons:
                    self._refused.append(ManifestRecord(path, 'failed', reason=self._reasons[index]))
                    continue
                batch.append(index)
                if not self._is_finished(self._made.get(path), index, name or ''):
                    pending.append(index)
            if pending:
                self.pending.update(pending)
                yield batch

    def _is_finished(self, made: tuple[str, str, tuple[str, ...]] | None, index: int, name: str) -> bool:
        """Not where an image was never made or failed, its labels changed, or its mask is gone or was changed."""
        if made is None or made[0] != f'masks/{name}':
            return False
        if self.labels is not None and self.labels[index] != made[2]:
            return False
        path = self.out_dir / made[0]
        return path.is_file() and file_sha256(path) == made[1]
