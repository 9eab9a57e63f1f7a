"""Regions, draws from the prior inside them, and what tells when they cut too much."""

import jax
import numpy as np
import pandas as pd
import pytest
from gaussian_world import COVARIANCE, MEAN, OBSERVATION, PRIOR_SDS, Exact, observe, problem
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.errors import DataError
from retrodict.solvers.sequential import truncated_prior
from retrodict.solvers.sequential.region import NUM_DRAWS, Region, draws_of, inside_all
from retrodict.solvers.sequential.truncated_prior import (
    ShareKept,
    draw_from_truncated_prior,
    share_told_by,
)
from retrodict.solvers.sequential.truncation_check import TruncationCheck, held_out_coverage
from retrodict.solvers.sequential.walks import walk

TRUNCATION = 0.01
# What a round knows of the prior where it has to go by chains.
TINY_SHARE = ShareKept(1e-6, 0.1)
NOTHING = np.empty((0, 2))
KEY = jax.random.key(1)


@pytest.fixture(scope="module")
def region():
    sampler = Exact(OBSERVATION[None])
    return Region.of_highest_density(sampler, draws_of(sampler, jax.random.key(0)), TRUNCATION)


def distance(x):
    """Squared Mahalanobis distance to the posterior's mean."""
    off = x - MEAN
    return np.einsum("ni,ij,nj->n", off, np.linalg.inv(COVARIANCE), off)


@pytest.fixture(scope="module")
def posterior():
    return Exact(OBSERVATION[None]).sample(jax.random.key(7), 2_000)[0]


@pytest.fixture(scope="module")
def inside():
    """Draws of the prior inside the region, found by the formula of its ellipse."""
    x = np.random.default_rng(0).normal(size=(2_000_000, 2)) * PRIOR_SDS
    kept = distance(x) < stats.chi2.ppf(1 - TRUNCATION, 2)
    return x[kept], kept.mean()


def assert_same_moments(x, expected, num_independent):
    """First and second moments agree within four standard errors of so many draws."""
    off = expected - expected.mean(axis=0)
    for power in (1, 2):
        scale = np.std(off**power, axis=0) / np.sqrt(num_independent)
        found = np.mean((x - expected.mean(axis=0)) ** power, axis=0)
        assert (np.abs(found - np.mean(off**power, axis=0)) < 4 * scale).all()


def test_the_region_of_a_normal_is_its_ellipse(region):
    rng = np.random.default_rng(1)
    x = rng.multivariate_normal(MEAN, 4 * COVARIANCE, size=20_000)
    level = np.sqrt(distance(x)) / np.sqrt(stats.chi2.ppf(1 - TRUNCATION, 2))
    found = region.contains(x)
    # The threshold is a quantile of draws: at the very border it may err.
    assert found[level < 0.97].all()
    assert not found[level > 1.03].any()
    share = 1 - region.contains(Exact(OBSERVATION[None]).sample(jax.random.key(5), NUM_DRAWS)[0])
    assert abs(share.mean() - TRUNCATION) < 5 * np.sqrt(2 * TRUNCATION / NUM_DRAWS)


def test_regions_are_nested(region):
    wide = Region(Exact(OBSERVATION[None] + 0.3), region.threshold)
    x = np.random.default_rng(2).multivariate_normal(MEAN, 4 * COVARIANCE, size=3_000)
    expected = region.contains(x) & wide.contains(x)
    assert 0 < expected.sum() < min(region.contains(x).sum(), wide.contains(x).sum())
    assert (inside_all([wide, region], x) == expected).all()
    assert inside_all([], x).all()


def test_rejection_draws_from_the_truncated_prior(region, inside, posterior):
    expected, share = inside
    found = draw_from_truncated_prior(
        problem(), [region], NOTHING, posterior, ShareKept(), 2_000, KEY
    )
    assert found.drawn_by == "rejection"
    assert found.x.shape == (2_000, 2)
    assert_same_moments(found.x, expected, 2_000)
    assert abs(found.share - share) < 4 * found.share_se
    assert found.share_se < 0.05 * share


def test_chains_draw_from_the_truncated_prior(region, inside, posterior):
    expected, _ = inside
    # No more starts than chains share, ten at a time.
    starts = expected[:200]
    found = draw_from_truncated_prior(
        problem(), [region], starts, posterior, TINY_SHARE, 2_000, KEY
    )
    assert found.drawn_by == "chains"
    assert 0.1 < found.acceptance < 0.9
    assert region.contains(found.x).all()
    assert_same_moments(found.x, expected, 1_000)
    assert len(np.unique(found.x, axis=0)) > 1_980


