"""The median over time against the plain definition."""

import numpy as np
import pytest

from mmwsss.prediction.temporal import TemporalMedian, median_label


def expected(frames, window):
    """Each frame's window by looking at the whole series at once."""
    results = []
    for place, (item, key, label) in enumerate(frames):
        around = frames[max(place - window // 2, 0) : place + window // 2 + 1]
        if label is None:
            results.append((item, None))
            continue
        labels = [row for _, name, row in around if row is not None and name == key and row.shape == label.shape]
        counts = np.stack([sum(row == value for row in labels) for value in range(256)])
        results.append((item, np.where(counts.max(0) > len(labels) // 2, counts.argmax(0), 0)))
    return results


@pytest.mark.parametrize('window', [1, 3, 5, 7])
def test_against_the_definition(window):
    rng = np.random.default_rng(window)
    frames = []
    for number in range(40):
        label = rng.choice([0, 1, 2, 255], (6, 7), p=[0.4, 0.3, 0.2, 0.1]).astype(np.uint8)
        key = 'a' if number < 18 else 'b'
        if number >= 30:
            label = label[:3]  # another size begins another series
        frames.append((number, key, None if number in (4, 5, 22, 39) else label))
    found = list(TemporalMedian(window)(iter(frames)))
    assert len(found) == 40
    for (item, label), (number, wanted) in zip(found, expected(frames, window)):
        assert item == number
        if wanted is None:
            assert label is None
        else:
            np.testing.assert_array_equal(label, wanted, err_msg=str(number))


def test_frames_come_out_with_half_the_window_of_delay():
    taken = []

    def frames():
        for number in range(10):
            taken.append(number)
            yield number, '', np.zeros((1, 1), np.uint8)

    steady = TemporalMedian(5)(frames())
    next(steady)
    assert taken == [0, 1, 2]
    next(steady)
    assert taken == [0, 1, 2, 3]


def test_an_even_number_needs_more_than_half():
    one, none = np.array([[1]], np.uint8), np.array([[0]], np.uint8)
    assert median_label([one, none]).item() == 0
    assert median_label([one, one, none]).item() == 1
    for window in (0, 2, -1):
        with pytest.raises(ValueError, match=f'Expected an odd number of frames .* but got {window}'):
            TemporalMedian(window)
