"""The arm: its simulator by hand, its exact posterior by two other ways to compute it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from retrodict.errors import DataError, NonFiniteError, ShapeError
from retrodict.problems import InverseKinematics

PROBLEM = InverseKinematics()
PRIOR_SD = np.array([0.25, 0.5, 0.5, 0.5])

# Kruse et al. 2021: posterior mean and standard deviation, to three digits.
REFERENCE = {
    (1.5, 0.0): ((0, 0, 0, 0), (0.352, 0.793, 0.617, 1.186)),
    (0.0, 1.5): ((-0.153, 0.673, 0.767, 0.590), (0.176, 0.313, 0.417, 0.450)),
    (1.0, 1.2): ((-0.233, 0.285, 0.541, 0.505), (0.180, 0.373, 0.436, 0.501)),
}


def elbow_formula(y, num, rng):
    """Importance draws that solve for the last joint; weights diverge at its turning points."""
    x2, x3 = rng.normal(size=(2, num)) * 0.5
    cosine = y[0] - 0.5 * np.cos(x2) - 0.5 * np.cos(x2 + x3)
    x2, x3, cosine = (a[np.abs(cosine) < 1] for a in (x2, x3, cosine))
    xs, weights = [], []
    for sign in (-1, 1):
        for turns in (-1, 0, 1):
            phi = sign * np.arccos(cosine) + 2 * np.pi * turns
            x4 = phi - x2 - x3
            x1 = y[1] - 0.5 * np.sin(x2) - 0.5 * np.sin(x2 + x3) - np.sin(phi)
            xs.append(np.stack([x1, x2, x3, x4], axis=1))
            weights.append(np.exp(-8 * x1**2 - 2 * x4**2) / np.abs(np.sin(phi)))
    weights = np.concatenate(weights)
    return np.concatenate(xs), weights / weights.sum()


def test_the_hand_of_a_known_pose(key):
    x = jnp.array([0.1, np.pi / 2, -np.pi / 2, np.pi / 6])
    expected = [0.5 + np.cos(np.pi / 6), 0.1 + 0.5 + 0.5]
    np.testing.assert_allclose(PROBLEM.simulate(key, x), expected, atol=1e-6)


def test_simulations_are_pairs_from_the_prior(key):
    x, y = PROBLEM.simulations(key, 20_000)
    assert x.shape == (20_000, 4)
    np.testing.assert_allclose(x.std(axis=0), PRIOR_SD, rtol=5 / np.sqrt(2 * 20_000))
    np.testing.assert_allclose(PROBLEM.simulate_rows(key, x), y, atol=1e-6)


@pytest.mark.parametrize("y", REFERENCE, ids=str)
def test_posterior_has_the_published_moments(y, key):
    num_draws = 20_000
    [draws] = PROBLEM.exact_posterior_rows(key, np.array([y]), num_draws)
    mean, sd = (np.array(moment) for moment in REFERENCE[y])
    # Published to .0005; a standard deviation of these shapes errs by at most sd / sqrt(n).
    tolerance = 5 * sd / np.sqrt(num_draws) + 0.0015
    assert (np.abs(draws.mean(axis=0) - mean) < tolerance).all()
    assert (np.abs(draws.std(axis=0) - sd) < tolerance).all()


@pytest.mark.parametrize("y", [(1.9, 0.3), (1.2, -0.8), (-0.3, -1.1)], ids=str)
def test_posterior_agrees_with_the_elbow_formula(y, key, rng):
    num_draws = 20_000
    [draws] = PROBLEM.exact_posterior_rows(key, np.array([y]), num_draws)
    x, weights = elbow_formula(y, 400_000, rng)
    for moment in (lambda x: x, np.sin, lambda x: x * x, lambda x: x[:, [0]] * x):
        expected = weights @ moment(x)
        ours = moment(draws)
        variance = ours.var(axis=0) / num_draws + weights**2 @ (moment(x) - expected) ** 2
        assert (np.abs(ours.mean(axis=0) - expected) < 5 * np.sqrt(variance)).all()


def test_draws_hit_the_observation_and_are_distinct(key):
    _, y = PROBLEM.simulations(key, 40)
    draws = PROBLEM.exact_posterior_rows(key, y, 1000)
    again = jax.vmap(jax.vmap(lambda x: PROBLEM.simulate(key, x)))(jnp.asarray(draws))
    assert np.abs(np.asarray(again) - y[:, None]).max() < 3e-6
    assert min(len(np.unique(d, axis=0)) for d in draws) >= 990


def test_true_parameters_rank_uniformly(key):
    """Simulation-based calibration (Talts et al. 2018): sees any wrong density."""
    num, num_draws = 600, 99
    key_xy, key_draws = jax.random.split(key)
    x, y = PROBLEM.simulations(key_xy, num)
    draws = PROBLEM.exact_posterior_rows(key_draws, y, num_draws)
    ranks = (draws < x[:, None]).sum(axis=1)
    counts = np.stack([np.histogram(r, bins=10, range=(0, num_draws + 1))[0] for r in ranks.T])
    chi2 = ((counts - num / 10) ** 2 / (num / 10)).sum(axis=1)
    assert (chi2 < 27.9).all(), chi2  # .999 quantile of chi2 with 9 degrees of freedom


def test_proposals_are_worth_more_than_the_draws(key):
    _, y = PROBLEM.simulations(key, 20)
    ess = jax.lax.map(lambda y: PROBLEM.exact_posterior_ess(key, y, 1000), jnp.asarray(y))
    assert (np.asarray(ess) > 5000).all()


def test_any_observation_that_nothing_can_cause_is_refused(key):
    y = np.array([[1.5, 0.0], [2.1, 0.0], [-2.1, 0.0]])
    with pytest.raises(DataError, match=r"2 of 3 observations; first: row 1, y = \[2.1, 0.0\]"):
        PROBLEM.exact_posterior_rows(key, y, 10)


def test_unusable_observations_are_refused(key):
    with pytest.raises(NonFiniteError, match=r"1 of 2 .* first rows: \[1\]"):
        PROBLEM.exact_posterior_rows(key, np.array([[1.0, 0.0], [np.nan, 0.0]]), 10)
    with pytest.raises(ShapeError, match=r"2 columns \(y1, y2\); got 3"):
        PROBLEM.exact_posterior_rows(key, np.zeros((1, 3)), 10)


def test_the_stretched_arm_has_one_pose(key):
    [draws] = PROBLEM.exact_posterior_rows(key, np.array([[2.0, 0.3]]), 5)
    np.testing.assert_allclose(draws, np.tile([0.3, 0, 0, 0], (5, 1)), atol=1e-6)
