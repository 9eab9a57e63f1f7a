"""Flows over images."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.errors import ConfigurationError
from retrodict.flows import ImageGlow
from retrodict.objectives import negative_log_likelihood
from retrodict.training import TrainingConfig, train

SHAPE = (1, 4, 4)
COND_DIM = 2


# Each program runs once: the time goes into compiling it.
compiled = functools.partial(eqx.filter_jit, compiler_options={"xla_backend_optimization_level": 0})


@functools.cache
def small(downsampling, cond_dim):
    """In float64, with parameters that are not zero."""
    with jax.enable_x64(True):
        architecture = ImageGlow(num_layers=1, width=8, downsampling=downsampling)
        flow = architecture.build(SHAPE, cond_dim, key=jr.key(0))
        arrays, static = eqx.partition(flow, eqx.is_inexact_array)
        leaves, structure = jax.tree.flatten(arrays)
        keys = jr.split(jr.key(1), len(leaves))
        leaves = [
            leaf + 0.2 * jr.normal(key, leaf.shape, leaf.dtype)
            for leaf, key in zip(leaves, keys, strict=True)
        ]
        return eqx.combine(jax.tree.unflatten(structure, leaves), static)


def test_the_density_is_that_of_the_change_of_variables():
    flow = small("haar", COND_DIM)
    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(0).normal(size=SHAPE))
        condition = jnp.array([0.7, -0.2])

        def evidence(flow, x):
            def forward(x):
                z = flow.bijection.forward(x, condition)
                return z, z

            jacobian, z = jax.jacrev(forward, has_aux=True)(x)
            return z, jacobian.reshape(16, 16), flow.log_prob(x, condition)

        z, jacobian, log_prob = map(np.asarray, compiled(evidence)(flow, x))
    expected = -0.5 * (z @ z + 16 * np.log(2 * np.pi)) + np.linalg.slogdet(jacobian).logabsdet
    assert_allclose(log_prob, expected, rtol=1e-9)


def test_draws_come_with_their_own_log_density():
    flow = small("squeeze", 0)
    with jax.enable_x64(True):
        x, log_prob = compiled(flow.sample_and_log_prob)(jr.key(2))
        assert x.shape == SHAPE
        assert_allclose(log_prob, compiled(flow.log_prob)(x), rtol=1e-7)


def bars(rng, num):
    """Images of one bright bar, across or down, and which."""
    is_across = rng.integers(0, 2, num)
    images = 0.2 * rng.normal(size=(num, *SHAPE))
    places = rng.integers(0, 4, num)
    for one, across, place in zip(images, is_across, places, strict=True):
        (one[0] if across else one[0].T)[place] += 2
    return jnp.asarray(images, jnp.float32), jax.nn.one_hot(is_across, COND_DIM)


def test_training_finds_the_bars_and_the_condition():
    rng = np.random.default_rng(3)
    data, held_out = bars(rng, 512), bars(rng, 256)
    flow = ImageGlow(num_layers=2, width=16).build(SHAPE, COND_DIM, key=jr.key(0))
    config = TrainingConfig(batch_size=128, learning_rate=1e-2, max_epochs=20)
    found = train(flow, negative_log_likelihood, data, held_out, key=jr.key(1), config=config)
    # The best normal density without knowledge of the bars.
    flat = np.asarray(data[0]).reshape(512, 16)
    _, log_det = np.linalg.slogdet(np.cov(flat.T))
    normal = 0.5 * (log_det + 16 * (1 + np.log(2 * np.pi)))
    assert found.best_validation_loss < normal - 1
    others = jnp.roll(held_out[1], 1, axis=1)
    wrong = negative_log_likelihood(found.model, (held_out[0], others), jr.key(2))
    assert wrong > found.best_validation_loss + 1


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ({}, (1, 6, 8), "multiples of 4"),
        ({}, (8, 8), "multiples of 4"),
        ({"downsampling": "har"}, (1, 8, 8), "haar"),
        ({"num_layers": 0}, (1, 8, 8), "num_layers=0"),
    ],
)
def test_impossible_images_and_settings_are_refused(settings, shape, message):
    with pytest.raises(ConfigurationError, match=message):
        ImageGlow(**settings).build(shape, key=jr.key(0))
