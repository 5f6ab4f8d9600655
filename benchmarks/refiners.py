"""What refiners do to the maps of a classifier on a data set with masks: figures, and CPU milliseconds an image."""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
import re
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import parser, start, table
from pycocotools import mask as mask_coder

from mmwsss.apis.cam_evaluation import build_source
from mmwsss.apis.inference import init_for_maps
from mmwsss.config import load_config
from mmwsss.datasets.masks import truth_of
from mmwsss.datasets.transforms import LoadPicture
from mmwsss.evaluation import CamFigures
from mmwsss.pseudo import FailedItem
from mmwsss.refine import build_fusion, build_refiners
from mmwsss.refine.crf_refine import matching_exponent
from mmwsss.registry import DATASETS
from mmwsss.utils.files import write_json

_LITE0 = {
    'type': 'mmwsss.FeatureAffinityRefine',
    'backbone': {
        'type': 'mmwsss.TimmFeatures',
        'name': 'tf_efficientnet_lite0',
        'out_indices': (3,),
        'output_stride': 16,
        'init_cfg': {'type': 'Pretrained', 'checkpoint': 'package://efficientnet-lite0'},
    },
    'mean': (127.0,) * 3,
    'std': (128.0,) * 3,
    'max_side': 256,
}
_LONG = {**_LITE0, 'alpha': 0.99, 'num_steps': 20}
_PAR, _CRF = {'type': 'mmwsss.PARRefine'}, {'type': 'mmwsss.CRFRefine', 'bg_exponent': matching_exponent(0.3, 0.5)}
CHAINS: dict[str, list[dict[str, Any]]] = {
    'none': [],
    'PARRefine, 10 rounds': [_PAR],
    'PARRefine, 20 rounds': [{**_PAR, 'num_iters': 20}],
    'FeatureAffinityRefine': [_LITE0],
    'FeatureAffinityRefine, alpha 0.99, 20 steps': [_LONG],
    'FeatureAffinityRefine, PARRefine': [_LITE0, _PAR],
    'CRFRefine, k matched to 0.3': [_CRF],
    'FeatureAffinityRefine, CRFRefine': [_LITE0, _CRF],
    'DarkChannelRefine': [{'type': 'mmwsss.DarkChannelRefine', 'weight': 0.5}],
}


def regions_of_like_colour(picture: np.ndarray) -> list[dict[str, Any]]:
    """Masks of a generator that learned nothing: flat regions of three mean-shift filters, as run-length codes."""
    found = []
    for space, colour in ((8, 8), (12, 16), (16, 32)):
        flat = cv2.pyrMeanShiftFiltering(picture, space, colour)
        left = np.zeros((flat.shape[0] + 2, flat.shape[1] + 2), np.uint8)  # of cv2.floodFill, a pixel larger all round
        for seed in np.ndindex(flat.shape[:2]):
            if left[seed[0] + 1, seed[1] + 1]:
                continue
            flags = cv2.FLOODFILL_MASK_ONLY | (2 << 8)
            *_, (x, y, width, height) = cv2.floodFill(flat, left, seed[::-1], 0, (2,) * 3, (2,) * 3, flags)
            inside = left[y + 1 : y + 1 + height, x + 1 : x + 1 + width]
            region = np.zeros(flat.shape[:2], bool)
            region[y : y + height, x : x + width] = inside == 2
            inside[inside == 2] = 1
            if region.mean() >= 0.002:
                code = mask_coder.encode(np.asfortranarray(region.astype(np.uint8)))
                found.append({'segmentation': {**code, 'counts': code['counts'].decode()}})
    return found


