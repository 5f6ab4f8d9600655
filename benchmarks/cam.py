"""Class activation maps: bare forward passes, ours, and pytorch-grad-cam, for CNN and ViT, scales and classes.

With --families a row a backbone family instead: CPU milliseconds and memory of one picture of one class, at each of
--sizes; random weights of real size, one scale. CPU time means the same on a machine that does other things as well.
"""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
import ctypes
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from common import build, cnn, parser, peer_cam, side_by_side, start, table, vit
from components import cpu_milliseconds
from memory import forget_peak, in_process, memory

from mmwsss.cam import CAMGenerator
from mmwsss.config import load_config
from mmwsss.models.backbones.patch_size import patch_size_of

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


def frozen_vit(name: str, channels: int) -> Callable[[int], torch.nn.Module]:
    """A vision transformer of timm as our backbone, with class maps on its patches."""

    def made(size: int) -> torch.nn.Module:
        backbone = {'type': 'mmwsss.TimmTokens', 'name': name}
        head = {'type': 'mmwsss.PooledHead', 'num_classes': CLASSES, 'in_channels': channels}
        return build({'type': 'mmwsss.MapClassifier', 'backbone': backbone, 'head': head}, 'cpu')

    return made


def timm_network(name: str) -> Callable[[int], torch.nn.Module]:
    """Timm's network for pictures of a size."""

    def made(size: int) -> torch.nn.Module:
        import timm

        fixed = {'img_size': size} if name.startswith(('swin', 'deit', 'vit')) else {}
        return timm.create_model(name, num_classes=CLASSES, **fixed).eval()

    return made


def torchvision_resnet(size: int) -> torch.nn.Module:
    """Torchvision's."""
    import torchvision

    return torchvision.models.resnet50(num_classes=CLASSES).eval()


def mmpretrain_resnet(size: int) -> torch.nn.Module:
    """MMPretrain's."""
    head = {'type': 'LinearClsHead', 'num_classes': CLASSES, 'in_channels': 2048}
    config = {'type': 'ImageClassifier', 'backbone': {'type': 'ResNet', 'depth': 50}, 'head': head}
    return build({**config, 'neck': {'type': 'GlobalAveragePooling'}}, 'cpu')


def transcam(size: int) -> dict:
    """The network of TransCAM."""
    return load_config('configs/conformer_s.py', {'pretrained': False, 'img_size': size, 'num_classes': CLASSES}).model


def lite0(size: int) -> torch.nn.Module:
    """Ours, with a pooled head."""
    backbone = {'type': 'mmwsss.TimmFeatures', 'name': 'tf_efficientnet_lite0', 'output_stride': 16}
    head = {'type': 'mmwsss.PooledHead', 'num_classes': CLASSES, 'in_channels': 320}
    return build({'type': 'mmwsss.MapClassifier', 'backbone': backbone, 'head': head}, 'cpu')


def clip(size: int) -> torch.nn.Module:
    """CLIP's ViT-B/16, as CLIP-ES uses it."""
    import open_clip

    from mmwsss.models.classifiers import CLIPClassifier

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'clip.pt'
        torch.save(open_clip.create_model('ViT-B-16-quickgelu').half().state_dict(), path)
        classes = [f'class {index}' for index in range(CLASSES)]
        return CLIPClassifier(str(path), classes, background=('sky', 'ground', 'tree', 'building')).eval()


