"""Stick breaking: against Dirichlet's density, and where floats end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.bijections import StickBreaking
from retrodict.distributions import StandardNormal, Transformed
from retrodict.errors import ConfigurationError


def test_zero_are_equal_shares():
    x, log_det = StickBreaking(5).inverse_and_log_det(jnp.zeros(4))
    assert_allclose(x, np.full(4, 0.2), rtol=1e-6)
    assert_allclose(log_det, 5 * np.log(0.2), rtol=1e-6)


def test_the_density_integrates_to_one_over_the_triangle():
    edges = np.linspace(0, 1, 301)
    centres = (edges[1:] + edges[:-1]) / 2
    x = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    flow = Transformed(StandardNormal((2,)), StickBreaking(3))
    with jax.enable_x64(True):
        log_prob = np.asarray(jax.jit(jax.vmap(flow.log_prob))(jnp.asarray(x)))
    assert_allclose(np.exp(log_prob).sum() / 300**2, 1, atol=2e-3)
    assert (log_prob[x.sum(axis=1) > 1 + 1e-9] == -np.inf).all()


def test_logistic_normal_weights_reproduce_a_dirichlet():
    """Importance weights of the Dirichlet over the flow's draws have mean one (float64)."""
    alpha = np.array([2.0, 3.0, 1.5, 2.5])
    flow = Transformed(StandardNormal((3,)), StickBreaking(4))
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(0), 20_000)
        drawn = jax.jit(jax.vmap(flow.sample_and_log_prob))(keys)
    x, log_prob = (np.asarray(column) for column in drawn)
    full = np.concatenate([x, 1 - x.sum(axis=1, keepdims=True)], axis=1)
    weights = np.exp(stats.dirichlet(alpha).logpdf(full.T / full.sum(axis=1)) - log_prob)
    assert abs(weights.mean() - 1) < 4 * weights.std() / np.sqrt(len(weights))
    assert weights.std() < 2


@pytest.mark.parametrize("z", [[20.0, 3.0], [-30.0, 40.0], [1e4, -1e4], [-1e4, -1e4]])
def test_log_shares_are_precise_where_shares_are_not(z):
    found = StickBreaking(3).log_shares(jnp.asarray(z, jnp.float32))
    logits = np.asarray(z) - np.log([2.0, 1.0])
    log_v, log_rest = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
    expected = [log_v[0], log_rest[0] + log_v[1], log_rest.sum()]
    assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_draws_never_leave_the_simplex(key):
    x = jax.vmap(StickBreaking(4).inverse)(100 * jax.random.normal(key, (1000, 3)))
    assert (np.asarray(x) > 0).all()
    assert (np.asarray(x, np.float64).sum(axis=1) <= 1 + 1e-6).all()


def test_rows_outside_the_simplex_have_no_density():
    log_det = jax.vmap(lambda x: StickBreaking(3).forward_and_log_det(x)[1])
    outside = jnp.array([[-0.1, 0.5], [0.7, 0.4], [1.2, -0.5]])
    assert (np.asarray(log_det(outside)) == -np.inf).all()


def test_one_share_is_refused():
    with pytest.raises(ConfigurationError, match="at least two shares"):
        StickBreaking(1)
