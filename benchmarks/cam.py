"""Class activation maps: bare forward passes, ours, and pytorch-grad-cam, for CNN and ViT, scales and classes."""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse

import torch
import torch.nn.functional as F
from common import build, cnn, parser, peer_cam, side_by_side, start, table, vit

from mmwsss.cam import CAMGenerator

CLASSES = 20
SCALES = {1: (1.0,), 4: (0.5, 1.0, 1.5, 2.0)}


def scaled(inputs: torch.Tensor, scale: float) -> torch.Tensor:
    """Inputs at a scale, sides multiples of 16."""
    side = max(round(inputs.shape[2] * scale / 16), 1) * 16
    return F.interpolate(inputs, size=(side, side), mode='bilinear', align_corners=False)


def measure(
    args: argparse.Namespace, model: torch.nn.Module, scales: tuple[float, ...], number: int
) -> dict[str, float]:
    """Seconds of bare forward passes, of ours and of the peer."""
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    inputs = torch.randn(args.batch, 3, args.size, args.size, device=args.device)
    labels = torch.zeros(args.batch, CLASSES, dtype=torch.bool)
    labels[:, :number] = True
    generator, peer = CAMGenerator('gradcam', scales=scales), peer_cam(model)

    def bare() -> None:
        with torch.no_grad():
            for scale in scales:
                model(scaled(inputs, scale))

    def ours() -> None:
        generator(model, inputs, labels)

    def plain() -> None:
        for scale in scales:
            batch = scaled(inputs, scale)
            for label in range(number):
                peer(batch, [ClassifierOutputTarget(label)] * args.batch)

    return side_by_side({'bare': bare, 'ours': ours, 'plain': plain}, args.rounds, args.device)


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('--vit', default='small', help='mini, tiny, small or base')
    options.add_argument('--depth', type=int, default=18, help='of the ResNet')
    options.add_argument('--size', type=int, default=224, help='side of the images')
    options.add_argument('--batch', type=int, default=4)
    args = options.parse_args()
    start(args)
    networks = {
        f'ViT-{args.vit}/16': build(vit(args.vit, args.size, CLASSES), args.device),
        f'ResNet-{args.depth}': build(cnn(args.depth, CLASSES), args.device),
    }
    rows = []
    for name, model in networks.items():
        for number_of_scales, scales in SCALES.items():
            for number in (1, 5):
                found = measure(args, model, scales, number)
                times = [1000 * seconds / args.batch for seconds in found.values()]
                ratios = (found['ours'] / found['bare'], found['plain'] / found['ours'])
                rows.append((name, number_of_scales, number, *times, *ratios))
    print(f'milliseconds an image, batch of {args.batch}, {args.size} x {args.size} pixels')
    table(
        ('network', 'scales', 'classes', 'bare forward', 'ours', 'pytorch-grad-cam', 'ours / bare',
         'pytorch-grad-cam / ours'), rows,
    )  # fmt: skip


if __name__ == '__main__':
    main()
