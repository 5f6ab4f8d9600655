"""Memory of a training step: fused attention, explicit attention (needed by all-pairs consistency), both views."""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import os
import sys

import torch
from common import build, parser, start, table, vit
from mmpretrain.structures import DataSample

from mmwsss.models.backbones.attention import explicit_attention
from mmwsss.registry import MODELS


def measure(args, kind: str) -> float:
    """Peak memory of one step in MiB, over that before it; in a process of its own on a CPU."""
    settings = vit(args.vit, args.size, 1)
    if kind == 'all-pairs':
        settings = {'type': 'mmwsss.AllPairsConsistency', 'model': settings}
        model = MODELS.build(settings)
        model.init_weights()
        model.to(args.device)
    else:
        model = build(settings, args.device)
    model.train()
    sample = DataSample()
    sample.set_gt_score(torch.ones(1))
    samples = [sample] * args.batch
    inputs = torch.randn(args.batch, 3, args.size, args.size, device=args.device)

    def step() -> None:
        if kind == 'explicit':
            with explicit_attention(model.backbone) as attentions:
                losses = model(inputs, samples, mode='loss')
            loss = sum(losses.values()) + sum(mean.square().mean() for mean in attentions.means)
        else:
            loss = sum(model(inputs, samples, mode='loss').values())
        loss.backward()

    if args.device.startswith('cuda'):
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    before = _peak()
    step()
    return (_peak() - before) / 2**20


def _peak() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def in_a_process(args, kind: str) -> float:
    """The same, in a process whose peak is its own."""
    if args.device.startswith('cuda'):
        return measure(args, kind)
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.write(writing, str(measure(args, kind)).encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(process, 0)
    if status:
        sys.exit(f'{kind} failed: perhaps the memory does not suffice')
    return float(os.read(reading, 100))


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('--vit', default='small', choices=['tiny', 'small', 'base'])
    options.add_argument('--size', type=int, default=384)
    options.add_argument('--batch', type=int, default=2)
    args = options.parse_args()
    args.threads = args.threads or 1  # a fork of several threads may hang
    start(args)
    kinds = {'fused': 'fused attention', 'explicit': 'explicit attention', 'all-pairs': 'all-pairs consistency'}
    found = {kind: in_a_process(args, kind) for kind in kinds}
    tokens = (args.size // 16) ** 2 + 1
    print(f'ViT-{args.vit}/16, batch of {args.batch}, {args.size} x {args.size}: {tokens} tokens')
    table(
        ('step with', 'MiB beside the network', 'of fused'),
        [(kinds[kind], value, value / found['fused']) for kind, value in found.items()],
    )


if __name__ == '__main__':
    main()