FAMILIES: dict[str, tuple[Callable[[int], torch.nn.Module], str]] = {
    'CNN: EfficientNet-Lite0, stride 16, pooled head': (lite0, 'gradcam'),
    'CNN: ResNet-50, pooled head': (lambda size: build(cnn(50, CLASSES), 'cpu'), 'gradcam'),
    'ViT: ViT-B/16, class token': (lambda size: build(vit('base', size, CLASSES), 'cpu'), 'gradcam'),
    'torchvision: resnet50': (torchvision_resnet, 'gradcam'),
    'MMPretrain: ResNet-50 of its own': (mmpretrain_resnet, 'gradcam'),
    'timm: convnext_tiny': (timm_network('convnext_tiny'), 'gradcam'),
    'timm: deit3_small_patch16_224': (timm_network('deit3_small_patch16_224'), 'gradcam'),
    'Swin: swin_tiny_patch4_window7_224 (timm)': (timm_network('swin_tiny_patch4_window7_224'), 'gradcam'),
    'DINOv2: ViT-S/14, class maps': (frozen_vit('vit_small_patch14_dinov2.lvd142m', 384), 'cam'),
    'DINOv2 with registers: ViT-S/14, class maps': (frozen_vit('vit_small_patch14_reg4_dinov2.lvd142m', 384), 'cam'),
    'DINOv3: ViT-S/16, attention and gradients (ACR)': (frozen_vit('vit_small_patch16_dinov3.lvd1689m', 384), 'acr'),
    'DINOv3: ViT-S/16, class maps': (frozen_vit('vit_small_patch16_dinov3.lvd1689m', 384), 'cam'),
    'SigLIP: ViT-B/16, class maps': (frozen_vit('vit_base_patch16_siglip_gap_224.webli', 768), 'cam'),
    'EVA-02: Ti/14, class maps': (frozen_vit('eva02_tiny_patch14_224.mim_in22k', 192), 'cam'),
    'DeiT-III: ViT-S/16, class maps': (frozen_vit('deit3_small_patch16_224.fb_in22k_ft_in1k', 384), 'cam'),
    'TransCAM: Conformer-S': (lambda size: build(transcam(size), 'cpu'), 'transcam'),
    'CLIP: ViT-B/16, softmax Grad-CAM and attention affinity': (clip, 'clip'),
}
"""From a size to a network, and the kind of map."""


def measure_family(name: str, size: int, rounds: int) -> dict[str, float]:
    """CPU milliseconds of a bare pass and of the map, and MiB above the network."""
    make, method = FAMILIES[name]
    model = make(size)
    generator = CAMGenerator(method)
    side = round(size / patch_size_of(model)) * patch_size_of(model)
    inputs, labels = torch.randn(1, 3, side, side), torch.zeros(1, CLASSES, dtype=torch.bool)
    labels[:, 0] = True

    def bare() -> None:
        with torch.no_grad():
            model(inputs)

    found = {'bare': cpu_milliseconds(bare, rounds)}
    generator(model, inputs, labels)
    ctypes.CDLL(None).malloc_trim(0)  # what the map before has left is no part of what the network holds
    before = memory('VmRSS')
    forget_peak()
    found['ours'] = cpu_milliseconds(lambda: generator(model, inputs, labels), rounds)
    return {**found, 'above': memory('VmHWM') - before}


def families(args: argparse.Namespace) -> None:
    """The table of backbone families."""
    rows = []
    for name in FAMILIES:
        if args.only and not any(text in name for text in args.only):
            continue
        row: list[object] = [name]
        for size in args.sizes:
            found = in_process(lambda name=name, size=size: measure_family(name, size, args.rounds))
            row += [found['bare'], found['ours'], found['above']]
        rows.append(row)
    columns = ('bare pass', 'map', 'MiB')
    table(('network', *(f'{column} at {size}' for size in args.sizes for column in columns)), rows)


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('--vit', default='small', help='mini, tiny, small or base')
    options.add_argument('--depth', type=int, default=18, help='of the ResNet')
    options.add_argument('--size', type=int, default=224, help='side of the images')
    options.add_argument('--batch', type=int, default=4)
    options.add_argument('--families', action='store_true', help='a row a backbone family instead')
    options.add_argument('--only', nargs='+', metavar='TEXT', help='with --families: those whose name has a text')
    options.add_argument('--sizes', type=int, nargs='+', default=[224, 512], help='with --families')
    args = options.parse_args()
    if args.families:
        args.threads = args.threads or 1
    start(args)
    if args.families:
        families(args)
        return
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
