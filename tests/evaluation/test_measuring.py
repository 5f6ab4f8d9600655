"""Figures with intervals from composites and frames without the class."""

import numpy as np
import pytest
from test_choosing import SIZE, evidence_of

from mmwsss.datasets.groups import FrameGroup
from mmwsss.evaluation.evidence import CompositeCurvesBuilder, Evidence, FrameCurvesBuilder
from mmwsss.evaluation.measuring import interval, measure, missed


def test_the_interval_is_over_blocks():
    """Ten copies of a frame are one frame: the interval does not shrink with them."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=40)
    one = interval(lambda rows: float(values[rows].mean()), [str(index) for index in range(40)])
    copies = np.repeat(values, 10)
    blocks = [str(index) for index in range(40) for _ in range(10)]
    ten = interval(lambda rows: float(copies[rows].mean()), blocks)
    assert ten == pytest.approx(one) and one['blocks'] == 40
    width = one['high'] - one['low']
    assert width == pytest.approx(2 * 1.96 * values.std() / np.sqrt(40), rel=0.15)
    alone = interval(lambda rows: float(copies[rows].mean()), [str(index) for index in range(400)])
    assert alone['high'] - alone['low'] < 0.5 * width
    assert interval(lambda rows: 0.5, ['a', 'a']) == {'value': 0.5, 'blocks': 1}


def test_the_interval_covers_what_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for round_ in range(60):
        values = rng.exponential(size=30)
        found = interval(lambda rows, v=values: float(v[rows].mean()), list(map(str, range(30))), 150, seed=round_)
        hits += found['low'] <= 1 <= found['high']
    assert 48 <= hits <= 60


def composite(side, opacity, marked, ghost=0.0):
    """A plume of a side, of which a share of the rows is marked, and what is marked there without smoke."""
    matte = np.zeros((SIZE, SIZE))
    matte[:side, :side] = opacity
    score = np.zeros_like(matte)
    score[: round(marked * side), :side] = 0.9
    clean = np.zeros_like(matte)
    clean[: round(ghost * side), :side] = 0.9
    return score, matte, clean


def test_recall_by_size_and_opacity_and_context():
    builder = CompositeCurvesBuilder()
    plumes = [(4, 0.9, 0.0, 0.0), (4, 0.3, 0.5, 0.0), (20, 0.9, 1.0, 0.5), (10, 0.6, 0.1, 0.1)]
    for number, (side, opacity, marked, ghost) in enumerate(plumes):
        builder.add(f'{number}.jpg', f'block {number}', *composite(side, opacity, marked, ghost))
    curves = builder.build()
    found = measure(
        Evidence(
            FrameCurvesBuilder([('f', 'b', 0, True, *[np.zeros(99)] * 2, 0.0, *[np.zeros(0)] * 2)]).build(), curves
        ),
        0.5,
    )
    sizes = {(row['above'], row['to']): row for row in found['by_size']}
    small = {'value': 0.25, 'low': 0.0, 'high': 0.5, 'blocks': 2}  # of either plume alone: 0 and 8 of 16 pixels
    assert sizes[0.0, 0.01] == {'above': 0.0, 'to': 0.01, 'plumes': 2, 'recall': small, 'found': 0.5}  # 16 of 1600
    assert sizes[0.1, 1.0]['recall'] == {'value': 1, 'blocks': 1} and sizes[0.03, 0.1]['found'] == 0
    opacities = {row['to']: row['recall']['value'] for row in found['by_opacity']}
    assert opacities == {0.35: 0.5, 0.65: pytest.approx(0.1), 1.0: pytest.approx(400 / 416)}
    marked = 0 + 8 + 400 + 10
    assert found['recall']['value'] == pytest.approx(marked / (16 + 16 + 400 + 100))
    assert found['context']['value'] == pytest.approx((200 + 10) / marked)
    assert found['iou']['value'] == pytest.approx(marked / 532) and found['composites'] == 4
    assert missed(curves, 0.5)[:2] == [0, 3]


def test_false_alarms_by_camera_and_hour():
    builder = FrameCurvesBuilder()
    groups = []
    for index in range(12):
        score = np.zeros((SIZE, SIZE))
        if index in (3, 6, 9):  # frames without the class, of the camera north
            score[:4, :10] = 0.7
        builder.add(f'{index}.jpg', f'day {index}', 0, index % 3 != 0, score)
        groups.append(FrameGroup(f'day {index}', 'north' if index % 3 == 0 and index else 'south', index))
    found = measure(Evidence(builder.build()), 0.5, groups)
    alarms = found['false_alarms']
    assert alarms['frames']['value'] == 0.75 and alarms['pixels']['value'] == pytest.approx(0.75 * 40 / 1600)
    assert [(row['name'], row['frames'], row['alarms']['value']) for row in alarms['by_camera']] == [
        ('north', 3, 1.0),
        ('south', 1, 0.0),
    ]
    north, south = (row['pixels'] for row in alarms['by_camera'])
    assert north == {**dict.fromkeys(('value', 'low', 'high'), pytest.approx(40 / 1600)), 'blocks': 3}
    assert south == {'value': 0.0, 'blocks': 1}
    assert [row['name'] for row in alarms['by_hour']] == ['00', '03', '06', '09']
    assert 'iou' not in found and measure(Evidence(builder.build()), 0.8)['false_alarms']['frames']['value'] == 0


def test_frames_that_all_show_the_class_have_what_scores_expect_alone():
    evidence = evidence_of()
    frames = evidence.frames.only(evidence.frames.positive)
    found = measure(Evidence(frames), 0.3)
    own = found['own_iou']
    assert set(found) == {'threshold', 'own_iou'} and 0 <= own['low'] <= own['value'] <= own['high'] <= 1
    assert 0 < measure(Evidence(frames, evidence.composites), 0.3)['iou']['value'] <= 1