def write_regions(folder: Path, dataset: Any, indices: list[int]) -> None:
    """A JSON file for each image that has none yet, as any generator of masks would leave it."""
    load = LoadPicture()
    for index in indices:
        info = dataset.get_data_info(index)
        path = folder / Path(info['img_path']).with_suffix('.json').name
        if not path.exists():
            write_json(path, regions_of_like_colour(load(dict(info))['img']))


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('checkpoint', help='of a classifier')
    options.add_argument('--config', default='configs/pseudo/gradcam_ms.py')
    options.add_argument('--data', default='configs/data/smoke5k_wsss.py')
    options.add_argument('--split', default='val', choices=['val', 'test'])
    options.add_argument('--images', type=int, default=0, help='the first so many that show a class (0: all)')
    options.add_argument('--method', default='cam')
    options.add_argument('--img-size', type=int, default=192)
    options.add_argument('--affinity', help='checkpoint of an AffinityNet (configs/affinity): two further rows')
    options.add_argument('--regions', help='folder for masks of regions of like colour, which SAMRefine(masks=) reads')
    options.add_argument('--position', help='position_prior.npz of gradcam_ms_position_par.py: five further rows')
    options.add_argument('--rows', default='', help='only rows whose name this regular expression finds')
    options.add_argument('--dataset-root', required=True)
    args: argparse.Namespace = options.parse_args()
    args.threads = args.threads or 1
    start(args)
    cv2.setNumThreads(1)
    variables = {'dataset_root': args.dataset_root, 'img_size': args.img_size, 'method': args.method}
    settings = {**variables, 'scales': [1.0], 'flip': True, 'per_scale_min_max': False, 'num_workers': 0}
    cfg = load_config(args.config, settings, data=args.data)
    dataset = DATASETS.build(cfg[f'{args.split}_set'])
    classes = dataset.metainfo['classes']
    model = init_for_maps(cfg, args.checkpoint, classes=classes)
    steps = dict(CHAINS)
    if args.affinity:
        learnt = {'type': 'mmwsss.AffinityRefine', 'checkpoint': args.affinity}
        steps |= {'AffinityRefine': [learnt], 'AffinityRefine, PARRefine': [learnt, _PAR]}
    if args.position:
        scaled = {**_PAR, 'num_iters': 20, 'keep_maximum': True}
        priors = {g: {'type': 'mmwsss.PositionPrior', 'file': args.position, 'exponent': g} for g in (1, 2, 3)}
        steps |= {'PARRefine, 20 rounds, maximum kept': [scaled], 'PositionPrior, exponent 3': [priors[3]]}
        steps |= {f'PositionPrior, exponent {g}, PARRefine': [prior, scaled] for g, prior in priors.items()}
    steps = {name: chain for name, chain in steps.items() if re.search(args.rows, name)}
    shown = [index for index in range(len(dataset)) if len(dataset.get_data_info(index)['gt_label'])]
    shown = shown[: args.images or None]
    if args.regions:
        write_regions(Path(args.regions), dataset, shown)
        for strategy in ('copy', 'and', 'or'):
            voted = {'type': 'mmwsss.SAMRefine', 'masks': args.regions, 'strategy': strategy}
            steps[f'SAMRefine(masks=), {strategy}'] = [voted]
    chains = {name: build_refiners(chain, classes) for name, chain in steps.items()}
    figures = {name: CamFigures(classes) for name in chains}
    seconds = dict.fromkeys(chains, 0.0)
    fusion, number = build_fusion(cfg.pseudo.fusion.to_dict(), classes), 0
    batches = [[index] for index in shown]
    for item in build_source(cfg, model, dataset, batches):
        if isinstance(item, FailedItem):
            raise SystemExit(item.reason)
        fused, truth = fusion(item.for_fusion()), truth_of(item.info, item.img.shape[:2])
        number += 1
        for name, chain in chains.items():
            results = {**fused, 'cam': fused['cam'].copy()}
            begin = time.process_time()
            for step in chain:
                results = step(results)
            seconds[name] += time.process_time() - begin
            figures[name].update(results['cam'], item.classes, truth)
    print(f'{number} images of {args.split}, those that show a class; maps know the label of the image')
    rows = []
    for name, found in figures.items():
        values = found.compute(0.3)
        oracle = values['oracle']
        at = [100 * values[key] for key in ('iou_dataset', 'miou')]
        best = [100 * oracle[key] for key in ('iou_dataset', 'miou')]
        rows.append((name, *at, *best, f'{oracle["threshold"]:.2f}', 1000 * seconds[name] / number))
    table(
        ('refiners', 'IoU of the set at 0.3', 'mIoU at 0.3', 'oracle: IoU of the set', 'oracle: mIoU',
         "oracle's threshold", 'CPU ms an image'), rows,
    )  # fmt: skip


if __name__ == '__main__':
    main()
