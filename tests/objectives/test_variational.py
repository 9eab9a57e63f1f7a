"""The two terms of the loss of a variational autoencoder, and their weights."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.objectives import VariationalLoss, kl_loss, reconstruction_loss

X = jnp.asarray(np.arange(6.0).reshape(3, 2), jnp.float32)
BATCH = (X, None)
# Of the two latent numbers, means over the rows 0, 2, 4 and 1, 3, 5 of half of x.
KL = np.array([1.0, 1.5])


class Stated(eqx.Module):
    """Terms that can be read off the rows."""

    def reconstruction_and_kl(self, x, condition, key):
        assert condition is None
        return x.sum(), x / 2


def test_the_terms_are_means_over_the_rows(key):
    assert_allclose(reconstruction_loss(Stated(), BATCH, key), 5)
    assert_allclose(kl_loss(Stated(), BATCH, key), KL.sum())
    assert_allclose(VariationalLoss()(Stated(), BATCH, key), 5 + KL.sum())


@pytest.mark.parametrize("beta", [0.0, 0.5, 4.0])
@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.1, 0.5), (0.2, 1.0), (1.0, 1.0)])
def test_beta_rises_over_the_first_part_of_training(key, beta, progress, share):
    loss = VariationalLoss(beta=beta, warmup_fraction=0.2)
    found = loss.at(jnp.asarray(progress))(Stated(), BATCH, key)
    assert_allclose(found, 5 + share * beta * KL.sum(), rtol=1e-6)
    # Held-out rows are judged by the end of training, in every epoch.
    assert_allclose(loss(Stated(), BATCH, key), 5 + beta * KL.sum(), rtol=1e-6)


def test_without_warmup_beta_is_there_from_the_start(key):
    assert_allclose(VariationalLoss(beta=2.0).at(jnp.zeros(()))(Stated(), BATCH, key), 5 + 5)


@pytest.mark.parametrize("free", [0.0, 1.2, 2.0])
def test_free_bits_are_per_latent_number_of_the_mean(key, free):
    expected = 5 + np.maximum(KL, free).sum()
    assert_allclose(VariationalLoss(free_bits=free)(Stated(), BATCH, key), expected, rtol=1e-6)


def test_every_row_has_a_draw_of_its_own():
    class Noisy(eqx.Module):
        def reconstruction_and_kl(self, x, condition, key):
            return jr.normal(key), jnp.zeros(1)

    rows = (jnp.zeros((4_000, 1)), None)
    assert abs(float(reconstruction_loss(Noisy(), rows, jr.key(1)))) < 4 / np.sqrt(4_000)
