"""Frames become masks: films, pictures and cameras, whatever happens in between."""

import csv
import gc
import json
import tracemalloc

import cv2
import numpy as np
import pytest
from frames_for_tests import BrightIsSmoke, content, picture, predictor, write_film, write_pictures

from mmwsss.datasets.cameras import CameraMasks
from mmwsss.datasets.frame import Frame
from mmwsss.datasets.masks import read_mask
from mmwsss.exports import MaskFolder, export_masks
from mmwsss.exports.outlines import fill
from mmwsss.structures import Manifest
from mmwsss.structures.output_folder import RunMismatchError, open_output
from mmwsss_lite import EventRule

EVERYTHING = ('overlays', 'film', 'polygons', 'frames')


def table(path):
    with open(path, encoding='utf-8') as handle:
        return list(csv.DictReader(handle))


def test_a_film(tmp_path):
    film = write_film(tmp_path / 'north_2024-07-31T14-05-09.avi', 12, smoke=lambda number: 3 <= number < 8)
    out = tmp_path / 'out'
    said = []
    summary = predictor(film, out, kinds=EVERYTHING).run(lambda event: said.append((event.event, event.status)))
    assert (summary['frames'], summary['ok'], summary['failed'], summary['made_now']) == (12, 12, 0, 12)
    rows = table(out / 'area.csv')
    assert [row['frame'] for row in rows] == [str(number) for number in range(12)]
    assert [row['time_s'] for row in rows][:3] == ['0.000', '0.100', '0.200']
    assert rows[5]['time'] == '2024-07-31T14:05:09.500Z' and rows[5]['camera'] == film.stem
    assert float(rows[5]['area_smoke']) == pytest.approx((20 * 20 + 16) / (48 * 64), abs=0.01)
    assert rows[5]['components_smoke'] == '2' and rows[4]['components_smoke'] == '1'
    assert 0.5 < float(rows[5]['score_smoke']) <= 1 and rows[0]['score_smoke'] == ''
    (event,) = table(out / 'events.csv')
    assert (event['start_frame'], event['end_frame'], event['status']) == ('3', '7', 'closed')
    assert event['start'] == '2024-07-31T14:05:09.300Z' and event['class'] == 'smoke'
    assert said == [(1, 'open'), (1, 'closed')]
    drawn = cv2.VideoCapture(str(out / 'film.mp4'))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 12 and drawn.get(cv2.CAP_PROP_FPS) == 10
    lines = [json.loads(line) for line in (out / 'polygons.jsonl').read_text().splitlines()]
    assert len(lines) == 12
    for number in (0, 5):
        mask = read_mask(out / lines[number]['mask'])
        rings = [np.array(ring) for region in lines[number]['regions'] for ring in [region['outer'], *region['holes']]]
        np.testing.assert_array_equal(fill(rings, mask.shape), mask == 1)
    assert len(list((out / 'overlays').rglob('*.jpg'))) == 12


def test_the_folder_is_one_of_masks(tmp_path):
    """Exports take it, with the kept frames as pictures."""
    predictor(write_film(tmp_path / 'clip.avi', 3), tmp_path / 'out', kinds=('frames',)).run()
    items = MaskFolder(tmp_path / 'out').items
    assert [item.name for item in items] == [f'clip.avi/00000{number}.png' for number in range(3)]
    for number, item in enumerate(items):
        assert np.abs(cv2.imread(item.img_path).astype(int) - picture(number)).max() < 60  # JPEG inside the film
    export_masks(tmp_path / 'out', tmp_path / 'voc', 'voc')
    assert len(list((tmp_path / 'voc' / 'SegmentationClass').rglob('*.png'))) == 3


