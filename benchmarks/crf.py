"""Dense CRF: pydensecrf called directly, CRFRefine on it, and CRFRefine on PyTorch; time and agreement."""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse

import cv2
import numpy as np
from common import parser, side_by_side, start, table

from mmwsss.datasets import ShapesScenes
from mmwsss.datasets.pictures import read_picture
from mmwsss.refine import CRFRefine
from mmwsss.refine.crf_refine import cam_to_probabilities


def measure(args: argparse.Namespace, img: np.ndarray, preset: str, labels: int) -> tuple:
    """One row."""
    import pydensecrf.densecrf as densecrf
    from pydensecrf.utils import unary_from_softmax

    coarse = np.random.default_rng(0).random((labels - 1, 12, 12)).astype(np.float32)
    cam = np.stack([cv2.resize(one, (args.width, args.height)) for one in coarse])
    on_cpp, on_torch = (CRFRefine(preset, backend=backend) for backend in ('pydensecrf', 'torch'))
    probabilities = cam_to_probabilities(cam, on_cpp.bg_exponent)

    def direct() -> np.ndarray:
        crf = densecrf.DenseCRF2D(args.width, args.height, labels)
        crf.setUnaryEnergy(np.ascontiguousarray(unary_from_softmax(probabilities)))
        crf.addPairwiseGaussian(**on_cpp.gaussian)
        crf.addPairwiseBilateral(rgbim=img, **on_cpp.bilateral)
        return np.array(crf.inference(on_cpp.num_iters)).reshape(probabilities.shape)

    peers = {
        'direct': direct,
        'pydensecrf': lambda: on_cpp.posterior(img, probabilities),
        'torch': lambda: on_torch.posterior(img, probabilities),
    }
    found = side_by_side(peers, args.rounds, args.device)
    alike = (direct().argmax(0) == on_torch.posterior(img, probabilities).argmax(0)).mean()
    times = [1000 * seconds for seconds in found.values()]
    ratios = (found['pydensecrf'] / found['direct'], found['torch'] / found['direct'])
    return (preset, on_cpp.num_iters, labels, *times, *ratios, f'{100 * alike:.2f} %')


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('--height', type=int, default=375)
    options.add_argument('--width', type=int, default=500)
    options.add_argument('--image', help='a photograph (a generated scene)')
    options.add_argument('--presets', nargs='+', default=['paper', 'voc'])
    args = options.parse_args()
    start(args)
    img = read_picture(args.image) if args.image else ShapesScenes(1, 256).scene(0).img
    img = np.ascontiguousarray(cv2.resize(img, (args.width, args.height)))
    rows = [measure(args, img, preset, labels) for preset in args.presets for labels in (2, 21)]
    print(f'milliseconds at {args.width} x {args.height}; PyTorch on {args.device}')
    table(
        ('preset', 'iterations', 'labels', 'pydensecrf', 'CRFRefine, pydensecrf', 'CRFRefine, torch',
         'CRFRefine / pydensecrf', 'torch / pydensecrf', 'labelled alike'), rows,
    )  # fmt: skip


if __name__ == '__main__':
    main()
