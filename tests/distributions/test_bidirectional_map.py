"""One network between [x, padding] and [y, z, padding]."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.distributions import BidirectionalMap, EffectAndLatent
from retrodict.errors import CapabilityError, ConditionError, ConfigurationError
from retrodict.flows import RealNVP


def perturbed(dim, key):
    """A flow that is no longer the identity."""
    bijection = RealNVP(num_layers=2, width=8, depth=1).build(dim, 0, key=key).bijection
    return jax.tree.map(
        lambda leaf: (
            leaf + 0.3 * jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape)
            if jnp.issubdtype(leaf.dtype, jnp.floating)
            else leaf
        ),
        bijection,
    )


def test_both_directions_are_one_map(key):
    model = BidirectionalMap(perturbed(6, key), dim=3, cond_dim=2, latent_dim=2)
    assert model.num_padding == (3, 2)
    start = jax.random.normal(key, (6,))
    assert_allclose(model.inverse(*model.forward(start)), start, atol=1e-5)
    x = start[:3]
    assert_allclose(model.predict(x), model.forward(jnp.concatenate([x, jnp.zeros(3)]))[0])


def test_a_draw_has_the_effect_it_was_drawn_for(key):
    model = BidirectionalMap(perturbed(4, key), dim=4, cond_dim=1, latent_dim=3)
    y = jnp.asarray([0.7])
    draws = model.sample_many(key, 200, y)
    assert_allclose(jax.vmap(model.predict)(draws), np.full((200, 1), 0.7), atol=1e-5)
    assert draws.std(axis=0).min() > 0.1


def test_noise_beside_the_effect_becomes_latent(key):
    model = BidirectionalMap(perturbed(5, key), 2, 2, 1, pads_with_noise=True)
    assert model.latent_dim == 3
    assert model.num_padding == (3, 0)


def test_the_density_is_that_of_the_draws(key):
    """The mean of log q over draws is minus its entropy, known where the map is linear."""
    bijection = RealNVP(num_layers=2, width=8, depth=1).build(2, 0, key=key).bijection
    model = BidirectionalMap(bijection, 2, 1, 1, log_noise=jnp.log(jnp.asarray([0.5])))
    density = model.density()
    y = jnp.asarray([0.7])
    draws = density.sample_many(key, 4000, y)
    effects, latents = np.asarray(jax.vmap(bijection.forward)(draws)).T
    assert stats.kstest((effects - 0.7) / 0.5, "norm").pvalue > 0.001
    assert stats.kstest(latents, "norm").pvalue > 0.001
    expected = stats.norm.logpdf(effects, 0.7, 0.5) + stats.norm.logpdf(latents)
    assert_allclose(jax.vmap(lambda x: density.log_prob(x, y))(draws), expected, atol=1e-4)


def test_the_noise_of_sample_is_that_of_the_density(key):
    log_noise = jnp.log(jnp.asarray([0.5]))
    model = BidirectionalMap(perturbed(2, key), 2, 1, 1, log_noise=log_noise)
    draws = model.sample_many(key, 2000, jnp.asarray([0.7]))
    effects = np.asarray(jax.vmap(model.predict)(draws))[:, 0]
    assert stats.kstest((effects - 0.7) / 0.5, "norm").pvalue > 0.001


def test_what_cannot_be_is_refused(key):
    bijection = RealNVP(num_layers=2, width=8, depth=1).build(3, 0, key=key).bijection
    with pytest.raises(ConfigurationError, match="maps only 3"):
        BidirectionalMap(bijection, 2, 2, 2)
    model = BidirectionalMap(bijection, 3, 1, 2)
    with pytest.raises(CapabilityError, match="no density"):
        model.density()
    with pytest.raises(ConditionError):
        model.sample(key)
    with pytest.raises(ConditionError):
        EffectAndLatent(jnp.zeros(2), 1).log_prob(jnp.zeros(3), jnp.zeros(3))
