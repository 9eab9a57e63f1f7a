"""The loss of an autoencoder, clean and denoising."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from numpy.testing import assert_allclose

from retrodict.objectives import ReconstructionError, clean_reconstruction_error


def copy(x, key):
    del key
    return x


def halve(x, key):
    del key
    return x / 2


def test_without_corruption_it_is_the_mean_squared_error(rng, key):
    x = jnp.asarray(rng.normal(size=(7, 3)), jnp.float32)
    assert float(ReconstructionError()(copy, (x,), key)) == 0
    expected = np.mean((np.asarray(x) / 2) ** 2)
    assert_allclose(ReconstructionError()(halve, (x,), key), expected, rtol=1e-6)
    assert_allclose(clean_reconstruction_error(halve, (x,), key), expected, rtol=1e-6)


def test_copying_costs_the_variance_of_the_noise(key):
    x = jnp.ones((20_000, 2))
    loss = float(ReconstructionError(noise_sd=0.5)(copy, (x,), key))
    assert abs(loss - 0.25) < 4 * 0.25 * np.sqrt(2 / 40_000)


def test_copying_costs_what_is_masked(key):
    x = jnp.full((20_000, 2), 3.0)
    loss = float(ReconstructionError(masked_fraction=0.2)(copy, (x,), key)) / 9
    assert abs(loss - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 40_000)


def test_every_row_drops_units_of_its_own():
    seen = []

    def record(x, key):
        seen.append(key)
        return x + jr.normal(key, x.shape)

    x = jnp.zeros((5_000, 1))
    loss = float(ReconstructionError()(record, (x,), jr.key(3)))
    assert abs(loss - 1) < 4 * np.sqrt(2 / 5_000)
