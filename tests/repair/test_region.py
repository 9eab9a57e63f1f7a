"""Joint regions that hold the truth as often as they say."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.spatial.distance import mahalanobis
from sklearn.base import clone
from wrong_posteriors import LEVELS, wrong_posterior

from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    DataError,
    NonFiniteError,
    NotFittedError,
    ShapeError,
    TooFewRowsError,
)
from retrodict.repair import ConformalRegion
from retrodict.repair.mahalanobis import mahalanobis_distances

MIXED = np.array([[1.0, 0.9, 0.0], [0.0, 0.4, 100.0], [0.2, 0.0, 30.0]])


def correlated(case, seed, num, num_draws=99):
    draws, truth = wrong_posterior(case, seed, num, num_draws, dim=3)
    return draws @ MIXED, truth @ MIXED


@pytest.mark.parametrize(
    "case", ["exact", "too narrow", "too wide", "shifted", "skewed truth", "heavy-tailed truth"]
)
def test_regions_hold_what_they_say(case):
    repeats, num = 4, 800
    shares = np.zeros((repeats, len(LEVELS)))
    for seed in range(repeats):
        region = ConformalRegion().fit(*correlated(case, seed, num))
        draws, truth = correlated(case, 100 + seed, num)
        shares[seed] = [region.contains(draws, truth, level).mean() for level in LEVELS]
    error = np.sqrt(np.multiply(LEVELS, np.subtract(1, LEVELS)) * 2 / num)
    assert (np.abs(shares - LEVELS) < 4 * error).all()
    assert (np.abs(shares.mean(axis=0) - LEVELS) < 4 * error / np.sqrt(repeats)).all()


@pytest.mark.parametrize(("num", "level"), [(19, 0.95), (39, 0.95), (30, 0.75)])
def test_the_guarantee_holds_with_few_observations(num, level):
    repeats, fresh = 40, 100
    region = ConformalRegion(levels=[level])
    shares = np.empty(repeats)
    for seed in range(repeats):
        draws, truth = correlated("too narrow", seed, num + fresh, 20)
        region.fit(draws[:num], truth[:num])
        shares[seed] = region.contains(draws[num:], truth[num:], level).mean()
    exact = np.ceil((num + 1) * level - 1e-9) / (num + 1)
    assert level <= exact <= level + 1 / (num + 1)
    assert abs(shares.mean() - exact) < 4 * shares.std(ddof=1) / np.sqrt(repeats)


def test_the_distance_is_that_of_scipy():
    draws, truth = correlated("skewed truth", 0, 5)
    points = np.stack([truth, truth + 1.5], axis=1)
    found = mahalanobis_distances(draws, points)
    for row, centre, own in zip(found, points, draws, strict=True):
        inverse = np.linalg.inv(np.cov(own.T))
        expected = [mahalanobis(point, own.mean(axis=0), inverse) for point in centre]
        assert_allclose(row, expected, rtol=1e-8)


def test_the_threshold_of_a_normal_posterior_is_known():
    """Truth N(0, 1), draws N(0, 1/4) in three dimensions: twice the root of a chi-squared."""
    rng = np.random.default_rng(2)
    truth, draws = rng.normal(size=(3000, 3)), 0.5 * rng.normal(size=(3000, 400, 3))
    region = ConformalRegion().fit(draws, truth)
    expected = 2 * np.sqrt(stats.chi2(3).ppf(LEVELS))
    # Means and covariances of 400 draws: distances are larger by about 1 %.
    assert_allclose(np.ravel([region.thresholds(q) for q in LEVELS]), expected, rtol=0.04)
    before = stats.chi2(3).cdf(stats.chi2(3).ppf(LEVELS) / 4)
    assert_allclose(region.summary_.before, before, atol=4 * 0.5 / np.sqrt(3000))
    assert_allclose(region.summary_.after, LEVELS, atol=4 * 0.5 / np.sqrt(3000))


def test_several_points_of_each_observation():
    draws, truth = correlated("exact", 3, 100)
    region = ConformalRegion().fit(draws, truth)
    both = region.contains(draws, np.stack([truth, truth + 1e4], axis=1), 0.8)
    assert_array_equal(both[:, 0], region.contains(draws, truth, 0.8))
    assert not both[:, 1].any()
    inner, outer = region.contains(draws, truth, 0.5), region.contains(draws, truth, 0.95)
    assert (inner <= outer).all()
    assert inner.sum() < outer.sum()


def test_groups_have_thresholds_of_their_own():
    draws, truth = correlated("exact", 4, 2000)
    groups = np.arange(2000) % 4
    mean = draws.mean(axis=1)
    truth = np.where((groups == 3)[:, None], mean + 3 * (truth - mean), truth)
    region = ConformalRegion().fit(draws[:1000], truth[:1000], groups[:1000])
    assert region.groups_ == (0, 1, 2, 3)
    assert region.thresholds(0.8)[3] > 2 * region.thresholds(0.8)[:3].max()
    inside = region.contains(draws[1000:], truth[1000:], 0.8, groups[1000:])
    for group in range(4):
        share = inside[groups[1000:] == group].mean()
        assert abs(share - 0.8) < 4 * np.sqrt(0.16 * 2 / 250)
    with pytest.raises(DataError, match="No calibration observation belongs to 4"):
        region.contains(draws, truth, 0.8, groups + 1)


def two_modes(seed, num, num_draws=199):
    """x = +-2 w + N(0, 1) w, where the posterior has half the deviation, and its log-density."""
    rng = np.random.default_rng(seed)
    width = np.exp(rng.normal(size=(num, 1)))

    def drawn(deviation, size):
        return width * (rng.choice([-2, 2], size) + deviation * rng.normal(size=size))

    def surprise(x):
        parts = [stats.norm.logpdf(x / width, centre, 0.5) for centre in (-2, 2)]
        return -np.logaddexp(*parts) + np.log(width)

    truth, draws = drawn(1.0, (num, 1)), drawn(0.5, (num, num_draws))
    middle = surprise(np.zeros((num, 1)))[:, 0]
    return surprise(truth)[:, 0], surprise(draws), middle


def test_a_score_of_your_own_gives_regions_of_any_shape():
    scores, of_draws, _ = two_modes(5, 1000)
    region = ConformalRegion().fit_scores(scores, of_draws)
    # What the modes hold within half the width that they should have.
    half = stats.norm.ppf((1 + np.array(LEVELS)) / 2) / 2
    assert_allclose(region.summary_.before, 2 * stats.norm.cdf(half) - 1, atol=0.08)
    fresh, of_fresh, middle = two_modes(6, 1000)
    for level in LEVELS:
        share = region.contains_scores(fresh, level, of_fresh).mean()
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) * 2 / 1000)
    # Between the two modes lies the mean of the draws, and nothing that is plausible.
    assert not region.contains_scores(middle, 0.5, of_fresh).any()


def test_scores_need_not_be_of_one_scale():
    scores, of_draws, _ = two_modes(11, 200)
    factor = np.exp(np.random.default_rng(0).normal(size=200))
    plain = ConformalRegion().fit_scores(scores, of_draws)
    scaled = ConformalRegion().fit_scores(factor * scores + 3, factor[:, None] * of_draws + 3)
    assert_allclose(scaled.thresholds(0.8), plain.thresholds(0.8), rtol=1e-10)


def test_scores_without_those_of_draws():
    rng = np.random.default_rng(7)
    scores = rng.exponential(size=99)
    region = ConformalRegion().fit_scores(scores)
    assert region.thresholds(0.9) == np.sort(scores)[89]
    assert region.summary_.before is None
    assert region.contains_scores([0.0, 50.0], 0.9).tolist() == [True, False]
    assert json.loads(json.dumps(region.summary_.to_dict()))["before"] is None


def test_what_too_few_observations_cannot_cross_validate_is_said():
    region = ConformalRegion().fit(*correlated("exact", 8, 19))
    assert np.isnan(region.summary_.after).tolist() == [False, False, True]
    assert "too few to cross-validate" in str(region.summary_)
    assert json.loads(json.dumps(region.summary_.to_dict()))["after"][2] is None
    assert "held it in" in str(ConformalRegion().fit(*correlated("too narrow", 8, 200)).summary_)


def test_the_coverage_after_calibration_is_cross_validated():
    """Of the calibration observations themselves 16 of 19 would be inside, always."""
    region = ConformalRegion(levels=[0.8])
    after = [region.fit(*correlated("exact", seed, 19)).summary_.after[0] for seed in range(40)]
    # Thresholds of 15 others hold 13/16, those of 16 others 14/17.
    assert np.std(after) > 0.03
    assert abs(np.mean(after) - 0.815) < 4 * np.std(after) / np.sqrt(40)


def test_it_is_a_scikit_learn_estimator():
    assert clone(ConformalRegion(levels=(0.9,))).get_params()["levels"] == (0.9,)
    with pytest.raises(NotFittedError, match="ConformalRegion has not learned"):
        ConformalRegion().thresholds(0.9)


def test_what_does_not_fit_is_refused():
    draws, truth = correlated("exact", 9, 100)
    region = ConformalRegion()
    with pytest.raises(TooFewRowsError, match=r"level of 0\.95 needs at least 19 .*; got 18"):
        region.fit(draws[:18], truth[:18])
    with pytest.raises(TooFewRowsError, match="At least 16 posterior draws"):
        region.fit(draws[:, :15], truth)
    with pytest.raises(TooFewRowsError, match="At least 45 posterior draws"):
        region.fit(np.tile(draws[:, :40], 3), np.tile(truth, 3))
    with pytest.raises(ConstantColumnError, match="do not vary in all directions; first in row 7"):
        region.fit(np.where(np.arange(100)[:, None, None] == 7, draws[..., :1], draws), truth)
    with pytest.raises(ConstantColumnError, match="first in row 3"):
        region.fit(np.where(np.arange(100)[:, None, None] == 3, 1.0, draws), truth)
    with pytest.raises(NonFiniteError, match="`draws` holds"):
        region.fit(np.where(draws > 0, np.nan, draws), truth)
    with pytest.raises(ConfigurationError, match="strictly between 0 and 1"):
        ConformalRegion(levels=[1.0]).fit(draws, truth)
    with pytest.raises(ConfigurationError, match="must not be empty"):
        ConformalRegion(levels=[]).fit(draws, truth)
    region.fit(draws, truth)
    with pytest.raises(ShapeError, match=r"must have shape \(100, 3\)"):
        region.contains(draws, truth[:, :2], 0.5)
    with pytest.raises(ConfigurationError, match="fitted to draws and causes"):
        region.contains_scores(truth[:, 0], 0.5)
    with pytest.raises(TooFewRowsError, match=r"level of 0\.999 needs at least 999"):
        region.contains(draws, truth, 0.999)


def test_scores_that_do_not_fit_are_refused():
    scores, of_draws, _ = two_modes(10, 100)
    with pytest.raises(ShapeError, match="a row for each of 100"):
        ConformalRegion().fit_scores(scores, of_draws[:50])
    with pytest.raises(ConstantColumnError, match="mostly equal in 100 of 100"):
        ConformalRegion().fit_scores(scores, 0 * of_draws)
    region = ConformalRegion().fit_scores(scores, of_draws)
    with pytest.raises(ConfigurationError, match="got them in the first only"):
        region.contains_scores(scores, 0.5)
    with pytest.raises(ConfigurationError, match="fitted to scores of your own"):
        region.contains(np.zeros((3, 20, 1)), np.zeros((3, 1)), 0.5)
