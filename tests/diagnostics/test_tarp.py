import json
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare

from retrodict.diagnostics import simulation_based_calibration, tarp
from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    NonFiniteError,
    ShapeError,
    TooFewRowsError,
)


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_exact_posterior_passes(gaussian_posterior, dim, seed):
    result = tarp(*gaussian_posterior(seed, dim=dim))
    assert result.passed
    assert result.finding == ""
    assert "as often as the draws, as far as 300 observations" in str(result)


@pytest.mark.parametrize("seed", range(3))
def test_wrong_posterior_is_rejected_and_described(gaussian_posterior, lie, seed):
    result = tarp(*gaussian_posterior(seed, **lie), seed=seed)
    assert not result.passed
    assert result.finding == ("too wide" if lie.get("width") == 1.4 else "too narrow or biased")
    assert result.finding in str(result)


def test_correlation_alone_is_seen():
    # Both marginals are exact, so that calibration per parameter passes.
    rng = np.random.default_rng(0)
    draws, truth = rng.normal(size=(300, 99, 2)), rng.normal(size=(300, 2))
    truth[:, 1] = 0.7 * truth[:, 0] + np.sqrt(1 - 0.49) * truth[:, 1]
    assert simulation_based_calibration(draws, truth).passed
    corner = np.full_like(truth, 3.0)
    assert not tarp(draws, truth, references=corner).passed
    assert tarp(draws, rng.normal(size=(300, 2)), references=corner).passed


@pytest.mark.parametrize("seed", range(3))
def test_the_prior_is_told_only_by_references_that_depend_on_the_observation(seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(400, 2))
    observed = truth + 0.5 * rng.normal(size=truth.shape)
    draws = rng.normal(size=(400, 99, 2))
    assert tarp(draws, truth, seed=seed).passed
    assert not tarp(draws, truth, references=observed).passed
    exact = 0.8 * observed[:, None] + np.sqrt(0.2) * draws
    assert tarp(exact, truth, references=observed).passed


def test_seen_from_far_away_ranks_are_those_of_calibration(gaussian_posterior):
    draws, truth = gaussian_posterior(1, dim=1)
    result = tarp(draws, truth, references=np.full_like(truth, -1e3))
    assert_array_equal(result.ranks, simulation_based_calibration(draws, truth).ranks[:, 0])


def test_ranks_are_those_of_a_loop(gaussian_posterior):
    draws, truth = gaussian_posterior(2, num_observations=30, dim=3)
    result = tarp(draws * [1, 10, 100], truth * [1, 10, 100])
    for i in range(30):
        others = np.delete(truth, i, axis=0)
        scale = others.std(axis=0, ddof=1)
        point = result.references[i] / [1, 10, 100]
        assert ((others.min(axis=0) <= point) & (point <= others.max(axis=0))).all()
        nearer = np.linalg.norm((draws[i] - point) / scale, axis=1) < np.linalg.norm(
            (truth[i] - point) / scale
        )
        assert result.ranks[i] == nearer.sum()


def test_units_do_not_matter(gaussian_posterior):
    draws, truth = gaussian_posterior(3)
    result, other = tarp(draws, truth), tarp(draws * [1e3, 2] + [5, -7], truth * [1e3, 2] + [5, -7])
    assert_array_equal(result.ranks, other.ranks)
    assert_allclose(other.references, result.references * [1e3, 2] + [5, -7])


def test_blocks_change_nothing(gaussian_posterior, monkeypatch):
    draws, truth = gaussian_posterior(4, num_observations=37)
    whole = tarp(draws, truth)
    monkeypatch.setattr(sys.modules[tarp.__module__], "BLOCK_ELEMENTS", 1000)
    assert_array_equal(tarp(draws, truth).ranks, whole.ranks)


def test_few_observations_of_many_parameters_are_ranked_fairly():
    # Each truth is extreme in some parameter: a box that it spans itself would draw near to it.
    rng = np.random.default_rng(5)
    ranks = np.concatenate(
        [
            tarp(rng.normal(size=(20, 20, 8)), rng.normal(size=(20, 8)), seed=i).ranks
            for i in range(60)
        ]
    )
    assert chisquare(np.bincount(ranks, minlength=21)).pvalue > 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_ties_are_broken_fairly(seed):
    rng = np.random.default_rng(seed)
    draws, truth = rng.poisson(0.5, size=(400, 60, 2)), rng.poisson(0.5, size=(400, 2))
    assert tarp(draws, truth, seed=seed).passed
    assert not tarp(draws, truth + 1, seed=seed).passed


def test_dictionary_is_json(gaussian_posterior):
    loaded = json.loads(json.dumps(tarp(*gaussian_posterior(5, width=0.5)).to_dict()))
    assert loaded["passed"] is False
    assert loaded["spread"] > 1.2
    assert loaded["num_observations"] == 300


def test_senseless_arguments_are_refused(gaussian_posterior):
    draws, truth = gaussian_posterior(6, num_observations=30)
    with pytest.raises(ConfigurationError, match="'middle'"):
        tarp(draws, truth, references="middle")
    with pytest.raises(ShapeError, match=r"\(30, 2\) of `truth`; got \(29, 2\)"):
        tarp(draws, truth, references=truth[:-1])
    with pytest.raises(NonFiniteError, match="references"):
        tarp(draws, truth, references=truth * np.nan)
    with pytest.raises(TooFewRowsError, match="got 19"):
        tarp(draws[:19], truth[:19])
    truth[1:, 1] = 3.0
    with pytest.raises(ConstantColumnError, match=r"\[1\].*all but one"):
        tarp(draws, truth)
