"""Scaling is invertible, exact and decided by the data."""

import json

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from retrodict.solvers.scaling import Scaling, fit_scaling, transform_names
from retrodict.variables import Variable

PARAMETERS = (
    Variable("share", lower=-1.0, upper=3.0),
    Variable("rate", lower=0.0),
    Variable("length", lower=0.0),
    Variable("time"),
    Variable("slag", lower=0.0),
)


def rows(num=2000, seed=0):
    rng = np.random.default_rng(seed)
    x = np.column_stack(
        [
            rng.uniform(-1, 3, num),
            rng.lognormal(-3, 1.5, num),
            np.abs(rng.normal(20, 4, num)),
            1.6e9 + 10 * rng.normal(size=num),
            np.where(rng.uniform(size=num) < 0.5, 0.0, rng.gamma(4, 20, num)),
        ]
    )
    y = np.column_stack(
        [np.exp(x[:, 0] * 3 + rng.normal(size=num)), x[:, 2] + rng.normal(size=num)]
    )
    return x, y


@pytest.fixture(scope="module")
def fit():
    x, y = rows()
    scaling, spread = fit_scaling(x, y, PARAMETERS, np.random.default_rng(0))
    return scaling, spread, x, y


def test_each_column_gets_what_its_distribution_asks_for(fit):
    of_x, of_y = transform_names(fit[0])
    assert of_x[0] == "probit between the bounds"
    assert of_x[1] == "log of the distance to the bound"
    assert of_x[2].startswith("softplus")
    assert of_x[3] == "identity"
    assert "point mass" in of_x[4]
    assert of_y == ["log", "identity"]


def test_there_and_back_to_the_last_digits(fit):
    scaling, spread, x, y = fit
    u, c, _ = scaling.forward(spread, y)
    # A time of 1.6e9 with a spread of 10 would be lost in single precision.
    assert_allclose(scaling.inverse(u, c)[:, 3], x[:, 3], rtol=0, atol=1e-4)
    assert_allclose(scaling.inverse(u, c), x, rtol=1e-6, atol=1e-9)
    assert_allclose(c.mean(axis=0), 0, atol=1e-9)
    assert_allclose(c.std(axis=0), 1, rtol=1e-9)


def test_scaled_causes_are_white_and_unrelated_to_the_observation(fit):
    scaling, spread, _, y = fit
    u, c, _ = scaling.forward(spread, y)
    assert_allclose(np.cov(u.T), np.eye(5), atol=0.01)
    # No more than chance gives unrelated columns, to which the ridge leaves their chance.
    assert_allclose(u.T @ c / len(u), 0, atol=3 / np.sqrt(len(u)))


def test_the_log_determinant_is_that_of_the_jacobian(fit):
    scaling, spread, _, y = fit
    _, c, log_det = scaling.forward(spread[:5], y[:5])
    with jax.enable_x64(True):
        jacobian = jax.jit(jax.vmap(jax.jacfwd(scaling.of_x.forward)))
        jacobians = jacobian(jax.numpy.asarray(spread[:5]), c)
    assert_allclose(log_det, np.linalg.slogdet(np.asarray(jacobians)).logabsdet, rtol=1e-9)


def test_no_image_leaves_the_support(fit):
    scaling = fit[0]
    u = np.random.default_rng(1).normal(size=(500, 5)) * 1e3
    c = np.random.default_rng(2).normal(size=(500, 2))
    x = scaling.inverse(u, c)
    assert np.isfinite(x).all()
    for column, variable in zip(x.T, PARAMETERS, strict=True):
        assert (column >= variable.lower).all()
        assert (column <= variable.upper).all()
    assert (x[:, 4] == 0).any()


def test_a_uniform_cause_without_information_becomes_exactly_normal():
    rng = np.random.default_rng(5)
    x, y = rng.uniform(2, 7, (4000, 1)), rng.normal(size=(4000, 1))
    scaling, spread = fit_scaling(x, y, [Variable("a", lower=2, upper=7)], rng)
    u = scaling.forward(spread, y)[0]
    assert stats.kstest(u[:, 0], "norm").pvalue > 1e-3


def test_state_round_trip_through_json(fit):
    scaling, spread, _, y = fit
    settings, arrays = scaling.to_state()
    finite = json.loads(json.dumps(settings))
    again = Scaling.from_state(finite, arrays)
    for ours, theirs in zip(scaling.forward(spread, y), again.forward(spread, y), strict=True):
        assert_array_equal(ours, theirs)
