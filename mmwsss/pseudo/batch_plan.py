"""Which images a process takes, and which of them have something to make."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
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
        names: Their masks' names, None for an image outside ``root``.
        root: The image folder.
        batch_size: Images a batch.
        follow_links: Also give out images that are links to somewhere outside ``root``.

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
        root: str,
        batch_size: int = 8,
        follow_links: bool = False,
    ) -> None:
        self.out_dir, self.group = out_dir, group
        self.img_paths, self.names, self.root = img_paths, names, root
        self.batch_size, self.follow_links = batch_size, follow_links
        self.pending: set[int] = set()
        self._refused: deque[ManifestRecord] = deque()
        self._made = {
            record.img_path: (record.mask_path, record.checksum)
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
                reason = self._refusal(path, name)
                if reason is not None:
                    self._refused.append(ManifestRecord(path, 'failed', reason=reason))
                    continue
                batch.append(index)
                if not self._is_finished(self._made.get(path), name or ''):
                    pending.append(index)
            if pending:
                self.pending.update(pending)
                yield batch

    def _is_finished(self, made: tuple[str, str] | None, name: str) -> bool:
        """Whether an image's mask was made, is there and is unchanged."""
        if made is None or made[0] != f'masks/{name}':
            return False
        path = self.out_dir / made[0]
        return path.is_file() and file_sha256(path) == made[1]

    def _refusal(self, img_path: str, name: str | None) -> str | None:
        """Why an image is not read at all."""
        if name is None:
            return f'The image lies outside the image folder {self.root}.'
        if self.follow_links or not self.root:
            return None
        root, real = os.path.realpath(self.root), os.path.realpath(img_path)
        if not real.startswith(root.rstrip(os.sep) + os.sep):
            return f'The image {img_path} is a link to {real}, outside the image folder {self.root} (see follow_links).'
        return None
