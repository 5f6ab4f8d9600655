import csv
import math

import numpy as np
import pytest
from conftest import SMALL, student_config, toy_variables
from PIL import Image

from mmwsss.apis.lr_range import log_spaced_rates, lr_range_test, smooth, suggest_learning_rate
from mmwsss.config import load_config


def test_rates_and_smoothing_by_hand():
    assert np.allclose(log_spaced_rates(1e-4, 1.0, 5), [1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    values, mean = [3.0, 1.0, 2.0], 0.0
    for step, (loss, smoothed) in enumerate(zip(values, smooth(values, 0.9)), 1):
        mean = 0.9 * mean + 0.1 * loss
        assert smoothed == pytest.approx(mean / (1 - 0.9**step))


def test_suggestion_is_where_the_loss_falls():
    tried = log_spaced_rates(1e-6, 10, 200)
    losses = [1 / (1 + math.exp(4 * (math.log10(rate) + 2.5))) for rate in tried]  # falls around 10 ** -2.5
    assert 1e-3 < suggest_learning_rate(tried, losses) < 2e-2  # smoothing is late, never early
    with pytest.raises(ValueError, match='Expected a loss that falls somewhere'):
        suggest_learning_rate(tried, list(np.linspace(1, 2, 200)))
    with pytest.raises(ValueError, match='Expected at least 6 steps .* but got 3'):
        suggest_learning_rate(tried, losses[:3])


def test_curve_of_a_config(toy, tmp_path):
    options = {**SMALL, 'embed_dims': 32, 'num_layers': 1}
    result = lr_range_test(student_config(options, toy_variables(toy)), tmp_path, 1e-4, 1.0, 20)
    with open(result['csv'], newline='') as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == result['steps'] <= 20
    assert [float(row['lr']) for row in rows] == pytest.approx(log_spaced_rates(1e-4, 1.0, 20)[: len(rows)])
    assert result['suggestion'] in [float(row['lr']) for row in rows]
    assert Image.open(result['png']).size[0] > 300
    assert not list(tmp_path.rglob('*.pth'))


def test_stops_where_the_loss_diverges(toy, tmp_path):
    cfg = load_config('configs/r50.py', SMALL, data=toy_variables(toy), scale='small')
    try:
        result = lr_range_test(cfg, tmp_path, 1e-3, 1e9, 60)
        assert result['steps'] < 60
    except ValueError as error:  # a curve that only rises has no suggestion, but it was written
        assert 'falls somewhere' in str(error)
    assert len((tmp_path / 'lr_range.csv').read_text().splitlines()) < 61


def test_errors(toy, tmp_path):
    with pytest.raises(ValueError, match='Expected 0 < lowest < highest and steps >= 6, but got 1, 0.1 and 9'):
        lr_range_test(student_config({}, toy_variables(toy)), tmp_path, 1, 0.1, 9)
