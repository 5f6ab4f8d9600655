"""Processes that make one folder's masks together."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import torch.distributed as dist

from mmwsss.utils.errors import InputError

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')
_WAIT = timedelta(minutes=30)  # for the first process to open the folder
_LONG = timedelta(days=30)


class WorkGroup:
    """The processes of one launch, and the small leases that they take.

    A lease is a batch of consecutive images, given out by an atomic counter in PyTorch's own key-value store: a slow
    process takes fewer, and nobody waits. There is no process group and no collective call, so no process can hang
    because another has other work to do.

    Args:
        rank: Number of this process.
        world_size: Number of processes.
        store: Their store; None for a process alone.
    """

    def __init__(self, rank: int = 0, world_size: int = 1, store: dist.Store | None = None) -> None:
        if not 0 <= rank < world_size or (world_size > 1 and store is None):
            raise ValueError(f'Expected rank in [0, {world_size}) and a store, but got {rank} and {store}.')
        self.rank, self.world_size, self.store = rank, world_size, store
        self._counters: dict[str, int] = {}

    @property
    def is_first(self) -> bool:
        """Whether this process opens and closes the folder."""
        return self.rank == 0

    def open(self, action: Callable[[], None]) -> None:
        """Let the first process do something before anybody goes on.

        Raises:
            ValueError: In all processes, if it failed in the first one.
        """
        if self.store is None:
            action()
        elif self.is_first:
            try:
                action()
            except BaseException as error:
                self.store.set('opened', f'{type(error).__name__}: {error}')
                raise
            self.store.set('opened', '')
        else:
            self.store.wait(['opened'], _WAIT)
            problem = self.store.get('opened').decode()
            if problem:
                raise InputError(f'The first process could not start: {problem}')

    def add(self, name: str, number: int) -> int:
        """Add to a counter that all processes share; gives its new value."""
        if self.store is not None:
            return self.store.add(name, number)
        self._counters[name] = self._counters.get(name, 0) + number
        return self._counters[name]

    def leases(self, number: int, name: str = 'lease') -> Iterator[int]:
        """Numbers from 0 to ``number`` - 1, each given to one process only."""
        if self.store is None:
            yield from range(number)
            return
        while (taken := self.store.add(name, 1) - 1) < number:
            yield taken

    def close(self) -> None:
        """Say that this process is done; the first one waits for all."""
        if self.store is None:
            return
        self.store.set(f'done/{self.rank}', '1')
        if self.is_first:
            self.store.wait([f'done/{rank}' for rank in range(self.world_size)], _LONG)

    def leave(self) -> None:
        """Let the first process, who may hold the store, end last."""
        if self.store is None or self.world_size == 1:
            return
        if self.is_first:
            self.store.set('closed', '1')
            self.store.wait([f'left/{rank}' for rank in range(1, self.world_size)], _WAIT)
        else:
            self.store.wait(['closed'], _LONG)
            self.store.set(f'left/{self.rank}', '1')


def _slurm_master(nodes: str) -> str:
    return subprocess.check_output(['scontrol', 'show', 'hostname', nodes], text=True).split()[0]


def launch_environment(
    launcher: str, environment: Mapping[str, str], slurm_master: Callable[[str], str] = _slurm_master
) -> dict[str, str]:
    """``RANK``, ``WORLD_SIZE``, ``LOCAL_RANK``, ``LOCAL_WORLD_SIZE``, ``MASTER_ADDR`` and ``MASTER_PORT`` of a launch.

    Args:
        launcher: ``'pytorch'`` (torchrun has set them), ``'slurm'`` or ``'mpi'`` (Open MPI).
        environment: ``os.environ``.
        slurm_master: From Slurm's list of nodes to the name of the first.

    Raises:
        ValueError: If the process was not started by the launcher.
    """
    names = {
        'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE'),
        'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID', 'SLURM_NTASKS_PER_NODE'),
        'mpi': (
            'OMPI_COMM_WORLD_RANK',
            'OMPI_COMM_WORLD_SIZE',
            'OMPI_COMM_WORLD_LOCAL_RANK',
            'OMPI_COMM_WORLD_LOCAL_SIZE',
        ),
    }[launcher]
    started_by = {'pytorch': 'torchrun', 'slurm': 'srun', 'mpi': 'mpirun'}[launcher]
    missing = [name for name in names[:2] if name not in environment]
    if missing:
        raise InputError(
            f'Expected to be started by {started_by} for --launcher {launcher}, but {missing} are not set.'
        )
    rank, world, local, local_world = (environment.get(name) for name in names)
    master = environment.get('MASTER_ADDR')
    if master is None and launcher == 'slurm':
        nodes = environment.get('SLURM_STEP_NODELIST') or environment.get('SLURM_NODELIST')
        if nodes is None:
            raise InputError('Expected SLURM_NODELIST or MASTER_ADDR for --launcher slurm, but neither is set.')
        master = slurm_master(nodes)
    if master is None:
        raise InputError(f'Expected MASTER_ADDR for --launcher {launcher}, but it is not set.')
    return {
        'RANK': str(rank),
        'WORLD_SIZE': str(world),
        'LOCAL_RANK': local or '0',
        'LOCAL_WORLD_SIZE': (local_world or '1').split('(')[0],
        'MASTER_ADDR': master,
        'MASTER_PORT': environment.get('MASTER_PORT', '29500'),
    }


def find_work_group(launcher: str = 'none') -> WorkGroup:
    """The group that a launcher started this process in.

    Raises:
        ValueError: If the launcher is unknown, or did not start this process.
    """
    if launcher == 'none':
        return WorkGroup()
    if launcher not in LAUNCHERS:
        raise InputError(f'Expected a launcher of {list(LAUNCHERS)}, but got {launcher!r}.')
    os.environ.update(launch_environment(launcher, os.environ))
    store, rank, world_size = next(dist.rendezvous('env://'))
    attempt = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')  # a restarted launch gives its leases out anew
    return WorkGroup(rank, world_size, dist.PrefixStore(f'mmwsss/{attempt}', store))


def local_rank() -> int:
    """Number of this process on its machine."""
    return int(os.environ.get('LOCAL_RANK', 0))


def cores_of_this_process() -> int:
    """Cores that this process may use: the machine's, shared among its processes there."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    return max(cores // int(os.environ.get('LOCAL_WORLD_SIZE', 1)), 1)


def cores_that_read() -> int:
    """Processes that read pictures where nobody says how many: none on a small machine, whose cores are busy enough."""
    cores = cores_of_this_process()
    return 0 if cores < 4 else min(cores // 4, 4)
