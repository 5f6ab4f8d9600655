"""Write a segmentor or class maps as ONNX, compared with PyTorch; mmwsss-lite runs it without PyTorch."""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import add_trust_flag, tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'work_dirs/seg/epoch_20.pth --out model.onnx --pictures data/val')
    parser.add_argument('checkpoint', help='weights of a segmentor, or of a classifier whose head has maps (CAM, PCM)')
    parser.add_argument('--out', required=True, help='ONNX file to write')
    parser.add_argument('--config', help='training config, for a checkpoint that does not carry its own')
    parser.add_argument(
        '--size', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'), help='of the network; default: its own'
    )
    parser.add_argument('--free-size', action='store_true', help='a network that takes any size; slower')
    parser.add_argument('--pictures', help='folder of pictures to compare with, and to take 8-bit ranges from')
    parser.add_argument('--int8', action='store_true', help='8-bit weights and activations; needs --pictures')
    parser.add_argument('--val-pictures', help='folder of pictures to measure the loss of 8 bits on')
    parser.add_argument('--val-masks', help='folder of their masks (PNG: 0 background, 1 the first class)')
    parser.add_argument('--threshold', type=float, help='of class maps, for mmwsss-lite; default: 0.3')
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        from mmwsss.apis.onnx_export import export_onnx
        from mmwsss.config.loading import load_config
        from mmwsss.exports.onnx_int8 import pairs_of
        from mmwsss.exports.options import pictures_below
        from mmwsss.utils.errors import InputError

        config = load_config(args.config) if args.config else None
        pictures = pictures_below(args.pictures, 64) if args.pictures else []
        if bool(args.val_pictures) != bool(args.val_masks):
            raise InputError('Expected --val-pictures and --val-masks together, but got one of them.')
        val = pairs_of(args.val_pictures, args.val_masks) if args.val_masks else []
        size = tuple(args.size) if args.size else None
        done = export_onnx(
            args.checkpoint, args.out, config, size, args.free_size, pictures, args.int8, args.threshold, val
        )
        for key, value in done.items():
            print(f'{key}: {value:.6g}' if isinstance(value, float) else f'{key}: {value}')


if __name__ == '__main__':
    main()
