"""Seeds that a difference needs: against simulation, and in the report of the tables."""

import numpy as np
import pytest
from scipy import stats

from mmwsss.tables import power_of, results_table, seeds_needed, select_rows, smallest_difference
from mmwsss.tables.formatting import paired_differences


@pytest.mark.parametrize(('difference', 'deviation', 'seeds'), [(3.0, 2.0, 5), (-1.0, 2.0, 12), (0.0, 1.0, 4)])
def test_power_is_how_often_the_test_finds_it(difference, deviation, seeds):
    draws = np.random.default_rng(0).normal(difference, deviation, (20000, seeds))
    found = (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean()
    assert power_of(difference, deviation, seeds) == pytest.approx(found, abs=0.012)


@pytest.mark.parametrize('deviation', [0.3, 2.0, 9.0])
def test_the_smallest_number_of_seeds(deviation):
    for difference in (1, 2, 5):
        seeds = seeds_needed(difference, deviation)
        assert power_of(difference, deviation, seeds) >= 0.8
        assert seeds == 2 or power_of(difference, deviation, seeds - 1) < 0.8
    assert smallest_difference(deviation, seeds_needed(5, deviation)) <= 5
    assert power_of(smallest_difference(deviation, 4), deviation, 4) == pytest.approx(0.8)


def test_no_deviation_and_wrong_values():
    assert power_of(1, 0, 2) == 1 and power_of(0, 0, 2) == 0 and seeds_needed(1, 0) == 2
    for call in (lambda: power_of(1, 1, 1), lambda: seeds_needed(0, 1), lambda: seeds_needed(1, 1, power=1)):
        with pytest.raises(ValueError, match='Expected'):
            call()


def test_the_report_says_what_cannot_be_told():
    (row,) = select_rows(['4.1-ours'])

    def entry(own, control):
        return {
            'figures': [{'seed': seed, 'iou_image': value} for seed, value in own],
            'control': [{'seed': seed, 'iou_image': value} for seed, value in control],
        }

    near = entry([(1, 0.30), (2, 0.34), (3, 0.31)], [(2, 0.31), (1, 0.31), (4, 0.9)])
    assert paired_differences(row, near) == pytest.approx([-1, 3])  # seeds 3 and 4 have no partner
    assert 'too small a difference' in results_table([row], {row.row: near})
    far = entry([(1, 0.50), (2, 0.51), (3, 0.505)], [(1, 0.30), (2, 0.31), (3, 0.30)])
    table = results_table([row], {row.row: far})
    assert '+20.2 ± 0.3 against its control, paired by 3 seeds' in table and 'too small' not in table
    assert 'Differences' not in results_table([row], {row.row: entry([(1, 0.5)], [(1, 0.3)])})
