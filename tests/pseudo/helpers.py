"""What the tests of the engine share."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import time
import traceback
from pathlib import Path

import torch
from conftest import SMALL, student_config, toy_variables
from mmengine.registry import init_default_scope

from mmwsss.apis import make_pseudo
from mmwsss.config import load_config, options_that_act, split_data_options
from mmwsss.pseudo import PseudoMaskEngine, WorkGroup, engine
from mmwsss.registry import MODELS
from mmwsss.structures import Manifest
from mmwsss.structures.manifest import _to_json
from mmwsss.utils.files import file_sha256

NET = {'embed_dims': 32, 'num_layers': 2}
VARIABLES = {
    'img_size': 32,
    'scales': [1.0],
    'size_divisor': 8,
    'batch_size': 5,
    'mask_threshold': 0.5,
    'bg_exponent': 1.0,
}
"""Pseudo configs at toy size."""


def write_checkpoint(path, toy, num_classes=1):
    """An untrained student with its config inside, as a training leaves it."""
    cfg = student_config({**SMALL, **NET}, {**toy_variables(toy), 'num_classes': num_classes})
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model.to_dict())
    model.init_weights()
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and name.startswith(('backbone.layers', 'head')):
            torch.nn.init.normal_(parameter, 0, 0.2)  # maps that differ from image to image, and are not empty
    torch.save({'state_dict': model.state_dict(), 'meta': {'cfg': cfg.pretty_text}}, path)
    return path


def config(toy, name='gradcam_ms_crf', **options):
    """A pseudo config at toy size."""
    path = f'configs/pseudo/{name}.py'
    described, others = split_data_options(options)
    data = {**toy_variables(toy), **described}
    return load_config(path, {**options_that_act(path, VARIABLES, data=data), **others}, data=data)


def tree(folder):
    """Checksums of the masks by name."""
    return {str(p.relative_to(folder)): file_sha256(p) for p in sorted((Path(folder) / 'masks').rglob('*.png'))}


def manifest(folder):
    """The records as dictionaries."""
    return [json.loads(line) for line in (Path(folder) / 'manifest.jsonl').read_text().splitlines()]


def outcome(folder):
    """Masks and records, without what differs between two good runs: the seconds."""
    return tree(folder), [{**record, 'seconds': None} for record in manifest(folder)]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as handle:
        handle.bind(('127.0.0.1', 0))
        return handle.getsockname()[1]


class Moment:
    """Kill a process of a launch by SIGKILL at the n-th time that something happens, counted over all its processes.

    What happens is named by :data:`MOMENTS`, so that a kill lands on a quick machine as on a slow one.

    Args:
        name: One of :data:`MOMENTS`.
        number: n, from 1.
        rank: Only what this process does counts; None counts all.
    """

    def __init__(self, name: str, number: int = 1, rank: int | None = None) -> None:
        self.name, self.number, self.rank = name, number, rank
        self._count = multiprocessing.get_context('fork').Value('i', 0)

    def __repr__(self) -> str:
        return f'{self.name} {self.number}' + ('' if self.rank is None else f' of process {self.rank}')

    def hit(self) -> None:
        """Count, and die where it is time."""
        with self._count.get_lock():
            self._count.value += 1
            if self._count.value != self.number:
                return
        os.kill(os.getpid(), signal.SIGKILL)

    def install(self, rank: int) -> None:
        """Watch in this process, a fork that only makes masks."""
        if self.rank in (None, rank):
            MOMENTS[self.name](self)


def _around(owner: object, name: str, moment: Moment, after: bool = False, when=lambda *args: True) -> None:
    original = getattr(owner, name)

    def watched(*args, **kwargs):
        if not after and when(*args):
            moment.hit()
        result = original(*args, **kwargs)
        if after and when(*args):
            moment.hit()
        return result

    setattr(owner, name, watched)


def _rename(after: bool, wanted: str = ''):
    """Before or after the rename that makes a file final, of files whose path has a text in it."""
    return lambda moment: _around(os, 'replace', moment, after, lambda source, target: wanted in str(target))


def _at_leases(moment: Moment) -> None:
    original = WorkGroup.leases

    def watched(self, *args, **kwargs):
        for number in original(self, *args, **kwargs):
            moment.hit()
            yield number

    WorkGroup.leases = watched


def _torn_record(moment: Moment) -> None:
    def half(self, record):
        line = _to_json(record).encode()
        with open(self.path, 'ab') as handle:
            handle.write(line[: len(line) // 2])
            handle.flush()
            moment.hit()
            handle.write(line[len(line) // 2 :])

    Manifest.append = half


MOMENTS = {
    'write': lambda moment: _around(os, 'fsync', moment),
    'rename': _rename(after=False),
    'renamed': _rename(after=True),
    'lease': _at_leases,
    'mask without record': _rename(after=True, wanted='/masks/'),
    'half a record': _torn_record,
    'before the merge': lambda moment: _around(engine, 'merge_manifests', moment),
    'merged but not renamed': _rename(after=False, wanted='/manifest.jsonl'),
    'merged beside the old ones': _rename(after=True, wanted='/manifest.jsonl'),
    'before the summary': _rename(after=False, wanted='/summary.json'),
    'opened but not said': lambda moment: _around(PseudoMaskEngine, '_open', moment, after=True),
    'before it says done': lambda moment: _around(WorkGroup, 'close', moment),
    'when all are done': lambda moment: _around(WorkGroup, 'close', moment, after=True),
    'before it leaves': lambda moment: _around(WorkGroup, 'leave', moment),
}
"""What can happen in a run, by name."""


class Launch:
    """Some processes that make one folder's masks; forked, because every start of Python costs seconds."""

    def __init__(self, arguments: tuple, world_size: int = 1, moment: Moment | None = None) -> None:
        port = free_port()
        self.processes = [self._fork(arguments, rank, world_size, port, moment) for rank in range(world_size)]

    @staticmethod
    def _fork(arguments: tuple, rank: int, world_size: int, port: int, moment: Moment | None) -> int:
        process = os.fork()
        if process:
            return process
        try:
            os.setpgrp()
            launcher = 'none'
            if world_size > 1:
                launcher = 'pytorch'
                os.environ.update(
                    RANK=str(rank), WORLD_SIZE=str(world_size), MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port)
                )
            if moment is not None:
                moment.install(rank)
            cfg, checkpoint, out = arguments
            make_pseudo(cfg, checkpoint, out, launcher=launcher)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def kill(self) -> None:
        """SIGKILL what is left, as an out-of-memory killer or a power cut."""
        for process in self.processes:
            os.kill(process, signal.SIGKILL)
        for process in self.processes:
            os.waitpid(process, 0)
        self.processes.clear()

    def dies(self, seconds: float = 120) -> bool:
        """Wait until one of the processes is killed; False if all end otherwise, or none ends in time."""
        end = time.monotonic() + seconds
        while self.processes and time.monotonic() < end:
            for process in list(self.processes):
                done, status = os.waitpid(process, os.WNOHANG)
                if done:
                    self.processes.remove(process)
                    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
                        return True
            time.sleep(0.005)
        return False

    def wait(self, seconds: float = 120) -> list[int] | None:
        """Exit codes, or None if the time is over first."""
        end, codes = time.monotonic() + seconds, []
        for process in list(self.processes):
            while not (ended := os.waitpid(process, os.WNOHANG))[0]:
                if time.monotonic() > end:
                    self.kill()
                    return None
                time.sleep(0.005)
            codes.append(os.waitstatus_to_exitcode(ended[1]))
            self.processes.remove(process)
        return codes
