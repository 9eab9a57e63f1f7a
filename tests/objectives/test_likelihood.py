import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.distributions import Mixture, Normal
from retrodict.distributions.base import AbstractDistribution
from retrodict.objectives import members_negative_log_likelihood, negative_log_likelihood


class ShiftedNormal(AbstractDistribution):
    """N(x; 2 c + 1, 0.5^2) per component, or N(x; 1, 0.5^2) without a condition."""

    shape: tuple[int, ...] = (2,)
    cond_shape: tuple[int, ...] | None = None

    def log_prob(self, x, condition=None):
        mean = jnp.ones(2) if condition is None else 2.0 * condition + 1.0
        return jax.scipy.stats.norm.logpdf(x, mean, 0.5).sum()

    def sample(self, key, condition=None):
        raise NotImplementedError


@pytest.mark.parametrize("conditional", [False, True])
def test_it_is_the_mean_over_rows(rng, key, conditional):
    x, c = rng.normal(size=(2, 7, 2)).astype(np.float32)
    condition = jnp.asarray(c) if conditional else None
    got = negative_log_likelihood(ShiftedNormal(), (jnp.asarray(x), condition), key)
    mean = 2 * c + 1 if conditional else np.ones(2)
    assert_allclose(got, -stats.norm.logpdf(x, mean, 0.5).sum(axis=1).mean(), rtol=1e-5)


def test_its_gradient_is_zero_at_the_best_fit(rng, key):
    x = jnp.asarray(rng.normal(size=(50, 2)), jnp.float32)

    def loss(shift):
        return negative_log_likelihood(ShiftedNormal(), (x - shift + 1.0, None), key)

    best = x.mean(axis=0)
    assert_allclose(jax.grad(loss)(best), 0.0, atol=1e-4)
    assert (jax.grad(loss)(best + 0.1) > 0.1).all()


def test_members_are_scored_one_by_one(rng, key):
    """Against SciPy, and never less than the score of their mixture (Jensen's inequality)."""
    locs, x = np.float32(rng.normal(size=(3, 2))), np.float32(rng.normal(size=(9, 2)))
    mixture = Mixture(eqx.filter_vmap(Normal)(locs, np.ones((3, 2), np.float32)), jnp.zeros(3))
    got = members_negative_log_likelihood(mixture, (jnp.asarray(x), None), key)
    of_each = stats.norm.logpdf(x[:, None], locs).sum(axis=2)
    assert_allclose(got, -of_each.mean(), rtol=1e-5)
    assert got > negative_log_likelihood(mixture, (jnp.asarray(x), None), key)
    gradient = eqx.filter_grad(members_negative_log_likelihood)(
        mixture, (jnp.asarray(x), None), key
    )
    assert_allclose(gradient.components.loc, (locs - x.mean(axis=0)) / 3, atol=1e-5)
    assert_allclose(gradient.logits, 0.0)
