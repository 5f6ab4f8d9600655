"""Masks for a whole data set: resumable, atomic, with a record of every image that failed."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import multiprocessing
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from mmwsss.datasets.metainfo import palette
from mmwsss.pseudo.batch_plan import BatchPlan
from mmwsss.pseudo.cam_source import CamItem, CamSource
from mmwsss.pseudo.refine_worker import RefineWorker
from mmwsss.pseudo.summary import merge_manifests, summarise
from mmwsss.pseudo.work_group import WorkGroup, cores_of_this_process, cores_that_read
from mmwsss.structures import Manifest, ManifestRecord, mask_names
from mmwsss.utils.files import read_json, write_json
from mmwsss.utils.progress import Progress

_POOL_FROM = 64
"""Fewer images than this do not pay for starting processes."""


class RunMismatchError(ValueError):
    """An output folder holds the masks of another run."""


_worker: RefineWorker | None = None


def _start_worker(worker: RefineWorker | dict) -> None:
    """Begin a process of the pool with a worker that it inherited, or by building its own."""
    global _worker
    import cv2
    import torch

    torch.set_num_threads(1)  # as many processes as cores: none may spread over all of them
    cv2.setNumThreads(1)
    _worker = worker if isinstance(worker, RefineWorker) else RefineWorker(**worker)


def _work(item: CamItem, mask_name: str) -> ManifestRecord:
    if _worker is None:
        raise RuntimeError('Expected _start_worker to have run in this process.')
    return _worker(item, mask_name)


class PseudoMaskEngine:
    """Make the masks of one output folder, or what is missing of them; alone or with other processes.

    ``run.json`` says what the folder is, ``manifest.jsonl`` what became of each image, ``masks/`` holds indexed PNGs in
    the sub-folders of the input, ``summary.json`` the counts, the seconds and, with ground truth, the figures.

    Images are taken in batches of ``batch_size`` consecutive ones, which always go through the network together: a mask
    is the same whichever process makes it, and whether or not a run was interrupted.

    Args:
        out_dir: Output folder.
        identity: What makes two runs the same (config, checkpoint hash); kept in ``run.json``.
        classes: Names of the K classes.
        fusion: Config of the step from the maps of several layers to one; None is the default.
        unrefined: Config of the threshold step of the unrefined maps.
        refine: Configs of the refiners.
        save_cam: Keep the unrefined maps.
        workers: Processes that refine and write; 0 does it in this one. None: where a refiner is bound by the processor
            and there are many images, this process's cores but one, which the network keeps, and those that read.
        group: The processes that share the work.
        follow_links: Also read images that are links to somewhere outside the image folder.

    Raises:
        RunMismatchError: If the folder holds another run's masks, or another run works on it.
        NotADirectoryError: If the folder cannot be one.
        PermissionError: If it cannot be written to.
    """

    def __init__(
        self,
        out_dir: str | Path,
        identity: dict[str, Any],
        classes: Sequence[str],
        fusion: dict | None,
        unrefined: dict,
        refine: Sequence[dict],
        save_cam: bool = False,
        workers: int | None = 0,
        group: WorkGroup | None = None,
        follow_links: bool = False,
    ) -> None:
        self.out_dir, self.identity, self.classes = Path(out_dir), identity, tuple(classes)
        self.group, self.follow_links = group or WorkGroup(), follow_links
        self.arguments = {
            'out_dir': str(out_dir),
            'classes': self.classes,
            'fusion': fusion,
            'unrefined': unrefined,
            'refine': list(refine),
            'save_cam': save_cam,
        }
        self.manifest = Manifest(self.out_dir / 'manifest.jsonl')
        alone = self.group.world_size == 1
        own = self.manifest.path if alone else self.out_dir / f'manifest.rank{self.group.rank}.jsonl'
        self.own_manifest = Manifest(own)
        self.worker = RefineWorker(**self.arguments)  # a missing package or wrong argument stops here, before image one
        self.workers = workers

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Lock the folder and write or compare ``run.json``; with several processes the first one does."""
        with contextlib.ExitStack() as stack:
            self.group.open(lambda: self._open(stack))
            yield
            self.group.leave()

    def _open(self, stack: contextlib.ExitStack) -> None:
        if self.out_dir.exists() and not self.out_dir.is_dir():
            raise NotADirectoryError(f'Expected a folder for the masks, but {self.out_dir} is a file.')
        try:
            self.out_dir.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((self.out_dir / '.lock').open('w'))
        except OSError as error:
            raise PermissionError(f'Expected a folder that can be written to, but {self.out_dir}: {error}') from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunMismatchError(f'Another process is making masks in {self.out_dir}.') from error
        self._compare()

    def _compare(self) -> None:
        run_file = self.out_dir / 'run.json'
        content = {'classes': list(self.classes), 'palette': palette(len(self.classes)), **self.identity}
        if run_file.exists():
            there = read_json(run_file)
            keys = ('config_hash', 'checkpoint_sha256', 'classes')
            differing = [key for key in keys if there.get(key) != content.get(key)]
            if differing:
                named = ', '.join(f'{key} {there.get(key)} (there) and {content.get(key)} (now)' for key in differing)
                raise RunMismatchError(
                    f'The masks in {self.out_dir} were made by another run: {named}. Choose another --out folder.'
                )
        else:
            write_json(run_file, content)

    def _manifests(self) -> list[Manifest]:
        """The manifest, and those of processes that have not been merged into it."""
        unmerged = sorted(self.out_dir.glob('manifest.rank*.jsonl'))
        return [self.manifest, *(Manifest(path) for path in unmerged)]

    def run(
        self,
        dataset: Any,
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
        img_paths = [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]
        with self.open():
            names = mask_names(img_paths, root)
            plan = BatchPlan(
                self.out_dir, self._manifests(), self.group, img_paths, names, str(root), batch_size, self.follow_links
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

    @staticmethod
    def _warn_of_empty_masks(summary: dict[str, Any]) -> None:
        if summary['empty']:
            named = ', '.join(f'{name} in {number} images' for name, number in summary['empty'].items())
            print_log(f'Classes of the labels without a pixel in their masks: {named}.', 'current', logging.WARNING)

    def _records(
        self, source: CamSource, names: Sequence[str | None], plan: BatchPlan, number: int
    ) -> Iterator[ManifestRecord]:
        workers = self._number_of_workers(number)
        if not workers:
            for item in source:
                yield from plan.refused()
                if item.index in plan.pending:
                    yield self._failed(item) or self.worker(item, names[item.index] or '')
                    plan.pending.discard(item.index)
            yield from plan.refused()
            return
        import torch

        threads = torch.get_num_threads()
        if os.environ.get('OMP_WAIT_POLICY', '').lower() != 'passive':  # threads that spin while they wait
            torch.set_num_threads(max(min(threads, cores_of_this_process() - workers), 1))  # take cores from the pool
        # Forked processes start at once and inherit the refiners. They use one thread each, so they do not need the
        # threads of this process, which a fork does not copy. CUDA cannot be used after a fork.
        forked = sys.platform == 'linux' and not torch.cuda.is_initialized()
        context = multiprocessing.get_context('fork' if forked else 'spawn')
        start = self.worker if forked else self.arguments
        try:
            with ProcessPoolExecutor(workers, context, _start_worker, (start,)) as pool:
                running: deque[Future] = deque()
                for item in source:
                    yield from plan.refused()
                    if item.index not in plan.pending:
                        continue
                    plan.pending.discard(item.index)
                    failed = self._failed(item)
                    if failed:
                        yield failed
                        continue
                    running.append(pool.submit(_work, item, names[item.index] or ''))
                    while running and (running[0].done() or len(running) > 4 * workers):  # few maps wait in memory
                        yield running.popleft().result()
                yield from plan.refused()
                for future in running:
                    yield future.result()
        except BrokenProcessPool as error:
            raise OSError(
                f'A process that refines masks died, perhaps of want of memory: what is in {self.out_dir} stands, and '
                f'the same command goes on from there (with fewer --workers, now {workers}).'
            ) from error
        finally:
            torch.set_num_threads(threads)

    def _number_of_workers(self, number: int) -> int:
        if self.workers is not None:
            return self.workers
        cores = cores_of_this_process() - cores_that_read() - 1
        return max(cores, 0) if self.worker.cpu_bound and number >= _POOL_FROM else 0

    @staticmethod
    def _failed(item: CamItem) -> ManifestRecord | None:
        if item.reason is None:
            return None
        return ManifestRecord(item.info['img_path'], 'failed', reason=item.reason)
