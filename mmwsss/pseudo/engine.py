"""Masks for a whole data set: resumable, atomic, and honest about what failed."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mmwsss.datasets.metainfo import palette
from mmwsss.evaluation.figures import all_foreground_counts, segmentation_figures
from mmwsss.pseudo.cam_source import CamItem, CamSource
from mmwsss.pseudo.refine_worker import RefineWorker
from mmwsss.structures import Manifest, ManifestRecord, mask_names
from mmwsss.utils.files import file_sha256, read_json, write_json
from mmwsss.utils.progress import Progress


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
    """Make the masks of one output folder, or what is missing of them.

    ``run.json`` says what the folder is, ``manifest.jsonl`` what became of each image, ``masks/`` holds indexed PNGs in
    the sub-folders of the input, ``summary.json`` the counts, the seconds and, with ground truth, the figures.

    Args:
        out_dir: Output folder.
        identity: What makes two runs the same (config, checkpoint hash); kept in ``run.json``.
        classes: Names of the K classes.
        seed: Config of the seed's threshold step.
        refine: Configs of the refiners.
        save_cam: Keep the unrefined maps.
        workers: Processes that refine and write; 0 does it in this one.

    Raises:
        RunMismatchError: If the folder holds another run's masks, or another process works on it.
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
        workers: int = 0,
    ) -> None:
        self.out_dir, self.identity, self.classes = Path(out_dir), identity, tuple(classes)
        self.workers = workers
        self.arguments = {
            'out_dir': str(out_dir),
            'classes': self.classes,
            'seed': seed,
            'refine': list(refine),
            'save_cam': save_cam,
        }
        self.manifest = Manifest(self.out_dir / 'manifest.jsonl')
        RefineWorker(**self.arguments)  # a missing package or a wrong argument stops here, before image one

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Lock the folder and write or compare ``run.json``."""
        if self.out_dir.exists() and not self.out_dir.is_dir():
            raise NotADirectoryError(f'Expected a folder for the masks, but {self.out_dir} is a file.')
        try:
            self.out_dir.mkdir(parents=True, exist_ok=True)
            lock = open(self.out_dir / '.lock', 'w')  # noqa: SIM115  (held until the run ends)
        except OSError as error:
            raise PermissionError(f'Expected a folder that can be written to, but {self.out_dir}: {error}') from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RunMismatchError(f'Another process is making masks in {self.out_dir}.') from error
            self._compare()
            yield

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

    def pending(self, names: Sequence[str | None], img_paths: Sequence[str]) -> list[int]:
        """Images without a finished mask: never made, failed, or with a file that is gone or was changed."""
        records = self.manifest.read()
        return [
            index
            for index, (path, name) in enumerate(zip(img_paths, names))
            if not self._is_finished(records.get(path), name)
        ]

    def _is_finished(self, record: ManifestRecord | None, name: str | None) -> bool:
        if record is None or record.status != 'ok' or record.mask_path != f'masks/{name}':
            return False
        path = self.out_dir / record.mask_path
        return path.is_file() and file_sha256(path) == record.checksum

    def run(self, dataset: Any, root: str | Path, make_source: Any) -> dict[str, Any]:
        """Make what is missing and write ``summary.json``.

        Args:
            dataset: The images.
            root: Folder whose sub-folders the masks mirror.
            make_source: ``make_source(indices)`` gives a :class:`~mmwsss.pseudo.cam_source.CamSource` of those images.

        Returns:
            dict: the summary.
        """
        start = time.perf_counter()
        img_paths = [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]
        with self.open():
            names = mask_names(img_paths, root)
            pending = self.pending(names, img_paths)
            inside = [index for index in pending if names[index] is not None]
            for index in set(pending) - set(inside):
                reason = f'The image lies outside the image folder {root}.'
                self.manifest.append(ManifestRecord(img_paths[index], 'failed', reason=reason))
            with Progress(len(inside), 'pseudo masks') as progress:
                if inside:
                    for record in self._records(make_source(inside), names):
                        self.manifest.append(record)
                        progress.update()
            records = self.manifest.read()
            self.manifest.rewrite([records[path] for path in img_paths])
            seconds = time.perf_counter() - start
            summary = self._summary([records[path] for path in img_paths], len(pending), seconds)
            write_json(self.out_dir / 'summary.json', summary)
        return summary

    def _records(self, source: CamSource, names: Sequence[str | None]) -> Iterator[ManifestRecord]:
        if not self.workers:
            worker = RefineWorker(**self.arguments)
            for item in source:
                yield self._failed(item) or worker(item, names[item.index])
            return
        context = multiprocessing.get_context('spawn')  # a fork after torch's threads have started may hang
        with ProcessPoolExecutor(self.workers, context, _start_worker, (self.arguments,)) as pool:
            running: list[Future] = []
            for item in source:
                failed = self._failed(item)
                if failed:
                    yield failed
                    continue
                running.append(pool.submit(_work, item, names[item.index]))
                while len(running) > 4 * self.workers:  # maps wait in memory: not too many of them
                    yield running.pop(0).result()
            for future in running:
                yield future.result()

    @staticmethod
    def _failed(item: CamItem) -> ManifestRecord | None:
        if item.reason is None:
            return None
        return ManifestRecord(item.info['img_path'], 'failed', reason=item.reason)

    def _summary(self, records: Sequence[ManifestRecord], made: int, seconds: float) -> dict[str, Any]:
        good = [record for record in records if record.status == 'ok']
        stages = sorted({stage for record in good for stage in record.seconds})
        summary: dict[str, Any] = {
            'images': len(records),
            'ok': len(good),
            'failed': len(records) - len(good),
            'without_class': sum(not record.labels for record in good),
            'made_now': made,
            'seconds': {
                'wall': round(seconds, 2),
                **{stage: round(sum(record.seconds.get(stage, 0) for record in good), 2) for stage in stages},
            },
            'label_source': self.identity.get('label_source'),
        }
        for kind in ('seed', 'mask'):
            counts = [record.counts[kind] for record in good if kind in record.counts]
            if counts:
                summary[kind] = segmentation_figures(counts, self.classes)
                if len(self.classes) == 1:
                    floor = segmentation_figures([all_foreground_counts(np.asarray(c)) for c in counts], self.classes)
                    summary['floor'] = {key: floor[key] for key in ('iou_image', 'iou_dataset', 'miou')}
        return summary
