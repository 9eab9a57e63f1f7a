"""Intervals that hold what they promise, and draws whose ranks are uniform."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone
from wrong_posteriors import CASES, LEVELS, central_shares, covered, wrong_posterior

from retrodict.diagnostics import simulation_based_calibration
from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    DataError,
    NonFiniteError,
    NotFittedError,
    OutOfBoundsError,
    ShapeError,
    TooFewRowsError,
)
from retrodict.repair import ConformalCalibration

WRONG = [case for case in CASES if case != "exact"]
EXACT = stats.norm.ppf([[(1 - level) / 2, (1 + level) / 2] for level in LEVELS])


@pytest.mark.parametrize(
    ("case", "tails"),
    [(case, "separate") for case in CASES]
    + [(case, "together") for case in ("exact", "shifted and too narrow", "skewed truth")],
)
def test_intervals_and_repaired_draws_cover_what_they_say(case, tails):
    """The coverage of one calibration set of n is beta-distributed about the level."""
    repeats, num = 4, 1000
    shares = np.zeros((repeats, 2, len(LEVELS)))
    for seed in range(repeats):
        calibration = ConformalCalibration(tails=tails).fit(*wrong_posterior(case, seed, num))
        draws, truth = wrong_posterior(case, 100 + seed, num)
        shares[seed, 0] = [covered(calibration.intervals(draws, q), truth) for q in LEVELS]
        repaired = calibration.apply(draws)
        shares[seed, 1] = central_shares(repaired, truth, np.random.default_rng(seed))
    spread = np.sqrt(np.multiply(LEVELS, np.subtract(1, LEVELS)) * 2 / num)
    assert (np.abs(shares - LEVELS) < 4 * spread).all()
    assert (np.abs(shares.mean(axis=0) - LEVELS) < 4 * spread / np.sqrt(repeats)).all()


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_posterior_is_found_and_its_repaired_draws_rank_uniformly(case):
    calibration = ConformalCalibration().fit(*wrong_posterior(case, 1, 4000))
    assert calibration.needed_.all()
    draws, truth = wrong_posterior(case, 2, 300)
    assert not simulation_based_calibration(draws, truth).passed
    assert simulation_based_calibration(calibration.apply(draws), truth).passed


@pytest.mark.parametrize("seed", range(5))
def test_a_good_posterior_is_left_alone(seed):
    calibration = ConformalCalibration().fit(*wrong_posterior("exact", seed, dim=3))
    assert not calibration.needed_.any()
    assert "left alone" in str(calibration.summary_)
    draws, _ = wrong_posterior("exact", 50 + seed, 20, dim=3)
    assert_array_equal(calibration.apply(draws), draws)
    # Its intervals move by the noise of 1,000 scores only: standard errors of their quantiles.
    assert_array_equal(calibration.summary_.before, calibration.summary_.after)
    lower, upper = calibration.intervals(draws, 0.8)
    width = draws.std(axis=1)
    noise = np.sqrt(0.1 * 0.9 / 1000) / stats.norm.pdf(1.28)
    for ends, own in ((lower, 0.1), (upper, 0.9)):
        moved = (ends - np.quantile(draws, own, axis=1, method="weibull")) / width
        assert np.abs(moved).max() < 6 * noise


def test_a_repair_that_is_not_needed_changes_a_good_posterior_by_noise_only():
    calibration = ConformalCalibration(significance=1).fit(*wrong_posterior("exact", 0, dim=3))
    assert calibration.needed_.all()
    draws, _ = wrong_posterior("exact", 1, 200, dim=3)
    moved = (calibration.apply(draws) - draws) / draws.std(axis=1, keepdims=True)
    assert 0 < np.sqrt((moved**2).mean()) < 4 * np.sqrt(np.pi / 2 / 1000)


def test_the_map_of_a_normal_posterior_is_known():
    """Truth N(0, 1), draws N(a, b^2): intervals are those of N(0, 1), draws (x - a) / b."""
    rng = np.random.default_rng(3)
    truth, draws = rng.normal(size=(20_000, 1)), 0.8 + 0.4 * rng.normal(size=(20_000, 199, 1))
    calibration = ConformalCalibration().fit(draws, truth)
    # One observation whose draws are the quantiles of the wrong posterior.
    places = np.arange(1, 1000) / 1000
    wrong = stats.norm(0.8, 0.4).ppf(places)[None, :, None]
    for level, ends in zip(LEVELS, EXACT, strict=True):
        assert_allclose(np.ravel(calibration.intervals(wrong, level)), ends, atol=0.06)
    inner = (places > 0.02) & (places < 0.98)
    assert_allclose(calibration.apply(wrong)[0, inner, 0], stats.norm.ppf(places[inner]), atol=0.07)


@pytest.mark.parametrize(
    ("case", "num", "level", "tails"),
    [
        ("too narrow", 19, 0.95, "together"),
        ("shifted", 19, 0.9, "separate"),
        ("too narrow", 39, 0.95, "separate"),
        ("heavy-tailed draws", 39, 0.9, "together"),
        ("skewed truth", 30, 0.75, "separate"),
    ],
)
def test_the_guarantee_holds_with_few_observations(case, num, level, tails):
    """Over calibration sets, the mean coverage is 1 - excluded gaps / (n + 1) exactly."""
    repeats, fresh = 40, 100
    calibration = ConformalCalibration(tails=tails, levels=[level])
    shares = np.empty(repeats)
    for seed in range(repeats):
        draws, truth = wrong_posterior(case, seed, num + fresh, 20)
        calibration.fit(draws[:num], truth[:num])
        shares[seed] = covered(calibration.intervals(draws[num:], level), truth[num:])
    error = shares.std(ddof=1) / np.sqrt(repeats)
    num_tails = 2 if tails == "separate" else 1
    excluded = num_tails * np.floor((num + 1) * (1 - level) / num_tails + 1e-9)
    assert level <= 1 - excluded / (num + 1) <= level + num_tails / (num + 1)
    assert abs(shares.mean() - (1 - excluded / (num + 1))) < 4 * error


def test_each_tail_is_missed_as_often_as_the_other():
    draws, truth = wrong_posterior("shifted and too narrow", 0, 4000)
    calibration = ConformalCalibration().fit(draws[:2000], truth[:2000])
    lower, upper = calibration.intervals(draws[2000:], 0.8)
    for missed in (truth[2000:] < lower, truth[2000:] > upper):
        assert abs(missed.mean() - 0.1) < 4 * np.sqrt(0.09 * 2 / 2000)


def test_a_shift_is_repaired_by_moving_not_by_widening():
    draws, truth = wrong_posterior("shifted and too narrow", 0, 3000)
    widths = {}
    for tails in ("separate", "together"):
        calibration = ConformalCalibration(tails=tails).fit(draws[:2000], truth[:2000])
        lower, upper = calibration.intervals(draws[2000:], 0.95)
        widths[tails] = np.mean(upper - lower)
    assert widths["separate"] < 0.85 * widths["together"]


def test_groups_repair_what_is_wrong_in_one_of_them_only():
    rng = np.random.default_rng(5)
    groups = rng.choice(["air", "water"], 3000, p=[0.8, 0.2])
    draws, truth = wrong_posterior("exact", 6, 3000)
    draws = draws + np.where(groups == "water", 1.5, 0.0)[:, None, None] * draws.std(
        axis=1, keepdims=True
    )
    first, rest = slice(0, 1500), slice(1500, 3000)
    together = ConformalCalibration().fit(draws[first], truth[first])
    apart = ConformalCalibration().fit(draws[first], truth[first], groups[first])
    assert apart.groups_ == ("air", "water")
    assert apart.needed_.tolist() == [[False], [True]]
    is_water = groups[rest] == "water"
    for label, members in (("air", ~is_water), ("water", is_water)):
        some, hidden, given = draws[rest][members], truth[rest][members], groups[rest][members]
        num_fit, num_new = (groups[first] == label).sum(), len(given)
        error = np.sqrt(0.16 * (1 / num_fit + 1 / num_new))
        mixed = covered(together.intervals(some, 0.8), hidden)
        assert abs(mixed - 0.8) > 4 * error or label == "air"
        assert abs(covered(apart.intervals(some, 0.8, given), hidden) - 0.8) < 4 * error
        repaired = apart.apply(some, given)
        assert (label == "air") == np.array_equal(repaired, some)
        assert simulation_based_calibration(repaired, hidden).passed
    assert "in 1 of 2 groups" in str(apart.summary_)


def test_only_the_wrong_parameter_is_repaired():
    draws, truth = wrong_posterior("exact", 7, dim=3)
    draws[..., 1] += 0.5 * draws[..., 1].std(axis=1, keepdims=True)
    calibration = ConformalCalibration(names=["a", "b", "c"]).fit(draws, truth)
    assert calibration.needed_.tolist() == [[False, True, False]]
    assert str(calibration.summary_).startswith("Repaired `b`: the ")
    repaired = calibration.apply(draws)
    assert_array_equal(repaired[..., [0, 2]], draws[..., [0, 2]])
    assert (np.argsort(repaired[..., 1]) == np.argsort(draws[..., 1])).all()


def bounded(seed, num=1000):
    """A fraction and a mass whose posteriors are too narrow where they are unbounded."""
    draws, truth = wrong_posterior("too narrow", seed, num, 199, dim=2)
    to_bounded = [lambda x: 1 / (1 + np.exp(-x)), lambda x: 2 + np.exp(x / 2)]
    return tuple(
        np.stack([f(values[..., i]) for i, f in enumerate(to_bounded)], axis=-1)
        for values in (draws, truth)
    )


def test_nothing_repaired_leaves_the_bounds():
    calibration = ConformalCalibration(lower=[0, 2], upper=[1, np.inf]).fit(*bounded(0))
    draws, truth = bounded(1)
    repaired = calibration.apply(draws)
    lower, upper = calibration.intervals(draws, 0.95)
    for values in (repaired, lower, upper):
        assert (values[..., 0] >= 0).all()
        assert (values[..., 0] <= 1).all()
        assert (values[..., 1] >= 2).all()
    assert simulation_based_calibration(repaired[:300], truth[:300]).passed
    error = np.sqrt(0.05 * 0.95 * 2 / 1000)
    for i in range(2):
        assert abs(covered((lower[:, i], upper[:, i]), truth[:, i]) - 0.95) < 4 * error
    unbounded = ConformalCalibration().fit(*bounded(0)).apply(draws)
    assert (unbounded[..., 1] < 2).any()


def test_an_upper_bound_mirrors_a_lower_one():
    draws, truth = bounded(2, 300)
    below = ConformalCalibration(lower=[-np.inf, 2]).fit(draws, truth)
    above = ConformalCalibration(upper=[np.inf, -2]).fit(-draws, -truth)
    ends = below.intervals(draws, 0.8)
    mirrored = above.intervals(-draws, 0.8)
    assert_allclose(ends[0], -mirrored[1], rtol=1e-10)
    assert_allclose(ends[1], -mirrored[0], rtol=1e-10)


def test_units_do_not_matter():
    draws, truth = wrong_posterior("skewed truth", 8, 200)
    first = ConformalCalibration().fit(draws, truth)
    second = ConformalCalibration().fit(1e6 * draws - 3e6, 1e6 * truth - 3e6)
    assert_allclose(second.apply(1e6 * draws - 3e6), 1e6 * first.apply(draws) - 3e6, atol=1e-3)


def test_few_distinct_values_are_covered_at_least_as_often():
    rng = np.random.default_rng(9)
    draws, truth = rng.poisson(4, (3000, 200, 1)), rng.poisson(9, (3000, 1))
    calibration = ConformalCalibration().fit(draws[:1000], truth[:1000])
    for level in LEVELS:
        found = covered(calibration.intervals(draws[1000:], level), truth[1000:])
        assert found > level - 4 * np.sqrt(level * (1 - level) * (1 / 1000 + 1 / 2000))


def test_the_coverage_after_repair_is_cross_validated():
    """The map of 19 observations fits its own noise, and holds 95 % of them where it says 90 %."""
    repeats = 60
    after, on_fresh = np.empty((2, repeats, len(LEVELS)))
    for seed in range(repeats):
        calibration = ConformalCalibration(significance=1, levels=(0.5, 0.8, 0.9))
        calibration.fit(*wrong_posterior("too narrow", seed, 19))
        after[seed] = calibration.summary_.after[:, 0]
        draws, truth = wrong_posterior("too narrow", 1000 + seed, 100)
        rng = np.random.default_rng(seed)
        shares = central_shares(calibration.apply(draws), truth, rng, calibration.levels)
        on_fresh[seed] = shares
    difference = (after - on_fresh).mean(axis=0)
    error = np.sqrt((after.var(axis=0) + on_fresh.var(axis=0)) / repeats)
    assert (np.abs(difference) < 4 * error).all()


def test_blocks_of_observations_change_nothing(monkeypatch):
    draws, truth = wrong_posterior("too narrow", 10, 200, dim=2)
    groups = np.arange(200) < 80
    draws[groups] += 2.0

    def answers():
        calibration = ConformalCalibration().fit(draws, truth, groups)
        intervals = calibration.intervals(draws, 0.8, groups)
        return calibration.apply(draws, groups), *intervals, calibration.summary_.after

    whole = answers()
    # Three observations at a time.
    monkeypatch.setattr("retrodict.repair.arguments._NUMBERS_AT_ONCE", 600)
    for ours, theirs in zip(answers(), whole, strict=True):
        assert_array_equal(ours, theirs)


def test_it_is_a_scikit_learn_estimator():
    calibration = ConformalCalibration(levels=(0.9,), tails="together", lower=[0.0, 1.0])
    assert clone(calibration).get_params() == calibration.get_params()
    with pytest.raises(NotFittedError, match="ConformalCalibration has not learned"):
        calibration.apply(np.zeros((3, 99, 2)))


def test_the_summary_is_json():
    draws, truth = wrong_posterior("too narrow", 11, 500, dim=2)
    groups = np.arange(500) % 2
    summary = ConformalCalibration(names=["a", "b"]).fit(draws, truth, groups).summary_
    loaded = json.loads(json.dumps(summary.to_dict()))
    assert loaded["needed"] == {"0": {"a": True, "b": True}, "1": {"a": True, "b": True}}
    assert loaded["levels"] == [0.5, 0.8, 0.95]
    assert loaded["num_draws"] == 99
    # Truth N(0, 1), draws N(0, 1/4): 2 Phi(z / 2) - 1.
    exact = 2 * stats.norm.cdf(EXACT[:, 1] / 2) - 1
    assert_allclose(loaded["before"]["a"], exact, atol=4 * 0.5 / np.sqrt(500))
    assert_allclose(loaded["after"]["a"], LEVELS, atol=4 * 0.5 / np.sqrt(500))


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda d, t: (np.where(d > 9, np.nan, d), t), NonFiniteError, "`draws` holds"),
        (lambda d, t: (d, np.where(t > 3, np.inf, t)), NonFiniteError, "`truth` holds"),
        (lambda d, t: (d[0], t), ShapeError, "3 axes"),
        (lambda d, t: (d, t[:50]), ShapeError, r"need a `truth` of shape \(100, 2\)"),
        (lambda d, t: (d[:, :10], t), TooFewRowsError, "At least 16 posterior draws"),
        (lambda d, t: (d[:30], t[:30]), TooFewRowsError, "level of 0.95 needs at least 39 "),
        (lambda d, t: (d[:, :1] + 0 * d, t), ConstantColumnError, "`x1` have no width in 100"),
        (lambda d, t: (d, np.median(d, axis=1)), ConstantColumnError, "computed from the draws"),
    ],
    ids=["NaN", "inf", "axes", "rows", "few draws", "few rows", "constant", "truth from draws"],
)
def test_bad_calibration_data_are_refused(spoil, error, message):
    draws, truth = spoil(*wrong_posterior("exact", 12, 100, dim=2))
    with pytest.raises(error, match=message) as caught:
        ConformalCalibration().fit(draws, truth)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": [95]}, "strictly between 0 and 1; got 95"),
        ({"levels": []}, "must not be empty"),
        ({"tails": "both"}, "Unknown tails 'both'"),
        ({"significance": 0.0}, "must lie in"),
        ({"names": ["a"]}, "Expected 2 parameter names"),
        ({"lower": [0.0, 1.0, 2.0]}, "must be one number or 2"),
        ({"lower": 5.0, "upper": 4.0}, "must lie below its upper"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        ConformalCalibration(**settings).fit(*wrong_posterior("exact", 12, 100, dim=2))


def test_too_few_observations_are_refused_with_how_many_are_needed():
    draws, truth = wrong_posterior("exact", 13, 100)
    groups = np.repeat(["a", "b"], [80, 20])
    with pytest.raises(TooFewRowsError, match=r"needs at least 39 .* in each group; 1 of 2") as e:
        ConformalCalibration().fit(draws, truth, groups)
    assert "b (20)" in e.value.message
    assert "together" in e.value.hint
    calibration = ConformalCalibration(tails="together").fit(draws, truth, groups)
    with pytest.raises(TooFewRowsError, match=r"0\.99 needs at least 99 "):
        calibration.intervals(draws, 0.99, groups)


def test_new_draws_must_fit_the_calibration():
    draws, truth = wrong_posterior("exact", 14, 100, 199)
    calibration = ConformalCalibration(lower=-1e3).fit(draws, truth)
    with pytest.raises(ShapeError, match="the 1 parameters of the fit"):
        calibration.apply(np.concatenate([draws, draws], axis=2))
    with pytest.raises(TooFewRowsError, match="At least 199 posterior draws"):
        calibration.apply(draws[:, :20])
    with pytest.raises(OutOfBoundsError, match="beyond its bounds -1000 and inf"):
        calibration.apply(draws - 1e4)
    with pytest.raises(DataError, match="to neither; got them here only"):
        calibration.apply(draws, ["a"] * 100)
    grouped = ConformalCalibration().fit(draws, truth, ["a"] * 100)
    with pytest.raises(DataError, match="got them in `fit` only"):
        grouped.apply(draws)
    with pytest.raises(DataError, match="No calibration observation belongs to b"):
        grouped.apply(draws, ["a", "b"] * 50)
    with pytest.raises(ShapeError, match="one label for each of 100"):
        grouped.apply(draws, ["a"])
    with pytest.raises(NonFiniteError, match="1 of 100 labels"):
        ConformalCalibration().fit(draws, truth, [np.nan] + [1.0] * 99)
    with pytest.raises(DataError, match="all numbers or all texts"):
        ConformalCalibration().fit(draws, truth, np.array([1, "a"] * 50, dtype=object))
