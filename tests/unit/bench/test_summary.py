import pytest

from cogitate.bench.summary import Summary, paired_ratios, summarize


def test_median_and_quartiles_of_an_odd_count():
    # sorted 10 20 30 40 50: quartiles at positions 1, 2 and 3
    assert summarize([50.0, 10.0, 40.0, 20.0, 30.0]) == Summary(
        median=30.0, low=20.0, high=40.0, count=5
    )


def test_quartiles_interpolate_between_neighbours():
    # sorted 1 2 3 4: positions 0.75, 1.5 and 2.25
    assert summarize([4.0, 3.0, 2.0, 1.0]) == Summary(median=2.5, low=1.75, high=3.25, count=4)


def test_one_measurement_is_its_own_spread():
    assert summarize([7.0]) == Summary(median=7.0, low=7.0, high=7.0, count=1)


def test_an_outlier_does_not_move_the_median():
    assert summarize([1.0, 1.0, 1.0, 1.0, 1000.0]).median == 1.0


def test_nothing_measured_is_an_error():
    with pytest.raises(ValueError, match="no measurements"):
        summarize([])


def test_ratio_is_above_one_when_ours_is_better_in_either_direction():
    assert paired_ratios([300.0], [100.0], higher_is_better=True) == [3.0]
    assert paired_ratios([2.0], [8.0], higher_is_better=False) == [4.0]


def test_pairs_cancel_a_drift_that_slows_both():
    ours, peer = [100.0, 50.0, 25.0], [50.0, 25.0, 12.5]
    assert paired_ratios(ours, peer, higher_is_better=True) == [2.0, 2.0, 2.0]


def test_unequal_numbers_of_runs_are_no_pairs():
    with pytest.raises(ValueError, match="2 measurements of ours, 1 of the peer"):
        paired_ratios([1.0, 2.0], [1.0], higher_is_better=True)
