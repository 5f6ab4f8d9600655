"""What the tests of the engine share."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import traceback
from pathlib import Path

import torch
from conftest import SMALL, toy_variables
from mmengine.registry import init_default_scope

from mmwsss.apis import make_pseudo
from mmwsss.config.loading import load_config
from mmwsss.registry import MODELS
from mmwsss.utils.files import file_sha256

NET = {'embed_dims': 32, 'num_layers': 2}


def write_checkpoint(path, toy, num_classes=1):
    """An untrained student with its config inside, as a training leaves it."""
    cfg = load_config('configs/vitmini.py', {**toy_variables(toy), **SMALL, **NET, 'num_classes': num_classes})
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
    variables = {
        'img_size': 32,
        'scales': [1.0],
        'size_divisor': 8,
        'batch_size': 5,
        'mask_threshold': 0.5,
        'bg_exponent': 1.0,
    }
    return load_config(f'configs/pseudo/{name}.py', {**toy_variables(toy), **variables, **options})


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


class Launch:
    """Some processes that make one folder's masks; forked, because every start of Python costs seconds."""

    def __init__(self, arguments: tuple, world_size: int = 1) -> None:
        port = free_port()
        self.processes = [self._fork(arguments, rank, world_size, port) for rank in range(world_size)]

    @staticmethod
    def _fork(arguments: tuple, rank: int, world_size: int, port: int) -> int:
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
            cfg, checkpoint, out = arguments
            make_pseudo(cfg, checkpoint, out, launcher=launcher)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def kill(self) -> None:
        """SIGKILL, as an out-of-memory killer or a power cut."""
        for process in self.processes:
            os.kill(process, signal.SIGKILL)
        for process in self.processes:
            os.waitpid(process, 0)

    def wait(self, seconds: float | None = None) -> list[int] | None:
        """Exit codes, or None if the time is over first."""
        end = None if seconds is None else time.monotonic() + seconds
        codes = []
        for process in list(self.processes):
            while True:
                done, status = os.waitpid(process, 0 if end is None else os.WNOHANG)
                if done:
                    codes.append(os.waitstatus_to_exitcode(status))
                    self.processes.remove(process)
                    break
                if time.monotonic() > end:
                    return None
                time.sleep(0.005)
        return codes
