"""Masks for a whole data set: resumable, atomic, and honest about what failed."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from mmwsss.datasets.metainfo import palette
from mmwsss.evaluation.figures import all_foreground_counts, segmentation_figures
from mmwsss.pseudo.cam_source import CamItem, CamSource, batches_of
from mmwsss.pseudo.refine_worker import RefineWorker
from mmwsss.pseudo.work_group import WorkGroup, cores_of_this_process
from mmwsss.structures import Manifest, ManifestRecord, mask_names
from mmwsss.utils.files import file_sha256, read_json, write_json
from mmwsss.utils.progress import Progress

_POOL_FROM = 64
"""Fewer images than this do not pay for starting processes."""


class RunMismatchError(ValueError):
    """An output folder holds the masks of another run."""


_worker: RefineWorker | None = None


def _start_worker(arguments: dict) -> None:
    global _worker
    import torch

    torch.set_num_threads(1)  # as many processes as cores: none may spread over all of them
    _worker = RefineWorker(**arguments)


def _work(item: CamItem, mask_name: str) -> ManifestRecord:
    if _worker is None:
        raise RuntimeError('Expected _start_worker to have run in this process.')
    return _worker(item, mask_name)


class PseudoMaskEngine:
    """Make the masks of one output folder, or what is missing of them; alone or with other processes.

    ``run.json`` says what the folder is, ``manifest.jsonl`` what became of each image, ``masks/`` holds indexed PNGs in
    the sub-folders of the input, ``summary.json`` the counts, the seconds and, with ground truth, the figures.

    Images are taken in windows of ``batch_size`` consecutive ones, which always go through the network together: a mask
    is the same whichever process makes it, and whether or not a run was interrupted.

    Args:
        out_dir: Output folder.
        identity: What makes two runs the same (config, checkpoint hash); kept in ``run.json``.
        classes: Names of the K classes.
        seed: Config of the seed's threshold step.
        refine: Configs of the refiners.
        save_cam: Keep the unrefined maps.
        workers: Processes that refine and write; 0 does it in this one. None: where a refiner is bound by the processor
            and there are many images, all of this process's cores but one, which the network keeps.
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
        seed: dict,
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
            'seed': seed,
            'refine': list(refine),
            'save_cam': save_cam,
        }
        self.manifest = Manifest(self.out_dir / 'manifest.jsonl')
        alone = self.group.world_size == 1
        self.part = self.manifest if alone else Manifest(self.out_dir / f'manifest.rank{self.group.rank}.jsonl')
        worker = RefineWorker(**self.arguments)  # a missing package or a wrong argument stops here, before image one
        self.workers = workers
        self.cpu_bound = worker.cpu_bound

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
        parts = sorted(self.out_dir.glob('manifest.rank*.jsonl'))
        return [self.manifest, *(Manifest(path) for path in parts)]

    def _made(self) -> dict[str, tuple[str, str]]:
        """Mask and checksum by image, of those that earlier runs finished."""
        return {
            record.img_path: (record.mask_path, record.checksum)
            for manifest in self._manifests()
            for record in manifest
            if record.status == 'ok' and record.mask_path is not None and record.checksum is not None
        }

    def _is_finished(self, made: tuple[str, str] | None, name: str) -> bool:
        """Not where an image was never made or failed, or its mask is gone or was changed."""
        if made is None or made[0] != f'masks/{name}':
            return False
        path = self.out_dir / made[0]
        return path.is_file() and file_sha256(path) == made[1]

    def _refusal(self, img_path: str, name: str | None, root: str) -> str | None:
        """Why an image is not read at all."""
        if name is None:
            return f'The image lies outside the image folder {root}.'
        if self.follow_links or not root:
            return None
        real_root = os.path.realpath(root)
        real = os.path.realpath(img_path)
        if real != real_root and not real.startswith(real_root.rstrip(os.sep) + os.sep):
            return f'The image {img_path} is a link to {real}, outside the image folder {root} (see follow_links).'
        return None

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
            batch_size: Images a window.

        Returns:
            dict: the summary; in the other processes ``made_now`` alone.
        """
        start = time.perf_counter()
        img_paths = [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]
        with self.open():
            names = mask_names(img_paths, root)
            windows = _Windows(self, img_paths, names, str(root), batch_size)
            with Progress(len(img_paths), 'pseudo masks', silent=not self.group.is_first) as progress:
                for record in self._records(make_source(windows), names, windows, len(img_paths)):
                    self.part.append(record)
                    progress.update(self.group.add('made', 1) - progress.count)
            self.group.close()
            summary: dict[str, Any] = {'made_now': self.group.add('made', 0)}
            if self.group.is_first:
                self._merge(img_paths)
                summary = self._summary(len(img_paths), summary['made_now'], time.perf_counter() - start)
                write_json(self.out_dir / 'summary.json', summary)
        return summary

    def _merge(self, img_paths: Sequence[str]) -> None:
        """One manifest in the order of the images; of several records of one the last good one counts."""
        manifests = self._manifests()
        places: dict[str, tuple[int, int, bool]] = {}
        for number, manifest in enumerate(manifests):
            for offset, record in manifest.lines():
                good = record.status == 'ok'
                known = places.get(record.img_path)
                if known is None or good or not known[2] or known[0] == number:
                    places[record.img_path] = (number, offset, good)
        ordered = (places[path][:2] for path in dict.fromkeys(img_paths))
        self.manifest.rewrite(manifests[number].read_at(offset) for number, offset in ordered)
        for manifest in manifests[1:]:
            manifest.path.unlink()
        for left_over in self.out_dir.rglob('.*.tmp'):  # of a process that was killed while it wrote
            left_over.unlink()

    def _records(
        self, source: CamSource, names: Sequence[str | None], windows: _Windows, number: int
    ) -> Iterator[ManifestRecord]:
        workers = self._number_of_workers(number)
        if not workers:
            worker = RefineWorker(**self.arguments)
            for item in source:
                yield from windows.refused()
                if item.index in windows.pending:
                    yield self._failed(item) or worker(item, names[item.index])
                    windows.pending.discard(item.index)
            yield from windows.refused()
            return
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(max(min(threads, cores_of_this_process() - workers), 1))  # the rest is the pool's
        context = multiprocessing.get_context('spawn')  # a fork after torch's threads have started may hang
        try:
            with ProcessPoolExecutor(workers, context, _start_worker, (self.arguments,)) as pool:
                running: deque[Future] = deque()
                for item in source:
                    yield from windows.refused()
                    if item.index not in windows.pending:
                        continue
                    windows.pending.discard(item.index)
                    failed = self._failed(item)
                    if failed:
                        yield failed
                        continue
                    running.append(pool.submit(_work, item, names[item.index]))
                    while running and (running[0].done() or len(running) > 4 * workers):  # few maps wait in memory
                        yield running.popleft().result()
                yield from windows.refused()
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
        return cores_of_this_process() - 1 if self.cpu_bound and number >= _POOL_FROM else 0

    @staticmethod
    def _failed(item: CamItem) -> ManifestRecord | None:
        if item.reason is None:
            return None
        return ManifestRecord(item.info['img_path'], 'failed', reason=item.reason)

    def _summary(self, number: int, made: int, seconds: float) -> dict[str, Any]:
        good = without_class = 0
        stages: dict[str, float] = {}
        counts: dict[str, list[np.ndarray]] = {'seed': [], 'mask': []}
        for record in self.manifest:
            if record.status != 'ok':
                continue
            good += 1
            without_class += not record.labels
            for stage, value in record.seconds.items():
                stages[stage] = stages.get(stage, 0.0) + value
            for kind, values in record.counts.items():
                counts[kind].append(np.array(values))
        summary: dict[str, Any] = {
            'images': number,
            'ok': good,
            'failed': number - good,
            'without_class': without_class,
            'made_now': made,
            'seconds': {'wall': round(seconds, 2), **{stage: round(stages[stage], 2) for stage in sorted(stages)}},
            'label_source': self.identity.get('label_source'),
        }
        for kind, tables in counts.items():
            if tables:
                summary[kind] = segmentation_figures(tables, self.classes)
                if len(self.classes) == 1:
                    floor = segmentation_figures([all_foreground_counts(table) for table in tables], self.classes)
                    summary['floor'] = {key: floor[key] for key in ('iou_image', 'iou_dataset', 'miou')}
        return summary


class _Windows:
    """The batches that this process leases and that have something to make.

    Attributes:
        pending: Images of the batches given out that are to be refined; the others of a batch were finished earlier.
    """

    def __init__(
        self,
        engine: PseudoMaskEngine,
        img_paths: Sequence[str],
        names: Sequence[str | None],
        root: str,
        batch_size: int,
    ) -> None:
        self.engine, self.img_paths, self.names, self.root = engine, img_paths, names, root
        self.batch_size = batch_size
        self.made = engine._made()
        self.pending: set[int] = set()
        self._refused: deque[ManifestRecord] = deque()

    def refused(self) -> Iterator[ManifestRecord]:
        """Records of images that are not read."""
        while self._refused:
            yield self._refused.popleft()

    def __iter__(self) -> Iterator[list[int]]:
        batches = list(batches_of(len(self.img_paths), self.batch_size))
        for number in self.engine.group.leases(len(batches)):
            batch, pending = [], []
            for index in batches[number]:
                path, name = self.img_paths[index], self.names[index]
                reason = self.engine._refusal(path, name, self.root)
                if reason is not None:
                    self._refused.append(ManifestRecord(path, 'failed', reason=reason))
                    continue
                batch.append(index)
                if not self.engine._is_finished(self.made.get(path), name or ''):
                    pending.append(index)
            if pending:
                self.pending.update(pending)
                yield batch
