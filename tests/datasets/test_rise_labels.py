"""RISE's label states: majorities and researchers' decisions are kept, with their votes."""

import csv
import json

import cv2
import numpy as np
import pytest

from mmwsss.datasets.converters.rise_labels import STATES, label_of_state, state_of
from mmwsss.datasets.converters.video_frames import extract_frames, read_labels, read_votes


def test_states_and_agreements():
    decided = {a: {s for s in STATES if label_of_state(s, a)[0]} for a in ('agreed', 'majority', 'any')}
    assert decided['agreed'] == {47, 32, 23, 16} and decided['majority'] - decided['agreed'] == {19, 20}
    assert decided['any'] == set(STATES)
    assert {s for s in STATES if STATES[s][0] == 'smoke'} == {47, 23, 19, 5, 3} and STATES[3][1] == (1, 1)
    with pytest.raises(ValueError, match="Expected votes 'agreed', 'majority', 'any', but got 'most'"):
        label_of_state(19, 'most')


def test_researchers_go_before_citizens():
    assert state_of({'label_state': 23, 'label_state_admin': 32}, 'x') == 32
    assert state_of({'label_state': 23, 'label_state_admin': -2}, 'x') is None  # a researcher discarded it
    assert state_of({'label_state': 23, 'label_state_admin': -1}, 'x') == 23
    assert state_of({'label_state': -1, 'label_state_admin': 47}, 'x') == 47
    assert label_of_state(state_of({'label_state': 20, 'label_state_admin': 23}, 'x')) == ('smoke', None)
    assert state_of({'label_state': 16, 'label_state_admin': -1}, 'x') == 16
    assert state_of({'label_state': 3, 'label_state_admin': -2}, 'x') is None
    with pytest.raises(ValueError, match="Expected a number as label_state_admin in x, but got 'yes'"):
        state_of({'label_state': 16, 'label_state_admin': 'yes'}, 'x')


def test_frames_with_their_clips_votes(tmp_path):
    clips = {'cam a/one': 19, 'cam a/two': 47, 'cam b/one': 20, 'cam b/three': 4, 'cam b/four': 3}
    entries = [{'file_name': name, 'label_state': state} for name, state in clips.items()]
    (tmp_path / 'meta.json').write_text(json.dumps(entries))
    for name in clips:
        path = tmp_path / 'videos' / f'{name}.avi'
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 5, (32, 32))
        for _ in range(3):
            writer.write(np.full((32, 32, 3), 90, np.uint8))
        writer.release()
    assert read_labels(tmp_path / 'meta.json', 'agreed')['cam a/one'] is None
    assert read_votes(tmp_path / 'meta.json')['cam b/one'] == ('no_smoke', (2, 1))
    out = tmp_path / 'out'
    counts, failed = extract_frames(tmp_path / 'videos', out, '2', tmp_path / 'meta.json')
    assert not failed and counts['clips'] == 3 and counts['without_label'] == 2
    with open(out / 'labels.csv', newline='') as handle:
        rows = {row.pop('path'): tuple(row.values()) for row in csv.DictReader(handle)}
    assert len(rows) == 6 and rows['smoke/cam a/one_00000.jpg'] == ('smoke', '2', '1')
    assert rows['smoke/cam a/two_00002.jpg'] == ('smoke', '', '')
    assert rows['no_smoke/cam b/one_00000.jpg'] == ('no_smoke', '2', '1')
    extract_frames(tmp_path / 'videos', tmp_path / 'plain', '2', tmp_path / 'meta.json', agreement='agreed')
    assert not (tmp_path / 'plain' / 'labels.csv').exists()
