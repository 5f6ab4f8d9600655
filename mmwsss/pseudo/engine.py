"""Masks for a whole data set: resumable, atomic, with a record of every image that failed."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.datasets.metainfo import palette
from mmwsss.datasets.outside import Outside
from mmwsss.pseudo.batch_plan import BatchPlan
from mmwsss.pseudo.cam_source import CamItem, CamSource, FailedItem
from mmwsss.pseudo.refine_pool import refine_in_pool
from mmwsss.pseudo.refine_worker import RefineSettings, RefineWorker
from mmwsss.pseudo.summary import merge_manifests, summarise
from mmwsss.pseudo.work_group import WorkGroup, cores_of_this_process, cores_that_read
from mmwsss.structures import Manifest, ManifestRecord, mask_names
from mmwsss.structures.output_folder import open_output
from mmwsss.utils.files import write_json
from mmwsss.utils.progress import Progress

_POOL_FROM = 64
"""Number of images from which on starting processes is worth its time."""


class PseudoMaskEngine:
    """Make the masks of one output folder, or what is missing of them; alone or with other processes.

    ``run.json`` says what the folder is, ``manifest.jsonl`` what became of each image, ``masks/`` holds indexed PNGs in
    the sub-folders of the input, ``summary.json`` the counts, the seconds and, with ground truth, the figures.

    Images are taken in batches of ``batch_size`` consecutive ones, which always go through the network together: a mask
    is the same whichever process makes it, and whether or not a run was interrupted.

    Args:
        settings: Output folder, classes, fusion and refiners.
        identity: What makes two runs the same (config, checkpoint hash); kept in ``run.json``.
        workers: Processes that refine and write; 0 does it in this one. None: where a refiner is bound by the processor
            and there are many images, this process's cores but one, which the network keeps, and those that read.
        group: The processes that share the work.
        labels_are_given: Whether the images' labels choose the classes: where they change, masks are made again.

    Raises:
        RunMismatchError: If the folder holds another run's masks, or another run works on it.
        NotADirectoryError: If the folder cannot be one.
        PermissionError: If it cannot be written to.
    """

    def __init__(
        self,
        settings: RefineSettings,
        identity: dict[str, Any],
        workers: int | None = 0,
        group: WorkGroup | None = None,
        labels_are_given: bool = False,
    ) -> None:
        self.labels_are_given = labels_are_given
        self.out_dir, self.classes, self.identity = Path(settings.out_dir), tuple(settings.classes), identity
        self.group = group or WorkGroup()
        self.manifest = Manifest(self.out_dir / 'manifest.jsonl')
        alone = self.group.world_size == 1
        own = self.manifest.path if alone else self.out_dir / f'manifest.rank{self.group.rank}.jsonl'
        self.own_manifest = Manifest(own)
        self.worker = RefineWorker(settings)  # a missing package or wrong argument stops here, before image one
        self.workers = workers

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Lock the folder and write or compare ``run.json``; with several processes the first one does."""
        with contextlib.ExitStack() as stack:
            self.group.open(lambda: self._open(stack))
            yield
            self.group.leave()

    def _open(self, stack: contextlib.ExitStack) -> None:
        content = {'classes': list(self.classes), 'palette': palette(len(self.classes)), **self.identity}
        stack.enter_context(open_output(self.out_dir, content, ('config_hash', 'checkpoint_sha256', 'classes')))

    def _manifests(self) -> list[Manifest]:
        """The manifest, and those of processes that have not been merged into it."""
        unmerged = sorted(self.out_dir.glob('manifest.rank*.jsonl'))
        return [self.manifest, *(Manifest(path) for path in unmerged)]

    def run(
        self,
        dataset: ImageDataset,
        root: str | Path,
        make_source: Callable[[Iterable[Sequence[int]]], CamSource],
        batch_size: int = 8,
    ) -> dict[str, Any]:
        """Make what is missing; the first process writes ``summary.json``.

        Args:
            dataset: The images.
            root: Folder whose sub-folders the masks mirror.
            make_source: ``make_source(batches)`` gives a :class:`~mmwsss.pseudo.cam_source.CamSource` of those images.
            batch_size: Images a batch.

        Returns:
            dict: the summary; in the other processes ``made_now`` alone.
        """
        start = time.perf_counter()
        img_paths, refused, labels = self._images(dataset, root)
        with self.open():
            names = mask_names(img_paths, root)
            plan = BatchPlan(
                self.out_dir,
                self._manifests(),
                self.group,
                img_paths,
                names,
                refused,
                labels,
                batch_size,
            )
            with Progress(len(img_paths), 'pseudo masks', silent=not self.group.is_first) as progress:
                for record in self._records(make_source(plan), names, plan, len(img_paths)):
                    self.own_manifest.append(record)
                    progress.update(self.group.add('made', 1) - progress.count)
            self.group.close()
            summary: dict[str, Any] = {'made_now': self.group.add('made', 0)}
            if self.group.is_first:
                merge_manifests(self.out_dir, self._manifests(), img_paths)
                counted = summarise(self.manifest, self.classes)
                summary = {
                    'images': len(img_paths),
                    **counted,
                    'failed': len(img_paths) - counted['ok'],
                    **summary,
                    'seconds': {'wall': round(time.perf_counter() - start, 2), **counted['seconds']},
                    'label_source': self.identity.get('label_source'),
                }
                write_json(self.out_dir / 'summary.json', summary)
                self._warn_of_empty_masks(summary)
        return summary

    def _images(self, dataset: Any, root: str | Path) -> tuple[list[str], dict[int, str], list[tuple[str, ...]] | None]:
        """Paths, why some are not read, and, where given labels choose the classes, the names of each image's."""
        known: dict[bytes, tuple[str, ...]] = {}  # few combinations: one text each, whatever the number of images
        paths, labels = [], []
        refused: dict[int, str] = {}
        outside = Outside(root, follow_links=True)  # links are the data set's to refuse
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            paths.append(info['img_path'])
            reason = info.get('refused') or outside.refusal(info['img_path'])
            if reason is not None:
                refused[index] = reason
            if self.labels_are_given:
                key = info['gt_label'].tobytes()
                labels.append(known.setdefault(key, tuple(self.classes[label] for label in info['gt_label'])))
        return paths, refused, labels if self.labels_are_given else None

    @staticmethod
    def _warn_of_empty_masks(summary: dict[str, Any]) -> None:
        if summary['empty']:
            named = ', '.join(f'{name} in {number} images' for name, number in summary['empty'].items())
            print_log(f'Classes of the labels without a pixel in their masks: {named}.', 'current', logging.WARNING)

    def _records(
        self, source: CamSource, names: Sequence[str | None], plan: BatchPlan, number: int
    ) -> Iterator[ManifestRecord]:
        """A record of each image of the plan: refused, failed, or made here or in the pool."""
        without_mask: deque[ManifestRecord] = deque()

        def with_maps() -> Iterator[tuple[CamItem, str]]:
            for item in source:
                without_mask.extend(plan.refused())
                name = names[item.index]
                if item.index not in plan.pending or name is None:
                    continue
                plan.pending.discard(item.index)
                if isinstance(item, FailedItem):
                    without_mask.append(ManifestRecord(item.info['img_path'], 'failed', reason=item.reason))
                else:
                    yield item, name
            without_mask.extend(plan.refused())

        workers = self._number_of_workers(number)
        if workers:
            made = refine_in_pool(self.worker, with_maps(), workers)
        else:
            made = (self.worker(item, name) for item, name in with_maps())
        for record in made:
            while without_mask:
                yield without_mask.popleft()
            yield record
        yield from without_mask

    def _number_of_workers(self, number: int) -> int:
        if self.workers is not None:
            return self.workers
        cores = cores_of_this_process() - cores_that_read() - 1
        return max(cores, 0) if self.worker.cpu_bound and number >= _POOL_FROM else 0
