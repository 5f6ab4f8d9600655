"""Refining in several processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import cv2
import torch

from mmwsss.pseudo.cam_source import CamItem
from mmwsss.pseudo.refine_worker import RefineSettings, RefineWorker
from mmwsss.pseudo.work_group import cores_of_this_process
from mmwsss.structures import ManifestRecord
from mmwsss.utils.errors import ResourceError

_worker: RefineWorker | None = None


def _start(worker: RefineWorker | RefineSettings) -> None:
    """Begin a process of the pool with a worker that it inherited, or by building its own."""
    global _worker
    torch.set_num_threads(1)  # as many processes as cores: none may spread over all of them
    cv2.setNumThreads(1)
    _worker = worker if isinstance(worker, RefineWorker) else RefineWorker(worker)


def _work(item: CamItem, mask_name: str) -> ManifestRecord:
    if _worker is None:
        raise RuntimeError('Expected _start to have run in this process.')
    return _worker(item, mask_name)


def refine_in_pool(
    worker: RefineWorker, items: Iterable[tuple[CamItem, str]], processes: int
) -> Iterator[ManifestRecord]:
    """Records of items, in their order; few maps wait in memory.

    Args:
        worker: Forked processes inherit it; others build their own.
        items: Images with their maps, and the names of their masks.
        processes: How many.

    Raises:
        OSError: If one of the processes died.
    """
    # Forked processes start at once and inherit the refiners. They use one thread each, so they do not need the threads
    # of this process, which a fork does not copy. CUDA cannot be used after a fork.
    forked = sys.platform == 'linux' and not torch.cuda.is_initialized()
    context = multiprocessing.get_context('fork' if forked else 'spawn')
    start = worker if forked else worker.settings
    try:
        with _fewer_threads(processes), ProcessPoolExecutor(processes, context, _start, (start,)) as pool:
            running: deque[Future] = deque()
            for item, mask_name in items:
                running.append(pool.submit(_work, item, mask_name))
                while running and (running[0].done() or len(running) > 4 * processes):
                    yield running.popleft().result()
            for future in running:
                yield future.result()
    except BrokenProcessPool as error:
        raise ResourceError(
            f'A process that refines masks died, perhaps of want of memory: what is in {worker.settings.out_dir} '
            f'stands, and the same command goes on from there (with fewer --workers, now {processes}).'
        ) from error


@contextlib.contextmanager
def _fewer_threads(processes: int) -> Iterator[None]:
    """Leave the pool its cores: PyTorch's threads that spin while they wait would take them.

    OpenCV's threads are ended: a forked process that has them on paper only would wait for them for ever.
    """
    threads, of_opencv = torch.get_num_threads(), cv2.getNumThreads()
    cv2.setNumThreads(1)
    if os.environ.get('OMP_WAIT_POLICY', '').lower() != 'passive':
        torch.set_num_threads(max(min(threads, cores_of_this_process() - processes), 1))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(of_opencv)
