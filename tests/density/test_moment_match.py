"""Certificates of a density, on draws whose answer is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.density.evaluation import Draws
from retrodict.density.moment_match import match, natural_parameters

NUM = 40_000


def draws(distribution, seed=0):
    """Moments x and x^2 of draws of a distribution of SciPy."""
    x = distribution.rvs(size=NUM, random_state=seed)
    return Draws(x[:, None], np.stack([x, x**2], axis=1), distribution.logpdf(x))


def test_a_normal_has_nothing_left():
    normal = stats.norm(1.0, 2.0)
    found = match(draws(normal), np.array([1.0, 5.0]))
    assert found.is_met(0.01)
    assert abs(found.entropy - normal.entropy()) < 4 * found.entropy_error
    assert_allclose(found.entropy_gap, 0, atol=1e-9)
    assert found.distance < 5 * np.sqrt(2 / NUM)


@pytest.mark.parametrize("distribution", [stats.laplace(1.0, 1.0), stats.logistic(1.0, 1.0)])
def test_the_gap_is_the_entropy_that_is_missing(distribution):
    """To the normal of the same variance, which has the largest entropy there is."""
    found = match(draws(distribution), np.array([1.0, 1 + distribution.var()]))
    largest = stats.norm(1.0, distribution.std()).entropy()
    missing = largest - distribution.entropy()
    assert missing > 0.01
    # Least squares of log q finds a family member near the best one, so the bound is not tight.
    assert 0.9 * missing < found.entropy_gap < 3 * missing


@pytest.mark.parametrize("seed", range(3))
def test_natural_parameters_do_not_depend_on_what_was_sampled(seed):
    """eta of N(1, 2^2) from draws of other distributions, within its standard errors."""
    exact = np.array([0.25, -0.125])
    for proposal in (stats.norm(0.5, 2.5), stats.t(5, 1.0, 2.0)):
        eta, errors = natural_parameters(draws(proposal, seed), np.array([1.0, 5.0]))
        assert (np.abs(eta - exact) < 4.5 * errors).all()
        assert (errors < 0.02).all()


def test_moments_of_no_density_have_no_natural_parameters():
    eta, errors = natural_parameters(draws(stats.norm(1.0, 1.0)), np.array([1.0, 0.5]))
    assert np.isnan(eta).all()
    assert np.isnan(errors).all()


def test_moments_that_say_the_same_count_once():
    one = draws(stats.norm(1.0, 2.0))
    twice = one._replace(moments=np.concatenate([one.moments, 3 * one.moments[:, :1]], axis=1))
    first = match(one, np.array([1.1, 5.0]))
    second = match(twice, np.array([1.1, 5.0, 3.3]))
    assert_allclose(second.distance, first.distance, rtol=1e-6)
    eta, _ = natural_parameters(twice, np.array([1.0, 5.0, 3.0]))
    assert_allclose(eta[0] + 3 * eta[2], 0.25, atol=0.02)


def test_a_miss_is_measured_in_standard_deviations():
    found = match(draws(stats.norm(1.0, 2.0)), np.array([1.2, 5.0]))
    assert_allclose(found.misses[0], 0.1, atol=0.02)
    assert not found.is_met(0.02)
    assert found.is_met(0.15)
