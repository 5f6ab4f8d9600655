"""Masks, areas and events of pictures, a film or a camera; a second call makes only what is missing."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from mmwsss.cli.arguments import add_model_config_argument, add_trust_flag, model_config_of, tool_parser
from mmwsss.cli.session import tool_session

if TYPE_CHECKING:
    from mmwsss_lite import Event

KINDS = ('overlays', 'film', 'polygons', 'frames', 'maps', 'none')


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'work_dirs/seg/epoch_20.pth clip.mp4 --out work_dirs/clip --median 5')
    parser.add_argument('checkpoint', help='weights of a segmentor, or of a classifier with maps (then with --maps)')
    parser.add_argument('input', help='picture, folder, list of pictures, film, or a camera: an address or a number')
    parser.add_argument('--out', required=True, help='output folder')
    parser.add_argument('--maps', metavar='CONFIG', help='pseudo config whose maps and refiners make the masks')
    parser.add_argument('--cfg-options', nargs='+', action='extend', metavar='NAME=VALUE', help='variables of --maps')
    add_model_config_argument(parser)
    parser.add_argument(
        '--outputs', nargs='+', choices=KINDS,
        help='beside masks and tables; default: overlays and polygons of pictures, film and polygons of a film',
    )  # fmt: skip
    parser.add_argument(
        '--tile', type=int, metavar='PIXELS',
        help="so many pixels are made the size of the network's input, 0: the whole; default: a panorama's height",
    )  # fmt: skip
    parser.add_argument('--span', type=int, help='side of a tile, in units of --tile; default: 3')
    parser.add_argument('--overlap', type=float, help='share of a tile that the next one covers too; default: 0.25')
    parser.add_argument('--batch-size', type=int, help='frames or tiles at a time; default: 1')
    parser.add_argument('--median', type=int, help='median over so many frames, odd; default: 1, none')
    parser.add_argument('--cameras', metavar='FILE', help='YAML: what of which camera is left out (docs/predict.md)')
    parser.add_argument('--camera', help='name of the camera; default: folder of a picture, name of a film')
    parser.add_argument('--every', type=float, help='least seconds between two frames of a film or a camera')
    parser.add_argument('--image-root', metavar='DIR', help="of a list: the pictures' folder; default: the list's own")
    parser.add_argument('--start', help='when a film begins, as 2024-07-31T14:05:09; UTC unless it says another zone')
    parser.add_argument('--max-frames', type=int, help='of a camera: stop after so many frames')
    parser.add_argument('--max-seconds', type=float, help='of a camera: stop after so many seconds')
    parser.add_argument('--event-area', type=float, default=0.001, help='share of a frame that counts; default: 0.001')
    parser.add_argument('--event-frames', default='3/5', metavar='K/N', help='so many frames of so many; default: 3/5')
    parser.add_argument('--tolerance', type=float, help='of polygons, in pixels; default: 1')
    parser.add_argument('--fps', type=float, help="frames a second of the film; default: the source's")
    parser.add_argument('--device', help='default: cuda where there is a GPU')
    add_trust_flag(parser)
    return parser.parse_args()


def tell(event: Event) -> None:
    """Say that an event began or ended."""
    what = 'ends' if event.status == 'closed' else 'begins'
    when = event.end if event.status == 'closed' else event.start
    where = f' at {event.camera}' if event.camera else ''
    print(f'event {event.event}: {event.name}{where} {what} {when}'.rstrip(), file=sys.stderr, flush=True)


def time_of(text: str) -> datetime:
    """A time as the user writes it.

    Raises:
        InputError: If it is none.
    """
    from mmwsss.utils.errors import InputError

    try:
        time = datetime.fromisoformat(text.replace('Z', '+00:00'))
    except ValueError as error:
        raise InputError(f'Expected a time as 2024-07-31T14:05:09 for --start, but got {text!r}.') from error
    return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Predict as the arguments say."""
    from mmwsss.config import load_config
    from mmwsss.utils.errors import InputError
    from mmwsss_lite import parse_rule

    if args.cfg_options and not args.maps:
        raise InputError('Expected --maps beside --cfg-options, which are variables of its config, but got none.')
    maps = load_config(args.maps, args.cfg_options) if args.maps else None
    config = model_config_of(args)
    try:
        rule = parse_rule(args.event_area, args.event_frames)
    except ValueError as error:
        raise InputError(str(error)) from error
    start = None if args.start is None else time_of(args.start)

    from mmwsss.apis.prediction import predict  # after what is wrong with the words
    from mmwsss.prediction import Tiling
    from mmwsss.prediction.outputs import OutputSettings

    kinds = None if args.outputs is None else [kind for kind in args.outputs if kind != 'none']
    of_outputs = {key: getattr(args, key) for key in ('tolerance', 'fps') if getattr(args, key) is not None}
    of_tiles = {'size': args.tile, 'span': args.span, 'overlap': args.overlap}
    of_tiles = {key: value for key, value in of_tiles.items() if value is not None}
    tiling = Tiling(**of_tiles) if of_tiles else None
    names = ('median', 'batch_size', 'cameras', 'camera', 'every', 'max_frames', 'max_seconds', 'image_root', 'device')
    given = {key: getattr(args, key) for key in names if getattr(args, key) is not None}
    return predict(
        args.checkpoint, args.input, args.out, maps=maps, config=config, tiling=tiling, start=start,
        outputs=OutputSettings(rule=rule, **of_outputs), kinds=kinds, on_event=tell, **given,
    )  # fmt: skip


def main() -> None:
    """Entry point; exit code 1 where a frame failed."""
    args = parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a camera's tables are finished whoever stops it
    with tool_session():
        summary = run(args)
    print(json.dumps({key: summary[key] for key in ('frames', 'ok', 'failed', 'made_now', 'events', 'seconds')}))
    if summary['cameras_without_frames']:
        print(f'no frames of these cameras of {args.cameras}: {summary["cameras_without_frames"]}', file=sys.stderr)
    if summary['failed']:
        print(f'{summary["failed"]} frames failed; the reasons are in {args.out}/manifest.jsonl', file=sys.stderr)
        sys.exit(1)


if __name__ == '__main__':
    main()