@pytest.mark.parametrize("seed", range(3))
def test_chains_tell_how_much_of_the_prior_is_inside(region, inside, posterior, seed):
    expected, share = inside
    for known, starts in [(TINY_SHARE, expected[:200]), (ShareKept(share, 0.9), NOTHING)]:
        found = draw_from_truncated_prior(
            problem(), [region], starts, posterior, known, 1_000, jax.random.key(seed)
        )
        # Chains with the same start may still know of each other.
        assert abs(found.share - share) < 6 * found.share_se
        assert found.share_se < 0.06 * share


def test_what_is_known_better_than_by_chains_is_kept(region, inside, posterior):
    known = ShareKept(1e-6, 0.01)
    found = draw_from_truncated_prior(
        problem(), [region], inside[0][:200], posterior, known, 300, KEY
    )
    assert (found.share, found.share_se) == (known.share, pytest.approx(1e-8))


@pytest.mark.parametrize("factor", [1.0, 0.6])
def test_draws_tell_the_prior_inside_their_region(region, inside, factor):
    # By the formula of the ellipse, from draws that are independent; q may be any density.
    (x, share), mass = inside, 1 - TRUNCATION
    narrow = Region(Exact(OBSERVATION[None], factor), region.threshold)
    mass = stats.chi2.cdf(stats.chi2.ppf(mass, 2) / factor**2, 2)
    found = share_told_by(problem(), narrow, x, ShareKept(mass, 0.0))
    assert abs(found.share / share - 1) < 4 * found.relative_se
    assert found.relative_se < 0.05
    # Of several sets of draws, as far from each other as the standard error says.
    sets = [
        share_told_by(problem(), narrow, part, ShareKept(mass, 0.1)) for part in parts(x, 1_000)
    ]
    spread = np.std([told.share for told in sets]) / share
    claimed = np.median([np.sqrt(told.relative_se**2 - 0.1**2) for told in sets])
    assert abs(spread / claimed - 1) < 4 / np.sqrt(2 * len(sets))


def parts(x, size):
    return np.split(x[: len(x) // size * size], len(x) // size)


@pytest.mark.parametrize("num_earlier", [0, 19])
def test_chains_start_at_the_posterior_where_nothing_else_is_left(
    region, inside, posterior, num_earlier
):
    expected, _ = inside
    found = draw_from_truncated_prior(
        problem(), [region], expected[:num_earlier], posterior, TINY_SHARE, 2_000, KEY
    )
    assert found.drawn_by == "chains"
    assert region.contains(found.x).all()
    # The posterior is much narrower than the prior is inside the region.
    spread = expected.var(axis=0)
    assert (posterior.var(axis=0) < 0.6 * spread).all()
    assert_same_moments(found.x, expected, 1_000)


def test_enough_earlier_draws_need_no_others(region, inside, posterior, monkeypatch):
    starts = []

    def without_steps(log_prob, given, num, rng):
        starts.append(given)
        return given, 1.0

    monkeypatch.setattr(truncated_prior, "walk", without_steps)
    for num_earlier in (19, 20):
        draw_from_truncated_prior(
            problem(), [region], inside[0][:num_earlier], posterior, TINY_SHARE, 300, KEY
        )
    few, enough = starts
    assert len(few) == 19 + region.contains(posterior).sum()
    assert (enough == inside[0][:20]).all()


def test_the_posterior_of_an_odd_observation_is_no_start(region, posterior, monkeypatch):
    monkeypatch.setattr(truncated_prior, "_BLOCKS_AT_MOST", 0)
    with pytest.raises(DataError, match="Of 0 draws"):
        draw_from_truncated_prior(
            problem(), [region], NOTHING, posterior, TINY_SHARE, 300, KEY, is_odd=True
        )


def test_a_posterior_outside_the_prior_is_no_start(region, posterior, monkeypatch):
    monkeypatch.setattr(truncated_prior, "_BLOCKS_AT_MOST", 2)
    elsewhere = problem(prior={"slope": stats.uniform(50, 1), "offset": stats.uniform(50, 1)})
    with pytest.raises(DataError, match="Of 32,768 draws"):
        draw_from_truncated_prior(elsewhere, [region], NOTHING, posterior, TINY_SHARE, 300, KEY)


def test_chains_forget_where_they_started():
    """An asymmetric target, a gamma of shape 2, from starts that are all in its tail."""
    rng = np.random.default_rng(3)

    def log_prob(x):
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(x[:, 0] > 0, np.log(x[:, 0]) - x[:, 0], -np.inf)

    x, acceptance = walk(log_prob, rng.uniform(6, 8, (50, 1)), 3_000, rng, num_steps=150)
    assert 0.2 < acceptance < 0.9
    assert stats.kstest(x[:, 0], stats.gamma(2).cdf).statistic < 0.04


def test_one_step_leaves_the_target_as_it_is():
    rng = np.random.default_rng(4)
    target = stats.gamma(2)

    def log_prob(x):
        return target.logpdf(x[:, 0])

    x, _ = walk(log_prob, target.rvs(20_000, random_state=rng)[:, None], 20_000, rng, num_steps=1)
    assert stats.kstest(x[:, 0], target.cdf).pvalue > 0.01


def test_the_share_of_several_rounds_is_their_product():
    kept = ShareKept().times(500, 1_000).times(100, 400)
    assert_allclose(kept.share, 0.125)
    assert_allclose(kept.relative_se, np.sqrt(0.5 / 500 + 0.75 / 100))
    assert ShareKept().times(0, 400).share == 1 / 400


def test_an_observation_that_the_prior_hardly_allows_is_refused():
    sampler = Exact(np.array([[300.0, 300.0]]))
    region = Region(sampler, float(sampler.log_prob(sampler.mean[:, None])[0, 0]) - 10)
    draws = sampler.sample(KEY, 100)[0]
    with pytest.raises(DataError, match="hardly") as caught:
        draw_from_truncated_prior(
            problem(), [region], NOTHING, draws, ShareKept(), 300, KEY, is_odd=True
        )
    assert "units" in caught.value.hint


def coverage(width, seed, num=250):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num, 2)) * PRIOR_SDS
    return held_out_coverage(Exact(observe(x, rng), width), x, jax.random.key(seed))


