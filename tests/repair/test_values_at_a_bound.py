"""Parameters that are exactly at a bound with a probability of their own."""

import numpy as np
import pytest
from mixed_posteriors import often_zero
from numpy.testing import assert_allclose, assert_array_equal
from wrong_posteriors import LEVELS, central_shares, covered, wrong_posterior

from retrodict.diagnostics import simulation_based_calibration
from retrodict.diagnostics.rank_uniformity import ranks_among
from retrodict.errors import OutOfBoundsError
from retrodict.repair import ConformalCalibration
from retrodict.repair.point_masses import find_point_masses

WRONG = {"overconfident": 0.4, "underconfident": 2.0}


def beside_zero(draws, truth, level=0.8):
    """Share of true causes beside 0 in the central interval of the draws beside it."""
    beside = draws != 0
    num = beside.sum(axis=(1, 2))
    rows = (truth[:, 0] != 0) & (num >= 16)
    below = ((draws < truth[:, None]) & beside).sum(axis=(1, 2))[rows]
    place = (below + np.random.default_rng(0).random(rows.sum())) / (num[rows] + 1)
    return (np.abs(2 * place - 1) <= level).mean(), rows.sum()


@pytest.mark.parametrize("scale", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("upper", [False, True], ids=["lower bound", "upper bound"])
def test_draws_beside_the_bound_are_repaired_and_those_at_it_stay(scale, upper):
    bounds = {"upper": 0.0} if upper else {"lower": 0.0}
    calibration = ConformalCalibration(**bounds)
    calibration.fit(*often_zero(0, 4000, 99, scale=scale, upper=upper))
    assert calibration.needed_.all()
    draws, truth = often_zero(1, 1000, scale=scale, upper=upper)
    repaired = calibration.apply(draws)
    assert not simulation_based_calibration(draws, truth).passed
    assert simulation_based_calibration(repaired, truth).passed
    assert_array_equal(repaired == 0, draws == 0)
    before, num = beside_zero(draws, truth)
    after, _ = beside_zero(repaired, truth)
    assert abs(before - 0.8) > 0.12
    assert abs(after - 0.8) < 4 * np.sqrt(0.16 / num + 0.16 / 2400)


@pytest.mark.parametrize("scale", [1.0, *WRONG.values()], ids=["exact", *WRONG])
def test_intervals_hold_the_truth_at_least_as_often_as_they_say(scale):
    repeats, num = 4, 1000
    shares = np.zeros((repeats, len(LEVELS)))
    for seed in range(repeats):
        calibration = ConformalCalibration(lower=0.0).fit(*often_zero(seed, num, scale=scale))
        draws, truth = often_zero(100 + seed, num, scale=scale)
        for level in range(len(LEVELS)):
            lower, upper = calibration.intervals(draws, LEVELS[level])
            assert (lower >= 0).all()
            shares[seed, level] = covered((lower, upper), truth)
    error = np.sqrt(np.multiply(LEVELS, np.subtract(1, LEVELS)) * 2 / num / repeats)
    assert (shares.mean(axis=0) > LEVELS - 4 * error).all()
    # Not by holding everything: what they hold too often is at the bound, wholly.
    assert shares.mean(axis=0)[0] < 0.8


def test_spread_values_are_held_exactly_as_often_as_intervals_say(monkeypatch):
    """Cutting at the bound is all that makes intervals hold more than their level."""
    monkeypatch.setattr("retrodict.repair.point_masses.PointMasses.cut", lambda _, spread: spread)
    num, fresh, repeats = 39, 500, 40
    shares = np.empty(repeats)
    for seed in range(repeats):
        draws, truth = often_zero(seed, num + fresh, 50, scale=0.4)
        calibration = ConformalCalibration(lower=0.0, levels=[0.9]).fit(draws[:num], truth[:num])
        spread = calibration._masses.spread(truth[num:], np.random.default_rng(1000 + seed))
        shares[seed] = covered(calibration.intervals(draws[num:], 0.9), spread)
    assert abs(shares.mean() - 0.9) < 4 * shares.std(ddof=1) / np.sqrt(repeats)


@pytest.mark.parametrize("seed", range(3))
def test_an_exact_posterior_is_left_alone(seed):
    calibration = ConformalCalibration(lower=0.0, names=["slag"]).fit(*often_zero(seed, 1000))
    assert not calibration.needed_.any()
    assert calibration.summary_.at_bound.all()
    assert "Draws exactly at a bound of `slag` stay there" in str(calibration.summary_)
    draws, _ = often_zero(50 + seed, 20)
    assert_array_equal(calibration.apply(draws), draws)


def test_the_coverage_after_repair_is_that_of_fresh_repaired_draws():
    """Averaged over calibration sets, which share nothing with the fresh observations."""
    repeats = 30
    after, on_fresh = np.empty((2, repeats, len(LEVELS)))
    for seed in range(repeats):
        # Ties broken anew in each set, or their noise would not average out.
        calibration = ConformalCalibration(lower=0.0, significance=1, random_state=2000 + seed)
        calibration.fit(*often_zero(seed, 60, 99, scale=0.4))
        after[seed] = calibration.summary_.after[:, 0]
        draws, truth = often_zero(1000 + seed, 200, 99, scale=0.4)
        rank = ranks_among(calibration.apply(draws), truth, seed)
        place = (rank + np.random.default_rng(seed).random(rank.shape)) / 100
        on_fresh[seed] = [(np.abs(2 * place - 1) <= level).mean() for level in LEVELS]
    difference = (after - on_fresh).mean(axis=0)
    error = np.sqrt((after.var(axis=0) + on_fresh.var(axis=0)) / repeats)
    assert (np.abs(difference) < 4 * error).all()


def test_other_parameters_are_repaired_as_if_alone():
    at_zero, truth_at_zero = often_zero(2, 500, 99)
    draws, truth = wrong_posterior("too narrow", 3, 500)
    alone = ConformalCalibration().fit(draws, truth)
    both = np.concatenate([at_zero, draws], axis=2)
    together = ConformalCalibration(lower=[0.0, -np.inf], names=["slag", "water"])
    together.fit(both, np.concatenate([truth_at_zero, truth], axis=1))
    assert together.needed_.tolist() == [[False, True]]
    assert_allclose(together.apply(both)[..., 1:], alone.apply(draws), rtol=1e-12)
    for ours, theirs in zip(
        together.intervals(both, 0.8), alone.intervals(draws, 0.8), strict=True
    ):
        assert_allclose(ours[:, 1:], theirs, rtol=1e-12)


def test_too_few_causes_beside_the_bound_repair_nothing():
    """18 of 400: the map would be made of their noise."""
    draws, truth = often_zero(4, 400, scale=0.3)
    truth[np.flatnonzero(truth[:, 0])[18:]] = 0.0
    calibration = ConformalCalibration(lower=0.0, significance=1).fit(draws, truth)
    assert calibration.summary_.p_values.max() < 1e-6
    assert not calibration.needed_.any()
    assert str(calibration.summary_).startswith(
        "No draws are repaired. `x1`: not calibrated, but too few true causes lie beside the bound"
    )
    assert_array_equal(calibration.apply(draws), draws)
    assert ConformalCalibration.from_arrays(calibration.to_arrays()).summary_.too_few.all()
    enough = often_zero(4, 400, scale=0.3)
    assert ConformalCalibration(lower=0.0, significance=1).fit(*enough).needed_.all()


def test_few_draws_beside_the_bound_stay_as_they_are():
    calibration = ConformalCalibration(lower=0.0).fit(*often_zero(0, 1000, scale=0.4))
    draws, _ = often_zero(5, 2, scale=0.4)
    draws[:, :, 0] = np.where(np.arange(199) < [[184], [183]], 0.0, 50.0 + np.arange(199))
    repaired = calibration.apply(draws)
    assert_array_equal(repaired[0], draws[0])  # 15 beside it do not tell how wide they are
    assert (repaired[1, 183:] != draws[1, 183:]).all()


def test_a_posterior_wholly_at_its_bound_is_repaired_too():
    """Draws that are all 0 have no width, yet a place on the scale."""
    draws, truth = often_zero(6, 500)
    draws[:50], truth[:49] = 0.0, 0.0
    calibration = ConformalCalibration(lower=0.0, significance=1).fit(draws, truth)
    lower, _ = calibration.intervals(draws, 0.8)
    assert (lower[:50] == 0).all()
    assert_array_equal(calibration.apply(draws)[:50], 0.0)


def test_a_draw_that_rounding_put_at_its_bound_makes_no_point_mass():
    draws, truth = wrong_posterior("too narrow", 0, 300, 199)
    draws, truth = np.exp(draws / 3), np.exp(truth / 3)
    rounded = draws.copy()
    rounded[7, 0] = 0.0
    calibration = ConformalCalibration(lower=0.0).fit(rounded, truth)
    assert not calibration.summary_.at_bound.any()
    repaired = calibration.apply(rounded)
    assert np.isfinite(repaired).all()
    assert (repaired >= 0).all()
    as_it_was = ConformalCalibration(lower=0.0).fit(draws, truth).apply(draws)
    assert_allclose(np.delete(repaired, 7, axis=0), np.delete(as_it_was, 7, axis=0), rtol=0.1)


def test_which_bounds_carry_probability():
    rng = np.random.default_rng(0)
    draws, truth = rng.uniform(size=(40, 100, 4)), rng.uniform(size=(40, 4))
    bounds = (np.zeros(4), np.array([1.0, 1.0, 1.0, np.inf]))
    truth[3, 0] = 0.0  # one true cause
    draws[5, :10, 1] = 1.0  # a tenth of the draws of one observation
    draws[6, :9, 2] = 1.0  # less than a tenth
    masses = find_point_masses(draws, truth, bounds, smallest_share=0.1)
    assert masses.present.tolist() == [True, True, False, False]
    others = np.append(draws[..., 0], truth[:, 0])
    assert masses.lower_width[0] == np.median(others[others > 0])
    assert masses.upper_width[0] == 0
    spread = masses.spread(draws, rng)
    assert_array_equal(spread[..., 3], draws[..., 3])
    strip = spread[5, :10, 1] - 1
    assert (strip > 0).all()
    assert (strip < masses.upper_width[1]).all()
    assert len(np.unique(strip)) == 10
    assert_array_equal(masses.cut(spread)[..., :2], draws[..., :2])
    assert np.isnan(masses.beside(draws)).sum() == 10


def test_values_beyond_a_bound_are_refused():
    draws, truth = often_zero(8, 100)
    calibration = ConformalCalibration(lower=0.0, names=["slag"]).fit(draws, truth)
    with pytest.raises(OutOfBoundsError, match="1 of 100 values of `slag` in `truth` lie beyond"):
        calibration.fit(draws, np.where(np.arange(100)[:, None] == 3, -1.0, truth))
    with pytest.raises(OutOfBoundsError, match="in `draws` lie beyond its bounds 0 and inf"):
        calibration.intervals(draws - 1, 0.8)


def test_central_shares_of_repaired_draws_without_point_mass_are_unchanged_by_a_far_bound():
    """A bound that nothing comes near is no bound."""
    draws, truth = wrong_posterior("too narrow", 9, 1000)
    free = ConformalCalibration().fit(draws, truth)
    far = ConformalCalibration(lower=-1e6).fit(draws, truth)
    assert_allclose(far.apply(draws), free.apply(draws), atol=1e-2)
    rng = np.random.default_rng
    assert_allclose(
        central_shares(far.apply(draws), truth, rng(0)),
        central_shares(free.apply(draws), truth, rng(0)),
        atol=0.005,
    )
