"""Frames a second and memory of a segmentor: PyTorch, ONNX, ONNX in 8 bits.

Each figure is the median of the rounds, in a process of its own, of one picture from the network's input to its logits.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NETWORKS = {
    'mit-b0': 'configs/seg/segformer_mit-b0_pseudo-512x512.py',
    'lite0': 'configs/seg/segformer_lite0_pseudo-192x192.py',
    'lite0, plumes': 'configs/seg/lite0_plumes.py',
}


def build(name: str, size: int) -> Any:
    """A network of a config with random weights; its speed is that of a trained one."""
    import mmwsss  # noqa: F401  (first: cures torchvision)

    # isort: split
    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    from mmwsss.cli.host_noise import quiet_hosts
    from mmwsss.config import load_config

    quiet_hosts()
    init_default_scope('mmseg')
    MMLogger.get_current_instance().setLevel('WARNING')  # no line for every weight that is initialised
    model = load_config(
        NETWORKS[name], {'img_size': size, 'pretrained': False}, data='configs/data/smoke5k_wsss.py'
    ).model
    return MODELS.build(model).eval()


def time_one(kind: str, name: str, path: str, size: int, threads: int, rounds: int) -> dict[str, float]:
    """Seconds a picture, and the process's highest memory in MiB."""
    import numpy as np

    image = np.random.default_rng(0).uniform(0, 255, (1, 3, size, size)).astype(np.float32)
    if kind == 'pytorch':
        import torch

        torch.set_num_threads(threads)
        from mmwsss.exports.onnx_segmentor import SegmentorGraph

        graph, tensor = SegmentorGraph(build(name, size)), torch.from_numpy(image)

        def step() -> None:
            with torch.no_grad():
                graph(tensor)
    else:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        import mmwsss_lite

        session = mmwsss_lite.Segmentor(path, threads).session

        def step() -> None:
            session.run(None, {'image': image})

    step()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    status = Path('/proc/self/status').read_text()  # getrusage would count what the parent process had
    memory = int(next(line for line in status.splitlines() if line.startswith('VmHWM')).split()[1]) / 1024
    return {'fps': 1 / statistics.median(seconds), 'best_fps': 1 / min(seconds), 'memory': memory}


def measure(kind: str, name: str, path: Path, size: int, threads: int, rounds: int) -> dict[str, float]:
    """:func:`time_one` in a process of its own."""
    command = [sys.executable, __file__, '--one', kind, name, str(path), str(size), str(threads), str(rounds)]
    environment = {**os.environ, 'OMP_NUM_THREADS': str(threads)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--networks', nargs='+', default=[*NETWORKS], choices=NETWORKS)
    parser.add_argument('--sizes', type=int, nargs='+', default=[256, 512])
    parser.add_argument('--threads', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--one', nargs=6, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        kind, name, path, *numbers = args.one
        print(json.dumps(time_one(kind, name, path, *map(int, numbers))))
        return
    import numpy as np

    print(f'load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores')
    print('| network | pixels | threads | | frames a second (median) | best | memory, MiB |')
    print('|---|---|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        for name in args.networks:
            for size in args.sizes:
                from mmwsss.exports.onnx_int8 import quantise
                from mmwsss.exports.onnx_segmentor import export_segmentor

                whole, small = Path(folder) / 'm.onnx', Path(folder) / 'q.onnx'
                export_segmentor(build(name, size), whole, (size, size), ['background', 'smoke'])
                rng = np.random.default_rng(0)
                quantise(whole, small, [rng.integers(0, 256, (size, size, 3), np.uint8) for _ in range(4)])
                for threads in args.threads:
                    for kind, path in (('pytorch', whole), ('onnx', whole), ('onnx int8', small)):
                        row = measure(kind, name, path, size, threads, args.rounds)
                        figures = f'{row["fps"]:.1f} | {row["best_fps"]:.1f} | {row["memory"]:.0f}'
                        print(f'| {name} | {size} | {threads} | {kind} | {figures} |', flush=True)


if __name__ == '__main__':
    main()