@pytest.mark.parametrize("seed", range(5))
def test_exact_and_conservative_regions_cut_nothing_off(seed):
    exact, wide = coverage(1.0, seed), coverage(1.4, seed)
    assert exact.p_value > 0.01
    assert wide.p_value > 0.5
    assert wide.share_missed <= exact.share_missed
    assert exact.loss < wide.loss


@pytest.mark.parametrize("seed", range(5))
def test_overconfident_regions_are_seen(seed):
    found = coverage(0.7, seed)
    assert found.p_value < 1e-4
    # By the formula a region of 99 % then holds 1 - .01^.49 of the truth.
    assert abs(found.share_missed - 0.01**0.49) < 4 * np.sqrt(0.1 / 250)


def test_too_few_pairs_cannot_tell():
    found = coverage(0.7, 0, num=15)
    assert np.isnan(found.p_value)
    assert np.isfinite(found.loss)


def rounds(p_values, outside, missed=0.01):
    return pd.DataFrame(
        {
            "round": np.arange(len(p_values)) + 1,
            "share_missed": missed,
            "p_value": p_values,
            "share_outside": outside,
        }
    )


def test_a_check_passes_where_nothing_is_found():
    check = TruncationCheck.of(rounds([0.3, 0.02, 0.9], [0, 0.01, 0.02]))
    assert check.passed
    assert "Nothing speaks for" in str(check)
    assert check.to_dict()["passed"] is True


@pytest.mark.parametrize(
    ("p_values", "outside", "words"),
    [
        ([0.3, 1e-4, 0.5], [0, 0, 0], "network of round 2 is overconfident"),
        ([1e-4, 1e-4, 0.5], [0, 0, 0], "network of rounds 1, 2 is overconfident"),
        ([0.3, 0.4, 0.5], [0, 0, 0.2], "round 3 presses against the border of the region \\(20%"),
        ([0.3, np.nan, 0.5], [0, 0, 0], "round 2 held out too few"),
    ],
)
def test_a_check_names_what_is_wrong(p_values, outside, words):
    check = TruncationCheck.of(rounds(p_values, outside))
    assert not check.passed
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(str(check))


def test_a_check_counts_its_rounds():
    # One in a hundred of three rounds together, not of each.
    assert TruncationCheck.of(rounds([0.005, 0.3, 0.5], [0, 0, 0])).passed
    assert not TruncationCheck.of(rounds([0.005], [0])).passed
