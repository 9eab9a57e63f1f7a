"""Posteriors by flow matching."""

import copy
import dataclasses

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import retrodict
from retrodict.bijections import without_throw
from retrodict.errors import ConfigurationError, ConvergenceError
from retrodict.flows import FFJORD, RealNVP
from retrodict.solvers import FlowMatching, get_solver

SMALL = FFJORD(width=32, depth=1, num_frequencies=2, rtol=1e-4, atol=1e-4)
OBSERVED = 0.8
# Whole blocks of rows, all of one size: every program is compiled once.
NUM_ROWS = 2048


def curved(num, seed):
    """x1 given y is normal and x2 bends with it: the posterior has a closed form."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(num, 1))
    x1 = 0.5 * y + 0.5 * rng.normal(size=(num, 1))
    x2 = x1**2 + 0.4 * rng.normal(size=(num, 1))
    return np.hstack([x1, x2]), y


def exact_log_prob(x, y):
    return stats.norm.logpdf(x[:, 0], 0.5 * y, 0.5) + stats.norm.logpdf(x[:, 1], x[:, 0] ** 2, 0.4)


@pytest.fixture(scope="module")
def fitted():
    estimator = FlowMatching(
        SMALL, max_epochs=100, batch_size=128, learning_rate=1e-2, weight_decay=0.0
    )
    return estimator.fit(*curved(4000, 0))


def test_draws_and_density_are_those_of_a_curved_posterior(fitted):
    posterior = fitted.retrodict([OBSERVED])
    draws = posterior.sample(NUM_ROWS)
    # The divergence from the exact posterior: .003 to .026 with seeds 0 to 3, each +- .005.
    divergence = np.mean(posterior.log_prob(draws) - exact_log_prob(draws, OBSERVED))
    assert -0.02 < divergence < 0.06


def test_the_density_integrates_to_one(fitted):
    edges = [np.linspace(-3, 4, 46), np.linspace(-4, 10, 46)]
    centres = [(e[1:] + e[:-1]) / 2 for e in edges]
    grid = np.stack(np.meshgrid(*centres), axis=-1).reshape(-1, 2)
    area = np.prod([e[1] - e[0] for e in edges])
    density = np.exp(fitted.retrodict([OBSERVED]).log_prob(grid))
    assert_allclose(density.sum() * area, 1.0, atol=0.02)


def test_a_saved_model_answers_the_same(fitted, tmp_path):
    retrodict.save(fitted, tmp_path / "model")
    again = retrodict.load(tmp_path / "model")
    assert isinstance(again, FlowMatching)
    draws = again.retrodict([OBSERVED]).sample(NUM_ROWS)
    assert_array_equal(draws, fitted.retrodict([OBSERVED]).sample(NUM_ROWS))


def test_a_missed_tolerance_is_refused_by_count(fitted):
    few_steps = dataclasses.replace(SMALL, max_steps=2).build(2, 1, key=jax.random.key(0))
    structure = jax.tree.structure(without_throw(few_steps))
    short = copy.copy(fitted)
    short._model = jax.tree.unflatten(structure, jax.tree.leaves(fitted._model))
    with pytest.raises(ConvergenceError, match="100 of 100 draws did not converge"):
        short.retrodict([OBSERVED]).sample(100)
    with pytest.raises(ConvergenceError, match="3 of 3 densities did not converge"):
        short.retrodict([OBSERVED]).log_prob(np.zeros((3, 2)))


def test_only_a_continuous_flow_has_a_velocity_to_match():
    for flow in ("real-nvp", RealNVP()):
        with pytest.raises(ConfigurationError, match="'real-nvp' has none"):
            get_solver("flow-matching", flow=flow)
    with pytest.raises(ConfigurationError, match="flow-matching"):
        get_solver("flow-maching")


def test_the_round_trip_is_certified_to_the_tolerance_of_the_solver(fitted):
    x, y = curved(200, 2)
    trip = fitted.round_trip(x, y)
    assert trip.share_not_converged == 0
    # A local error of 1e-4 in every step, at both ends.
    assert 1e-6 < trip.typical_error < 1e-3
    assert trip.largest_error < 2e-2
