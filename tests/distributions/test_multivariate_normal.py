"""The correlated normal against SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from retrodict.distributions import MultivariateNormal
from retrodict.errors import ConfigurationError

LOC = np.array([0.5, -1.0, 2.0])
COVARIANCE = np.array([[1.0, 0.3, 0.0], [0.3, 0.5, -0.1], [0.0, -0.1, 2.0]])


def test_density_is_that_of_scipy(key):
    ours = MultivariateNormal(LOC, COVARIANCE)
    x = jax.random.normal(key, (10, 3)) * 3
    expected = stats.multivariate_normal(LOC, COVARIANCE).logpdf(x)
    np.testing.assert_allclose(jax.vmap(lambda x: ours.log_prob(x))(x), expected, rtol=2e-5)
    np.testing.assert_allclose(ours.covariance, COVARIANCE, atol=1e-6)


def test_draws_have_its_moments(key):
    num = 20_000
    draws = np.asarray(MultivariateNormal(LOC, COVARIANCE).sample_many(key, num), np.float64)
    variances = np.diag(COVARIANCE)
    assert (np.abs(draws.mean(axis=0) - LOC) < 5 * np.sqrt(variances / num)).all()
    errors = np.sqrt((np.outer(variances, variances) + COVARIANCE**2) / num)
    assert (np.abs(np.cov(draws.T) - COVARIANCE) < 5 * errors).all()


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.eye(2), r"shape \(3, 3\); got \(2, 2\)"),
        (np.triu(np.ones((3, 3))), "differs from its transpose by up to 1"),
        (np.diag([1.0, 0.0, 1.0]), "smallest eigenvalue of this one is 0"),
    ],
)
def test_what_is_no_covariance(covariance, message):
    with pytest.raises(ConfigurationError, match=message):
        MultivariateNormal(jnp.asarray(LOC, float), covariance)
