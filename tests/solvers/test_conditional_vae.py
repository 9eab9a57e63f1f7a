"""Posteriors by a conditional variational autoencoder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from two_branches import exact_log_prob, two_branches

import retrodict
from retrodict.errors import CapabilityError, ConfigurationError
from retrodict.objectives import importance_weighted_bound
from retrodict.problems import LinearGaussian
from retrodict.solvers import ConditionalVAE, get_solver
from retrodict.solvers.conditional_vae import ConditionalAutoencoder

SMALL = {"width": 16, "depth": 1, "batch_size": 256, "weight_decay": 0.0}
OBSERVED = 0.6
# Whole blocks of rows, all of one size: every program is compiled once.
NUM_ROWS = 2048


@pytest.fixture(scope="module")
def fitted():
    """By the tighter bound: a normal encoder makes the other one pay for every branch."""
    estimator = ConditionalVAE(
        num_samples=20, bound="importance-weighted", max_epochs=50, learning_rate=1e-2, **SMALL
    )
    return estimator.fit(*two_branches(4000, 0))


def test_a_linear_gaussian_posterior_and_its_evidence_are_met():
    problem = LinearGaussian(np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]]), noise_sd=0.5)
    estimator = ConditionalVAE(max_epochs=5, learning_rate=5e-3, **SMALL)
    estimator.fit_problem(problem, num_simulations=4000)
    y = np.array([1.0, -0.5], np.float32)
    draws = estimator.retrodict(y).sample(4096)
    covariance = np.asarray(problem.posterior_covariance, np.float64)
    sd = np.sqrt(np.diag(covariance))
    assert (np.abs(draws.mean(axis=0) - problem.posterior_mean(jnp.asarray(y))) < 0.1 * sd).all()
    assert_allclose(np.cov(draws.T), covariance, atol=0.15 * covariance.max())
    # The bound lies above the entropy of the posterior, the least loss that there is.
    entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]
    loss = estimator.history_["validation_loss"].min()
    assert entropy - 4 * np.sqrt(1.5 / 400) < loss < entropy + 0.15


def test_it_starts_as_a_standard_normal_without_a_gap(key):
    """The bound is then the density itself, and each entry of z tells x up to a tenth."""
    model = ConditionalAutoencoder(width=8).build(3, 2, key=key)
    x, c = jax.random.normal(key, (64, 3)), jnp.ones((64, 2))
    bound = jax.jit(jax.vmap(lambda x, c: importance_weighted_bound(model, x, c, key)))
    found = bound(x, c)
    assert_allclose(found, stats.norm.logpdf(x).sum(axis=1), atol=1e-4)


def test_the_decoder_spreads_no_more_than_the_data_wherever_z_is(key):
    model = ConditionalAutoencoder(width=8).build(3, 2, key=key)
    extreme = jax.tree.map(
        lambda leaf: leaf + 1e3 if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, model
    )
    decoded = extreme.decode(jnp.full(3, 30.0), jnp.ones(2))
    assert_allclose(np.exp(decoded.log_scale), 2.0, rtol=1e-4)


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_latent_information_is_that_of_the_start(latent_dim):
    """With the learning rate next to nothing: -log(1/10) for what is passed on, 0 for the rest."""
    x, y = two_branches(1000, 1)
    estimator = ConditionalVAE(latent_dim, max_epochs=1, learning_rate=1e-12, **SMALL).fit(x, y)
    expected = np.where(np.arange(latent_dim) < 2, np.log(10), 0.0)
    assert_allclose(estimator.latent_information(x, y), expected, atol=0.05)


def test_both_branches_are_found_with_their_weights_and_widths(fitted):
    draws = fitted.retrodict([OBSERVED]).sample(NUM_ROWS)
    found = 0
    for sign, weight in ((1, 0.3), (-1, 0.7)):
        away = draws - sign * np.array([1 + OBSERVED, 1.0])
        near = np.linalg.norm(away, axis=1) < 4 * 0.25
        assert abs(near.mean() - weight) < 0.06
        assert_allclose(away[near].mean(axis=0), 0.0, atol=0.1)
        assert_allclose(away[near].std(axis=0), 0.25, atol=0.08)
        found += near.sum()
    # A continuous decoder leaves a thin bridge between them.
    assert found > 0.95 * NUM_ROWS
    assert fitted.latent_information(*two_branches(256, 5)).max() > 0.2


def test_the_loss_is_above_the_exact_one(fitted):
    x, y = two_branches(4000, 0)
    exact = -exact_log_prob(x, y)
    error = exact.std() / np.sqrt(400)
    loss = fitted.history_["validation_loss"].min()
    assert exact.mean() - 4 * error < loss < exact.mean() + 4 * error + 0.25


def test_draws_have_no_density(fitted):
    posterior = fitted.retrodict([OBSERVED])
    with pytest.raises(CapabilityError, match="draws only"):
        posterior.log_prob(np.zeros((1, 2)))
    with pytest.raises(CapabilityError, match="draws only"):
        posterior.mode()


def test_a_saved_model_answers_the_same(fitted, tmp_path):
    retrodict.save(fitted, tmp_path / "model")
    again = retrodict.load(tmp_path / "model")
    assert isinstance(again, ConditionalVAE)
    assert again.get_params() == fitted.get_params()
    draws = again.retrodict([OBSERVED]).sample(NUM_ROWS)
    assert_array_equal(draws, fitted.retrodict([OBSERVED]).sample(NUM_ROWS))


def test_other_settings_and_a_constant_observable(tmp_path):
    """One cause, a learned prior, the tighter bound, a diagonal decoder."""
    problem = LinearGaussian(np.array([[1.5], [0.0]]), noise_sd=np.array([0.5, 1e-30]))
    estimator = ConditionalVAE(
        2, "diagonal", "learned", num_samples=3, bound="importance-weighted", max_epochs=2, **SMALL
    )
    estimator.fit_problem(problem, num_simulations=600)
    assert estimator.retrodict([0.8, 0.0]).sample(256).shape == (256, 1)
    retrodict.save(estimator, tmp_path / "model")
    assert retrodict.load(tmp_path / "model").num_parameters_ == estimator.num_parameters_


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_dim": 0}, "at least one entry; got latent_dim=0"),
        ({"covariance": "tied"}, "Unknown covariance 'tied'"),
        ({"prior": "flow"}, "Unknown prior 'flow'"),
        ({"num_samples": 0}, "num_samples=0"),
        ({"bound": "evidence"}, "Unknown bound 'evidence'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        get_solver("conditional-vae", **settings)
