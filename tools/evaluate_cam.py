"""Evaluate a classifier's class activation maps on a split with masks."""

from __future__ import annotations

import argparse
import json

from mmengine.config import DictAction

import mmwsss  # noqa: F401  (cures torchvision before a host imports it)
from mmwsss.apis import evaluate_cams, evaluate_protocol, init_classifier, label_source
from mmwsss.cli.main import add_trust_flag, report_errors
from mmwsss.config.loading import data_options, load_config
from mmwsss.evaluation.protocols import PROTOCOLS
from mmwsss.utils.files import write_json


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='pseudo config, for example configs/pseudo/gradcam_ms.py')
    parser.add_argument('checkpoint', help='weights of the classifier or distiller')
    parser.add_argument(
        '--split', choices=('val', 'test', 'pseudo'), default='test', help='pseudo: the training images'
    )
    parser.add_argument('--protocol', choices=list(PROTOCOLS), help='protocol of PASCAL VOC 2012 in place of --split')
    parser.add_argument('--crf', action='store_true', help='with --protocol: maps go through a dense CRF first')
    parser.add_argument('--threshold', type=float, default=0.3, help='where the figures are taken')
    parser.add_argument('--model-config', help='training config, for a checkpoint that does not carry its own')
    parser.add_argument('--out', help='also write the figures, with the threshold curve, to this JSON file')
    parser.add_argument('--data', help='file that describes the data, for example configs/data/voc12.py')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='variables or keys: dataset_root=... a.b=1')
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with report_errors():
        cfg = load_config(args.config, {**data_options(args.data), **(args.cfg_options or {})})
        model = init_classifier(args.checkpoint, load_config(args.model_config) if args.model_config else None)
        if args.protocol:
            figures = evaluate_protocol(cfg, model, args.protocol, args.threshold, args.crf)
        else:
            collected = evaluate_cams(cfg, model, cfg[f'{args.split}_set'])
            figures = {
                'label_source': label_source(cfg),
                **collected.compute(args.threshold),
                'curve': collected.curve(),
            }
        print(json.dumps({key: value for key, value in figures.items() if key != 'curve'}, indent=2))
        if args.out:
            write_json(args.out, figures)


if __name__ == '__main__':
    main()