@pytest.mark.parametrize(('median', 'batch_size'), [(1, 1), (3, 1), (5, 4)])
@pytest.mark.parametrize('kind', ['film', 'pictures'])
def test_interrupted_runs_end_with_the_same_bytes(tmp_path, median, batch_size, kind):
    if kind == 'film':
        source, kinds = write_film(tmp_path / 'clip.avi', 14), EVERYTHING
    else:
        names = [f'cam{number // 7}/p{number:02d}.png' for number in range(14)]
        source, kinds = write_pictures(tmp_path / 'pictures', names), EVERYTHING[:3]
        (source / 'cam0' / 'p03.png').write_bytes(b'broken')
    options = {'kinds': kinds, 'median': median, 'batch_size': batch_size}
    whole = predictor(source, tmp_path / 'whole', **options).run()
    assert whole['failed'] == (kind == 'pictures')
    out = tmp_path / 'out'
    for stop in (1, 0, 8, 2, 0):
        with pytest.raises(InterruptedError):
            predictor(source, out, BrightIsSmoke(stop_after=stop), **options).run()
        assert not (out / 'film.mp4').exists() and not list(out.rglob('.*.tmp*'))
        with open(out / 'manifest.jsonl' if (out / 'manifest.jsonl').exists() else out / 'run.json', 'ab') as handle:
            if handle.name.endswith('l'):
                handle.write(b'{"img_path": "torn')  # killed while it wrote
    done = predictor(source, out, **options).run()
    assert content(out) == content(tmp_path / 'whole') and done['made_now'] < 14
    records = [list(Manifest(folder / 'manifest.jsonl')) for folder in (out, tmp_path / 'whole')]
    for ours, theirs in zip(*records):
        assert {**vars(ours), 'img_path': ''} == {**vars(theirs), 'img_path': ''}
    again = BrightIsSmoke()
    summary = predictor(source, out, again, **options).run()
    if kind == 'film':
        assert summary['made_now'] == again.seen == 0
    assert content(out) == content(tmp_path / 'whole')


def test_what_was_changed_is_made_again_with_what_depends_on_it(tmp_path):
    film, out = write_film(tmp_path / 'clip.avi', 20), tmp_path / 'out'
    predictor(film, out, median=3).run()
    before = content(out)
    (out / 'masks' / 'clip.avi' / '000009.png').write_bytes(b'changed')
    network = BrightIsSmoke()
    summary = predictor(film, out, network, median=3).run()
    assert summary['made_now'] == 3 and network.seen == 5  # 8 to 10, of 7 to 11
    assert content(out) == before
    assert [record.frame['index'] for record in Manifest(out / 'manifest.jsonl')] == [*range(20)]


def test_broken_frames_are_recorded(tmp_path):
    names = ['a/1.png', 'a/2.png', 'b/3.png', 'b/4.png']
    pictures = write_pictures(tmp_path / 'pictures', names)
    (pictures / 'a' / '2.png').write_bytes(b'no picture')
    summary = predictor(pictures, tmp_path / 'out', BrightIsSmoke(nan_at=[2])).run()
    assert (summary['ok'], summary['failed']) == (2, 2)
    records = list(Manifest(tmp_path / 'out' / 'manifest.jsonl'))
    assert [record.status for record in records] == ['ok', 'failed', 'ok', 'failed']
    assert 'it is not an image file' in records[1].reason and records[3].reason == 'not finite'
    rows = table(tmp_path / 'out' / 'area.csv')
    assert [(row['camera'], row['status']) for row in rows] == [
        ('a', 'ok'), ('a', 'failed'), ('b', 'ok'), ('b', 'failed'),
    ]  # fmt: skip
    assert rows[1]['area_smoke'] == ''
    Manifest(tmp_path / 'out' / 'manifest.jsonl').read()
    write_pictures(pictures, names)
    assert predictor(pictures, tmp_path / 'out').run()['made_now'] == 2  # mended


def test_a_film_that_is_cut_off(tmp_path):
    film = write_film(tmp_path / 'clip.avi', 40)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    summary = predictor(film, tmp_path / 'out', kinds=('film',)).run()
    assert summary['failed'] == 1 and 5 < summary['ok'] < 39
    *_, last = Manifest(tmp_path / 'out' / 'manifest.jsonl')
    assert f'Expected 40 frames in {film}, but {summary["ok"]} can be read.' == last.reason
    film.write_bytes(b'\0' * 5000)
    with pytest.raises(ValueError, match='Expected pictures, a list of pictures or a film that OpenCV reads in'):
        predictor(film, tmp_path / 'other')


def test_thinned_by_time(tmp_path):
    film = write_film(tmp_path / 'clip.avi', 25)
    summary = predictor(film, tmp_path / 'out', every=0.5).run()
    rows = table(tmp_path / 'out' / 'area.csv')
    assert summary['frames'] == 5 and [row['frame'] for row in rows] == ['0', '5', '10', '15', '20']
    network = BrightIsSmoke()
    assert predictor(film, tmp_path / 'out', network, every=0.5).run()['made_now'] == network.seen == 0


def test_the_median_takes_flicker_away(tmp_path):
    """A speck in every fourth frame is gone; the square that moves stays."""
    film = write_film(tmp_path / 'clip.avi', 13)
    changes = {}
    for median in (1, 5):
        out = tmp_path / str(median)
        predictor(film, out, median=median).run()
        masks = [read_mask(path) for path in sorted((out / 'masks').rglob('*.png'))]
        assert {bool(mask[41, 3]) for mask in masks} == ({False, True} if median == 1 else {False})
        assert all(mask[20, 14 + number] for number, mask in enumerate(masks))
        changes[median] = np.mean([(a != b).mean() for a, b in zip(masks, masks[1:])])
    assert changes[5] < changes[1]


