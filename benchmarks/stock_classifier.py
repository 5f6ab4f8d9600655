"""Maps of a stock MMPretrain classifier on real images, beside those of the same weights in this project's classifier.

The checkpoint is one of configs/r50.py with scale "small" (pooled head). Its weights go into MMPretrain's
ImageClassifier (global average pooling, MultiLabelLinearClsHead), which is the same function of the picture:
CAMGenerator finds layer and gradient of it by AnyClassifier.
"""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse

import torch
from common import parser, start, table
from mmengine.config import Config

from mmwsss.apis import evaluate_cams, init_for_maps
from mmwsss.config import load_config
from mmwsss.registry import DATASETS, MODELS
from mmwsss.weights.checkpoints import read_checkpoint


def stock_of(model: torch.nn.Module, cfg: dict) -> torch.nn.Module:
    """MMPretrain's classifier with the weights of ours."""
    fc = model.head.fc
    config = {
        'type': 'mmpretrain.ImageClassifier',
        'data_preprocessor': {'num_classes': fc.out_channels, **cfg['data_preprocessor']},
        'backbone': cfg['backbone'],
        'neck': {'type': 'mmpretrain.GlobalAveragePooling'},
        'head': {
            'type': 'mmpretrain.MultiLabelLinearClsHead',
            'num_classes': fc.out_channels,
            'in_channels': fc.in_channels,
        },
    }
    stock = MODELS.build(config)
    stock.backbone.load_state_dict(model.backbone.state_dict())
    stock.head.fc.load_state_dict({'weight': fc.weight.data[:, :, 0, 0], 'bias': fc.bias.data})
    stock.class_names = model.class_names
    return stock.eval()


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('checkpoint', help='of configs/r50.py, scale small')
    options.add_argument('--data', default='configs/data/smoke5k_wsss.py')
    options.add_argument('--split', default='test', choices=['val', 'test'])
    options.add_argument('--img-size', type=int, default=192)
    options.add_argument('--dataset-root', required=True)
    args: argparse.Namespace = options.parse_args()
    args.threads = args.threads or 1
    start(args)
    rows = []
    for name, method in (('ours', 'cam'), ('ours', 'gradcam'), ('stock', 'gradcam'), ('stock', 'layercam')):
        values = {'dataset_root': args.dataset_root, 'img_size': args.img_size, 'method': method}
        settings = {**values, 'scales': [1.0], 'flip': True, 'per_scale_min_max': False, 'num_workers': 0}
        cfg = load_config('configs/pseudo/gradcam_ms.py', settings, data=args.data)
        model = init_for_maps(cfg, args.checkpoint)
        if name == 'stock':
            trained = read_checkpoint(args.checkpoint)['meta']['cfg']
            model = stock_of(model, Config.fromstring(trained, '.py').model.to_dict())
        dataset = DATASETS.build(cfg[f'{args.split}_set'].to_dict())
        figures = evaluate_cams(cfg, model, dataset).compute(0.3)
        oracle = figures['oracle']
        rows.append((name, method, 100 * figures['iou_dataset'], 100 * oracle['iou_dataset'], oracle['threshold']))
    table(('classifier', 'map', 'IoU of the set at 0.3', 'at the best threshold', 'which is'), rows)


if __name__ == '__main__':
    main()
