"""The linear-Gaussian problem against formulas, for maps and noise of every rank."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from published_draws import published

from retrodict.errors import CapabilityError, ConfigurationError, DataError
from retrodict.problems import LinearGaussian
from retrodict.variables import Variable

WIDE = np.array([[1.0, 2.0, -0.5], [0.0, 1.0, 3.0]])
DEFICIENT = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0], [1.0, 3.0, 3.0]])
PRIOR = {
    "prior_mean": [0.5, -1.0, 2.0],
    "prior_covariance": [[1.0, 0.3, 0.0], [0.3, 0.5, -0.1], [0.0, -0.1, 2.0]],
}
CASES = {
    "wide": LinearGaussian(WIDE, [0.3, 0.8], **PRIOR),
    "wide without noise": LinearGaussian(WIDE, 0, **PRIOR),
    "noise in one of two": LinearGaussian(WIDE, [0.3, 0.0], **PRIOR),
    "deficient without noise": LinearGaussian(DEFICIENT, 0, **PRIOR),
    "correlated noise": LinearGaussian(
        WIDE.T[:, :1], noise_covariance=[[1, 0.4, 0], [0.4, 0.5, 0.1], [0, 0.1, 0.2]]
    ),
}


@pytest.mark.parametrize(
    ("matrix", "kind"),
    [
        (np.eye(3), "bijective"),
        (WIDE, "surjective"),
        (WIDE.T, "injective"),
        (DEFICIENT, "neither"),
        (np.zeros((2, 2)), "neither"),
    ],
)
def test_kind_follows_from_the_rank(matrix, kind):
    assert LinearGaussian(matrix, 0.1).kind == kind


@pytest.mark.parametrize("name", CASES)
def test_draws_have_the_moments_of_the_formula(name, key):
    problem, num_draws = CASES[name], 20_000
    key_xy, key_draws = jax.random.split(key)
    _, y = problem.simulations(key_xy, 1)
    [draws] = problem.exact_posterior_rows(key_draws, y, num_draws)
    draws = draws.astype(np.float64)
    covariance = np.asarray(problem.posterior_covariance)
    variances = np.diag(covariance)
    errors = np.abs(draws.mean(axis=0) - problem.posterior_mean(jnp.asarray(y[0])))
    assert (errors < 5 * np.sqrt(variances / num_draws) + 1e-5).all()
    spread = np.sqrt((np.outer(variances, variances) + covariance**2) / num_draws)
    assert (np.abs(np.cov(draws.T) - covariance) < 5 * spread + 1e-5).all()


@pytest.mark.parametrize("name", CASES)
def test_moments_agree_with_conditioning_the_joint_in_the_limit(name, key):
    """Information form, in which a missing noise is one of standard deviation 1e-4."""
    problem = CASES[name]
    _, y = problem.simulations(key, 1)
    A = np.asarray(problem.matrix, np.float64)
    root = np.asarray(problem.noise_root, np.float64)
    noise = root @ root.T + 1e-8 * np.eye(len(A))
    prior_precision = np.linalg.inv(np.asarray(problem.prior.covariance, np.float64))
    precision = prior_precision + A.T @ np.linalg.solve(noise, A)
    information = prior_precision @ np.asarray(problem.prior.loc) + A.T @ np.linalg.solve(
        noise, y[0]
    )
    assert_allclose(problem.posterior_covariance, np.linalg.inv(precision), atol=2e-4)
    assert_allclose(
        problem.posterior_mean(jnp.asarray(y[0])),
        np.linalg.solve(precision, information),
        atol=2e-3,
    )


@pytest.mark.parametrize("name", ["wide", "correlated noise"])
def test_draws_agree_with_the_weighted_prior(name, key):
    problem, num = CASES[name], 100_000
    _, y = problem.simulations(key, 1)
    x = jnp.asarray(problem.sample_prior(jax.random.fold_in(key, 1), num))
    weights = np.asarray(
        jax.nn.softmax(jax.vmap(lambda x: problem.log_likelihood(x, jnp.asarray(y[0])))(x))
    )
    mean = weights @ np.asarray(x)
    error = np.sqrt(weights**2 @ (np.asarray(x) - mean) ** 2)
    assert (np.abs(mean - problem.posterior_mean(jnp.asarray(y[0]))) < 5 * error).all()


def test_likelihood_is_the_normal_density(key):
    from scipy import stats

    problem = CASES["correlated noise"]
    x, y = (jnp.asarray(rows[0]) for rows in problem.simulations(key, 1))
    covariance = [[1, 0.4, 0], [0.4, 0.5, 0.1], [0, 0.1, 0.2]]
    expected = stats.multivariate_normal(problem.matrix @ x, covariance).logpdf(y)
    assert_allclose(problem.log_likelihood(x, y), expected, rtol=1e-4)


def test_without_noise_every_draw_explains_the_observation(key):
    problem = CASES["deficient without noise"]
    _, y = problem.simulations(key, 5)
    draws = problem.exact_posterior_rows(key, y, 100)
    assert_allclose(draws @ DEFICIENT.T, np.broadcast_to(y[:, None], (5, 100, 3)), atol=2e-5)
    assert draws.std(axis=1).max() > 0.1


def test_an_observation_off_the_reachable_subspace_is_refused(key):
    with pytest.raises(DataError, match="No x of the prior"):
        CASES["deficient without noise"].exact_posterior_rows(key, np.array([[0.0, 0, 1]]), 10)


def test_gaussian_linear_is_the_published_task(key, data_folder):
    problem = LinearGaussian.gaussian_linear()
    y, reference = published(data_folder, "linear-gaussian", 3)
    assert_allclose(problem.posterior_mean(jnp.asarray(y, float)), y / 2, rtol=1e-5)
    assert_allclose(problem.posterior_covariance, 0.05 * np.eye(10), atol=1e-6)
    assert (np.abs(reference.mean(axis=0) - y / 2) < 5 * np.sqrt(0.05 / len(reference))).all()


def test_gaussian_linear_simulates_the_published_task(key):
    x, y = LinearGaussian.gaussian_linear().simulations(key, 20_000)
    for variance in (x.var(axis=0), (y - x).var(axis=0)):
        assert_allclose(variance, 0.1, rtol=5 * np.sqrt(2 / 20_000))


def test_likelihood_without_noise_is_a_capability_error():
    with pytest.raises(CapabilityError, match="rank 1"):
        CASES["noise in one of two"].log_likelihood(jnp.zeros(3), jnp.zeros(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"matrix": [1.0, 2.0], "noise_sd": 1}, r"got shape \(2,\)"),
        ({"matrix": [[np.nan]], "noise_sd": 1}, "`matrix` holds 1 numbers"),
        ({"matrix": WIDE}, "got neither"),
        ({"matrix": WIDE, "noise_sd": 1, "noise_covariance": np.eye(2)}, "got both"),
        ({"matrix": WIDE, "noise_sd": [1, -1]}, "smallest -1"),
        ({"matrix": WIDE, "noise_sd": [1, 1, 1]}, r"got shape \(3,\)"),
        ({"matrix": WIDE, "noise_covariance": [[1, 2], [2, 1]]}, "eigenvalue -1"),
        ({"matrix": WIDE, "noise_covariance": np.eye(3)}, r"shape \(2, 2\)"),
        ({"matrix": WIDE, "noise_sd": 1, "prior_mean": [0, 0]}, r"`prior_mean` of shape \(3,\)"),
        ({"matrix": WIDE, "noise_sd": 1, "prior_covariance": -np.eye(3)}, "positive definite"),
        ({"matrix": WIDE, "noise_sd": 1, "parameters": (Variable("a"),)}, "2 and 1 were named"),
    ],
)
def test_settings_that_make_no_sense(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        LinearGaussian(**arguments)