def test_what_of_a_camera_is_left_out(tmp_path):
    pictures = write_pictures(tmp_path / 'pictures', ['north/1.png', 'south/1.png'])
    (tmp_path / 'cameras.yaml').write_text('north:\n  polygons: [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]\nwest:\n'
                                           '  polygons: [[[0, 0], [1, 0], [1, 1]]]\n')  # fmt: skip
    cameras = CameraMasks(tmp_path / 'cameras.yaml')
    summary = predictor(pictures, tmp_path / 'out', cameras=cameras).run()
    assert summary['cameras_without_frames'] == ['west']
    north, south = (read_mask(tmp_path / 'out' / 'masks' / name / '1.png') for name in ('north', 'south'))
    assert (north[:, :31] == 255).all() and not (north[:, 34:] == 255).any() and not (south == 255).any()
    rows = table(tmp_path / 'out' / 'area.csv')
    counted = north != 255
    assert float(rows[0]['area_smoke']) == pytest.approx((north == 1).sum() / counted.sum(), abs=1e-6)


def test_another_run_is_refused(tmp_path):
    pictures = write_pictures(tmp_path / 'pictures', ['1.png'])
    made = predictor(pictures, tmp_path / 'out')
    made.run()
    made.identity['config_hash'] = 'other'
    with pytest.raises(RunMismatchError, match='made by another run: config_hash a .* Choose another --out folder'):
        made.run()
    with open_output(tmp_path / 'busy', {}, ()), pytest.raises(RunMismatchError, match='Another process is making'):
        predictor(pictures, tmp_path / 'busy').run()


class Measured(BrightIsSmoke):
    """Notes what is held at some pictures."""

    held = ()

    def predict(self, imgs):
        if self.seen in (20, 90):
            gc.collect()  # JSON's encoder makes cycles
            self.held += (tracemalloc.get_traced_memory()[0],)
        return super().predict(imgs)


def test_memory_does_not_grow_with_the_film(tmp_path):
    network = Measured()
    film = write_film(tmp_path / 'clip.avi', 100)
    run = predictor(film, tmp_path / 'out', network, ('film', 'polygons'), EventRule(0.9, 1, 1), median=3)
    tracemalloc.start()
    run.run()
    tracemalloc.stop()
    assert (network.held[1] - network.held[0]) / 70 < 1000  # bytes a frame; a record has 2,000, a mask 3,000


class Live:
    """A camera that gives as many frames as it is told, with its own counter going on."""

    kind, total, end, fps = 'camera', None, None, 5.0

    def __init__(self, number, interrupt=False):
        self.number, self.interrupt = number, interrupt

    def index_of(self, record):
        return record.frame['index']

    def mask_name(self, index):
        return f'cam/{index:06d}.png'

    def frames(self, wants, first=0):
        for index in range(first, first + self.number):
            assert wants(index)
            frame = Frame(index, f'cam/{index:06d}.png', self.mask_name(index), 'cam', 'rtsp://cam', index, index / 5)
            frame.img = picture(index)
            yield frame
        if self.interrupt:
            raise KeyboardInterrupt


def test_a_camera_goes_on_with_its_numbers(tmp_path):
    """Interrupted, its tables are whole; started again, they go on; nothing is asked of frames that are gone."""
    out = tmp_path / 'out'
    for number, interrupt, made, frames in ((5, True, 5, 5), (4, False, 4, 9)):
        run = predictor(write_pictures(tmp_path / 'any', ['1.png']), out, kinds=('film', 'polygons'))
        run.source = Live(number, interrupt)
        summary = run.run()
        assert (summary['made_now'], summary['frames']) == (made, frames)
    assert [row['frame'] for row in table(out / 'area.csv')] == [str(index) for index in range(9)]
    (event,) = table(out / 'events.csv')
    assert (event['start_frame'], event['end_frame'], event['status']) == ('0', '8', 'open')
    assert (out / 'film.mp4').exists() and (out / 'film_000005.mp4').exists()
    assert len((out / 'polygons.jsonl').read_text().splitlines()) == 9


def test_wrong_settings(tmp_path):
    for settings, message in [
        ({'median': 4}, 'Expected an odd number of frames'),
        ({'batch_size': 0}, 'Expected batch_size >= 1, but got 0'),
        ({'kinds': ['masks']}, r"Expected outputs of .* but got \['masks'\]"),
    ]:
        with pytest.raises(ValueError, match=message):
            predictor(write_pictures(tmp_path, ['1.png']), tmp_path / 'out', **settings)
