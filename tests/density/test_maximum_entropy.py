"""Maximum entropy where the answer is known: the normal and the Dirichlet."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats

from retrodict.density import MaximumEntropy
from retrodict.errors import (
    ConfigurationError,
    ConvergenceError,
    NonFiniteError,
    NotFittedError,
    ShapeError,
)
from retrodict.flows import RealNVP, SplineCoupling

SMALL = {"num_draws": 20_000, "batch_size": 256, "steps_per_round": 300, "tolerance": 0.02}
MEAN = np.array([100.0, -2.0])
COVARIANCE = np.array([[400.0, 6.0], [6.0, 0.5]])
ALPHA = np.array([2.0, 3.0, 1.5])


def centred_moments(x):
    """Mean and second moments about the wanted mean."""
    y = x - MEAN.astype(np.float32)
    return jnp.stack([x[0], x[1], y[0] ** 2, y[0] * y[1], y[1] ** 2])


@pytest.fixture(scope="module")
def normal():
    values = [*MEAN, COVARIANCE[0, 0], COVARIANCE[0, 1], COVARIANCE[1, 1]]
    flow = RealNVP(num_layers=4, width=16, depth=1)
    return MaximumEntropy(centred_moments, values, 2, flow=flow, **SMALL).fit()


@pytest.fixture(scope="module")
def dirichlet():
    values = special.digamma(ALPHA) - special.digamma(ALPHA.sum())
    flow = SplineCoupling(num_layers=2, width=16, depth=1)
    return MaximumEntropy(jnp.log, values, 3, support="simplex", flow=flow, **SMALL).fit()


def test_mean_and_covariance_give_the_normal(normal):
    exact = stats.multivariate_normal(MEAN, COVARIANCE)
    assert normal.converged_
    assert abs(normal.entropy_ - exact.entropy()) < 4 * normal.entropy_error_ + 0.03
    x = normal.sample(20_000, random_state=5)
    difference = normal.log_prob(x) - exact.logpdf(x)
    error = difference.std() / np.sqrt(len(x))
    assert -4 * error < difference.mean() < 0.03
    # The mean of log q over draws of q is minus the entropy: density and draws belong together.
    assert abs(normal.log_prob(x).mean() + normal.entropy_) < 5 * normal.entropy_error_
    precision = np.linalg.inv(COVARIANCE)
    eta = [0, 0, -precision[0, 0] / 2, -precision[0, 1], -precision[1, 1] / 2]
    scores = (normal.natural_parameters_ - eta) / normal.natural_parameters_error_
    assert (np.abs(scores) < 4.5).all()


def test_mean_logarithms_on_the_simplex_give_the_dirichlet(dirichlet):
    exact = stats.dirichlet(ALPHA)
    assert dirichlet.converged_
    assert abs(dirichlet.entropy_ - exact.entropy()) < 4 * dirichlet.entropy_error_ + 0.03
    x = dirichlet.sample(20_000, random_state=5)
    assert x.shape == (20_000, 3)
    x = x / x.sum(axis=1, keepdims=True)
    difference = dirichlet.log_prob(x) - exact.logpdf(x.T)
    error = difference.std() / np.sqrt(len(x))
    assert -4 * error < difference.mean() < 0.03
    scores = (dirichlet.natural_parameters_ - (ALPHA - 1)) / dirichlet.natural_parameters_error_
    assert (np.abs(scores) < 4.5).all()
    assert (dirichlet.natural_parameters_error_ < 0.1).all()


def test_multipliers_are_minus_the_natural_parameters(dirichlet):
    """Up to the noise of training, in units in which T has covariance one."""
    log_x = np.log(np.random.default_rng(0).dirichlet(ALPHA, 10_000))
    difference = np.linalg.cholesky(np.cov(log_x.T)).T @ (dirichlet.multipliers_ + ALPHA - 1)
    assert np.linalg.norm(difference) < 0.3
    assert (dirichlet.multipliers_ < 0).all()


def test_the_tables_say_what_was_reached(dirichlet):
    moments = dirichlet.moments_
    assert list(moments) == ["wanted", "achieved", "standard_error", "miss_in_sds", "multiplier"]
    assert (moments["miss_in_sds"] <= 0.02 + 2 / np.sqrt(20_000)).all()
    draws = np.log(dirichlet.sample(20_000, random_state=9))
    errors = 5 * np.hypot(moments["standard_error"], draws.std(axis=0) / np.sqrt(len(draws)))
    assert (np.abs(draws.mean(axis=0) - moments["achieved"]) < errors).all()
    assert len(dirichlet.history_) >= 2
    assert 0 <= dirichlet.entropy_gap_ < 0.05


def test_draws_and_densities_have_a_fixed_meaning(normal):
    first = normal.sample(10)
    assert_allclose(normal.sample(20)[:10], first)
    assert not np.allclose(normal.sample(10, random_state=1), first)
    assert_allclose(normal.score_samples(first), normal.log_prob(first))


def test_rows_off_the_support_are_told_apart(dirichlet):
    assert dirichlet.log_prob([[0.5, 0.7, -0.2]])[0] == -np.inf
    with pytest.raises(ShapeError, match=r"sums to 1\.5"):
        dirichlet.log_prob([[0.5, 0.5, 0.5]])
    with pytest.raises(ShapeError, match=r"rows of 3 numbers; got shape \(3,\)"):
        dirichlet.log_prob([0.2, 0.3, 0.5])
    with pytest.raises(NonFiniteError, match="1 of 2 rows"):
        dirichlet.log_prob([[0.2, 0.3, 0.5], [np.nan, 0.3, 0.5]])


QUICK = {"flow": SplineCoupling(num_layers=2, width=8, depth=1, num_bins=4), **SMALL}
QUICK |= {"num_draws": 2000, "steps_per_round": 100, "max_rounds": 3}


@pytest.mark.parametrize(
    ("values", "message"),
    [([1.0, 0.5], "where (1|0.5) is wanted"), ([1.0, np.nan], "must be finite")],
    ids=["variance below zero", "not a number"],
)
def test_moments_that_no_density_has(values, message):
    estimator = MaximumEntropy(lambda x: jnp.concatenate([x, x**2]), values, 1, **QUICK)
    with pytest.raises((ConvergenceError, NonFiniteError), match=message):
        estimator.fit()
    if np.isfinite(values).all():
        assert not estimator.converged_
        assert np.isnan(estimator.natural_parameters_).all()
        assert estimator.moments_["miss_in_sds"].max() > 1


def test_an_entropy_without_maximum_is_reported():
    estimator = MaximumEntropy(lambda x: x, [3.0], 1, **(QUICK | {"tolerance": 0.1}))
    with pytest.raises(ConvergenceError, match="the entropy still moves"):
        estimator.fit()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"moments": jnp.sum}, ShapeError, r"\(1,\); got shape \(\)"),
        ({"moments": jnp.log}, NonFiniteError, "not finite inside the support"),
        ({"moments": jnp.ones_like}, ConfigurationError, "do not depend on x"),
        ({"batch_size": 1}, ConfigurationError, "`batch_size`"),
        ({"tolerance": 0.0}, ConfigurationError, "`tolerance`"),
        ({"flow": "no-such-flow"}, ConfigurationError, "no-such-flow"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, error, message):
    chosen = {"moments": lambda x: x, "values": [1.0], "dim": 1} | settings
    with pytest.raises(error, match=message):
        MaximumEntropy(**chosen).fit()


def test_nothing_before_fit():
    estimator = MaximumEntropy(lambda x: x, [1.0], 1)
    with pytest.raises(NotFittedError):
        estimator.sample(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert estimator.get_params()["dim"] == 1
