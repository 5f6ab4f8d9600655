"""What the benchmarks share: turns, tables, networks."""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.pseudo.work_group import cores_of_this_process
from mmwsss.registry import MODELS

IMAGENET = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375], 'to_rgb': True}
VITS = {
    'mini': {'embed_dims': 96, 'num_layers': 4, 'num_heads': 3, 'feedforward_channels': 288},
    'tiny': 'deit-tiny',
    'small': 'deit-small',
    'base': 'deit-base',
}


def parser(text: str) -> argparse.ArgumentParser:
    """Options that every benchmark has."""
    result = argparse.ArgumentParser(description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    result.add_argument('--rounds', type=int, default=5, help='turns of each peer; the median counts')
    result.add_argument('--threads', type=int, default=0, help='threads of PyTorch (0: its own choice)')
    result.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    return result


def start(args: argparse.Namespace) -> None:
    """Set threads and the host's scope; say which machine this is."""
    if args.threads:
        torch.set_num_threads(args.threads)
    init_default_scope('mmpretrain')
    MMLogger.get_current_instance().setLevel('WARNING')  # no line for every weight that is initialised
    quiet_hosts()
    print(machine(args.device), flush=True)


def machine(device: str) -> str:
    """One line about the machine."""
    if device.startswith('cuda'):
        what = torch.cuda.get_device_name()
    else:
        what = platform.processor() or platform.machine()
        if os.path.exists('/proc/cpuinfo'):
            with open('/proc/cpuinfo', encoding='utf-8') as handle:
                what = next((line.split(':')[1].strip() for line in handle if line.startswith('model name')), what)
        what += f', {cores_of_this_process()} cores, {torch.get_num_threads()} threads'
    load = f'; load {os.getloadavg()[0]:.1f}' if hasattr(os, 'getloadavg') else ''  # not on Windows
    return f'{what}; torch {torch.__version__}{load}'


def side_by_side(peers: Mapping[str, Callable[[], Any]], rounds: int, device: str = 'cpu') -> dict[str, float]:
    """Median seconds of each peer; they take turns, after one turn each that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(rounds + 1):
        for name, peer in peers.items():
            _wait(device)
            begin = time.perf_counter()
            peer()
            _wait(device)
            if turn:
                seconds[name].append(time.perf_counter() - begin)
    return {name: median(values) for name, values in seconds.items()}


def _wait(device: str) -> None:
    if device.startswith('cuda'):
        torch.cuda.synchronize()


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a Markdown table."""
    print('| ' + ' | '.join(header) + ' |')
    print('|' + '---|' * len(header))
    for row in rows:
        cells = [f'{cell:.3g}' if isinstance(cell, float) else str(cell) for cell in row]
        print('| ' + ' | '.join(cells) + ' |', flush=True)


def vit(size: str, img_size: int, num_classes: int) -> dict:
    """Config of a ViT classifier on the class token."""
    arch = VITS[size]
    dims = arch['embed_dims'] if isinstance(arch, dict) else {'tiny': 192, 'small': 384, 'base': 768}[size]
    return {
        'type': 'mmwsss.MapClassifier',
        'data_preprocessor': IMAGENET,
        'backbone': {
            'type': 'mmwsss.TokenMapVisionTransformer',
            'arch': arch,
            'img_size': img_size,
            'patch_size': 16,
        },
        'head': {'type': 'mmwsss.ClassTokenHead', 'num_classes': num_classes, 'in_channels': dims},
    }


def cnn(depth: int, num_classes: int) -> dict:
    """Config of a ResNet classifier with class maps."""
    channels = 512 if depth < 50 else 2048
    return {
        'type': 'mmwsss.MapClassifier',
        'data_preprocessor': IMAGENET,
        'backbone': {'type': 'ResNet', 'depth': depth, 'out_indices': (3,)},
        'head': {'type': 'mmwsss.PooledHead', 'num_classes': num_classes, 'in_channels': channels},
    }


def build(config: dict, device: str) -> torch.nn.Module:
    """A network with random weights, in eval mode."""
    torch.manual_seed(0)
    model = MODELS.build(config)
    model.init_weights()
    return model.to(device).eval()


class Logits(torch.nn.Module):
    """From images to logits, for peers that know plain modules only."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits (B, K)."""
        return self.model(inputs)


def peer_cam(model: torch.nn.Module) -> Any:
    """pytorch-grad-cam's Grad-CAM at the layer that ours reads by default."""
    from pytorch_grad_cam import GradCAM

    from mmwsss.cam.layer_tap import target_layers

    def to_map(tokens: torch.Tensor) -> torch.Tensor:
        if tokens.ndim == 4:
            return tokens
        side = round((tokens.shape[1] - 1) ** 0.5)
        return tokens[:, 1:].transpose(1, 2).reshape(len(tokens), -1, side, side)

    return GradCAM(Logits(model), target_layers(model, [-1]), reshape_transform=to_map)
