"""Mixtures of normals against SciPy, quadrature and their own draws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.integrate import quad

from retrodict.variational.predictive import ClassUncertainty, NormalMixture, NumberUncertainty


@pytest.fixture(scope="module")
def mixture():
    """Three components, two rows, two targets; one of them far from the others."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(3, 2, 2))
    means[0, 0, 0] += 30
    return NormalMixture(
        means, np.exp(rng.normal(-1, 0.5, means.shape)), np.exp(rng.normal(-1, 0.5, means.shape))
    )


def density(mixture, row, target):
    sds = np.hypot(mixture.epistemic_sds, mixture.noise_sds)
    return lambda y: np.mean(stats.norm.pdf(y, mixture.means[:, row, target], sds[:, row, target]))


def test_moments_are_those_of_the_density(mixture):
    for row, target in np.ndindex(2, 2):
        p = density(mixture, row, target)
        centre = mixture.means[:, row, target]
        inside = {"points": centre.tolist(), "limit": 500}
        ends = centre.min() - 20, centre.max() + 20
        mean = quad(lambda y, p=p: y * p(y), *ends, **inside)[0]
        variance = quad(lambda y, p=p, m=mean: (y - m) ** 2 * p(y), *ends, **inside)[0]
        assert_allclose(mixture.mean[row, target], mean, rtol=1e-6)
        assert_allclose(mixture.sd[row, target], np.sqrt(variance), rtol=1e-6)


def test_the_parts_are_what_is_left_without_the_other(mixture):
    certain = NormalMixture(
        np.repeat(mixture.mean[None], 3, axis=0), 0 * mixture.means, mixture.noise_sds
    )
    assert_allclose(certain.epistemic_sd, 0, atol=1e-12)
    assert_allclose(certain.sd, mixture.aleatoric_sd)
    exact = NormalMixture(mixture.means, mixture.epistemic_sds, 0 * mixture.means)
    assert_allclose(exact.aleatoric_sd, 0)
    assert_allclose(exact.sd, mixture.epistemic_sd)
    assert_allclose(mixture.sd**2, mixture.epistemic_sd**2 + mixture.aleatoric_sd**2, rtol=1e-12)


def test_quantiles_have_the_probabilities_they_are_asked_for(mixture):
    levels = np.array([1e-4, 0.05, 0.33, 0.5, 0.9, 0.999])
    found = mixture.quantiles(levels)
    assert found.shape == (2, 2, 6)
    sds = np.hypot(mixture.epistemic_sds, mixture.noise_sds)
    below = stats.norm.cdf(found, mixture.means[..., None], sds[..., None]).mean(axis=0)
    assert_allclose(below, np.broadcast_to(levels, below.shape), rtol=1e-6)
    assert (np.diff(found, axis=-1) > 0).all()


def test_quantiles_of_one_normal_are_its_own():
    one = NormalMixture(np.full((1, 1, 1), 5.0), np.zeros((1, 1, 1)), np.full((1, 1, 1), 2.0))
    levels = np.array([0.1, 0.5, 0.975])
    assert_allclose(one.quantiles(levels)[0, 0], stats.norm.ppf(levels, 5, 2), rtol=1e-9)


def test_the_density_of_all_targets_together(mixture):
    y = mixture.means[1] + 0.3
    sds = np.hypot(mixture.epistemic_sds, mixture.noise_sds)
    each = stats.norm.pdf(y, mixture.means, sds).prod(axis=-1)
    assert_allclose(mixture.log_prob(y), np.log(each.mean(axis=0)))
    # Far out, where every density is zero as a number.
    assert np.isfinite(mixture.log_prob(y + 1e4)).all()


def test_draws_are_from_the_mixture_and_share_their_component(mixture):
    draws = mixture.draws(30_000, np.random.default_rng(1))
    assert draws.shape == (2, 30_000, 2)
    error = mixture.sd / np.sqrt(30_000)
    assert (np.abs(draws.mean(axis=1) - mixture.mean) < 4 * error).all()
    assert_allclose(draws.std(axis=1), mixture.sd, rtol=0.03)
    # The far component is one of three, and its draws are far in no other way.
    assert_allclose((draws[0, :, 0] > 20).mean(), 1 / 3, atol=1e-4)
    of_far = draws[0, draws[0, :, 0] > 20, 1].mean()
    assert abs(of_far - mixture.means[0, 0, 1]) < 4 * mixture.sd[0, 1] / np.sqrt(10_000)


def test_two_uncertainties_add_up():
    numbers = NumberUncertainty(np.zeros(2), np.array([3.0, 0.0]), np.array([4.0, 1.0]))
    assert_allclose(numbers.sd, [5, 1])
    classes = ClassUncertainty(np.array([0.7, 0.1]), np.array([0.2, 0.1 + 1e-17]))
    assert_allclose(classes.epistemic, [0.5, 0])
