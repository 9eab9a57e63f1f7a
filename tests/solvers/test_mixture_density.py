"""Posteriors by a mixture density network."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from two_branches import exact_log_prob, two_branches

import retrodict
from retrodict.errors import ConfigurationError
from retrodict.problems import LinearGaussian
from retrodict.solvers import MixtureDensityNetwork, get_solver
from retrodict.solvers.mixture_density import MixtureDensity

SMALL = {"width": 16, "depth": 1, "batch_size": 256, "weight_decay": 0.0}
OBSERVED = 0.6
# Whole blocks of rows, all of one size: every program is compiled once.
NUM_ROWS = 2048


@pytest.fixture(scope="module")
def fitted():
    estimator = MixtureDensityNetwork(4, max_epochs=40, learning_rate=1e-2, **SMALL)
    return estimator.fit(*two_branches(4000, 0))


def test_one_component_is_the_posterior_of_a_linear_gaussian_problem():
    problem = LinearGaussian(np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]]), noise_sd=0.5)
    estimator = MixtureDensityNetwork(1, max_epochs=1, **SMALL)
    estimator.fit_problem(problem, num_simulations=8000)
    y = np.array([[1.0, -0.5], [-2.0, 0.3]], np.float32)
    x = np.random.default_rng(0).normal(size=(256, 3))
    covariance = np.asarray(problem.posterior_covariance, np.float64)
    found = estimator.retrodict(y).log_prob(np.stack([x, x]))
    for row, observed in zip(found, y, strict=True):
        mean = np.asarray(problem.posterior_mean(jnp.asarray(observed)))
        exact = stats.multivariate_normal(mean, covariance)
        draws = exact.rvs(5000, random_state=1)
        assert_allclose(row, exact.logpdf(x), rtol=0.1, atol=0.3)
        ours = estimator.retrodict(observed).log_prob(draws)
        # The divergence.
        assert -0.005 < np.mean(exact.logpdf(draws) - ours) < 0.02


def test_both_branches_are_found_with_their_weights(fitted):
    x, y = two_branches(2000, 7)
    posterior = fitted.retrodict(y)
    ours = posterior.log_prob(x[:, None])[:, 0]
    assert -0.02 < np.mean(exact_log_prob(x, y) - ours) < 0.15
    draws = fitted.retrodict([OBSERVED]).sample(NUM_ROWS)
    assert abs((draws[:, 0] > 0).mean() - 0.3) < 0.06
    assert fitted.retrodict([OBSERVED]).mode()[0] < -1


def test_the_density_is_that_of_its_draws(fitted):
    edges = [np.linspace(-3.5, 3.5, 65), np.linspace(-3.5, 3.5, 65)]
    centres = [(e[1:] + e[:-1]) / 2 for e in edges]
    grid = np.stack(np.meshgrid(*centres, indexing="ij"), axis=-1).reshape(-1, 2)
    area = np.prod([e[1] - e[0] for e in edges])
    posterior = fitted.retrodict([OBSERVED])
    mass = (np.exp(posterior.log_prob(grid)) * area).reshape(64, 64)
    assert_allclose(mass.sum(), 1.0, atol=0.01)
    draws = posterior.sample(NUM_ROWS)
    count, *_ = np.histogram2d(*draws.T, bins=[edge[::16] for edge in edges])
    share = mass.reshape(4, 16, 4, 16).sum(axis=(1, 3))
    errors = np.sqrt(share * (1 - share) / NUM_ROWS)
    assert (np.abs(count / NUM_ROWS - share) < 5 * errors + 0.005).all()


def test_a_full_covariance_lies_along_what_a_diagonal_one_cannot():
    """x1 and x2 are one number and a little noise, turned by y."""
    rng = np.random.default_rng(1)
    y = rng.uniform(-1, 1, (3000, 1))
    along, across = rng.normal(size=(2, 3000))
    x = np.column_stack(
        [
            along * np.cos(y[:, 0]) - 0.05 * across * np.sin(y[:, 0]),
            along * np.sin(y[:, 0]) + 0.05 * across * np.cos(y[:, 0]),
        ]
    )
    losses = {}
    for covariance in ("full", "diagonal"):
        estimator = MixtureDensityNetwork(2, covariance, max_epochs=15, learning_rate=1e-2, **SMALL)
        losses[covariance] = estimator.fit(x, y).history_["validation_loss"].min()
    assert losses["full"] < losses["diagonal"] - 0.3


def test_it_starts_as_a_standard_normal(key):
    x = jax.random.normal(key, (64, 3))
    one = MixtureDensity(1, width=8).build(3, 2, key=key)
    found = eqx.filter_jit(jax.vmap(lambda x: one.log_prob(x, jnp.ones(2))))(x)
    assert_allclose(found, stats.norm.logpdf(x).sum(axis=1), rtol=1e-5)
    many = MixtureDensity(50, width=8).build(3, 2, key=key)
    draws = eqx.filter_jit(many.sample_many)(key, 4000, jnp.ones(2))
    assert_allclose(np.cov(draws.T), np.eye(3), atol=0.4)


def test_equal_rows_do_not_break_it():
    """A quarter of all x are one point: a component that shrinks onto it stops at its limit."""
    x, y = two_branches(600, 3)
    x[::4] = [2.0, 2.0]
    estimator = MixtureDensityNetwork(3, max_epochs=30, learning_rate=2e-2, **SMALL).fit(x, y)
    assert estimator.history_["num_skipped"].sum() == 0
    assert np.isfinite(estimator.history_["validation_loss"]).all()
    assert np.isfinite(estimator.retrodict([OBSERVED]).log_prob(x[:16])).all()


def test_a_saved_model_answers_the_same(fitted, tmp_path):
    retrodict.save(fitted, tmp_path / "model")
    again = retrodict.load(tmp_path / "model")
    assert isinstance(again, MixtureDensityNetwork)
    assert again.get_params() == fitted.get_params()
    draws = again.retrodict([OBSERVED]).sample(NUM_ROWS)
    assert_array_equal(draws, fitted.retrodict([OBSERVED]).sample(NUM_ROWS))


def test_one_cause_and_a_constant_observable():
    problem = LinearGaussian(np.array([[1.5], [0.0]]), noise_sd=np.array([0.5, 1e-30]))
    estimator = MixtureDensityNetwork(3, max_epochs=1, **SMALL)
    estimator.fit_problem(problem, num_simulations=600)
    posterior = estimator.retrodict([0.8, 0.0])
    assert posterior.sample(256).shape == (256, 1)
    assert np.isfinite(posterior.log_prob(np.zeros((4, 1)))).all()


def test_settings_that_make_no_mixture_are_refused():
    with pytest.raises(ConfigurationError, match="at least one component; got 0"):
        get_solver("mixture-density", num_components=0)
    with pytest.raises(ConfigurationError, match="Unknown covariance 'tied'"):
        get_solver("mixture-density", covariance="tied")
    with pytest.raises(ConfigurationError, match="no setting flow"):
        get_solver("mixture-density", flow="real-nvp")


def test_gradients_reach_every_parameter(key):
    model = MixtureDensity(3, width=8, depth=1).build(2, 1, key=key)
    gradient = eqx.filter_jit(
        eqx.filter_grad(lambda model: model.log_prob(jnp.ones(2), jnp.ones(1)))
    )(model)
    assert (np.abs(gradient.network.last.weight) > 0).any(axis=1).all()
