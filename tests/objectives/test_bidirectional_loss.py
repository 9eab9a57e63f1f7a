"""Each term of the bidirectional loss against its formula, and what gradients see."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.bijections import ActNorm, Permutation
from retrodict.distributions import BidirectionalMap
from retrodict.errors import ConfigurationError
from retrodict.flows import RealNVP
from retrodict.objectives import BidirectionalLoss, bidirectional_likelihood, mmd_squared

NOTHING = BidirectionalLoss(
    weight_y=0.0, weight_z=0.0, weight_x=0.0, weight_reconstruction=0.0, weight_padding=0.0
)


def only(**settings):
    return dataclasses.replace(NOTHING, **settings)


@pytest.fixture
def batch(rng):
    return tuple(jnp.asarray(rng.normal(size=(64, dim)), jnp.float32) for dim in (3, 2))


@pytest.fixture
def identity():
    """[x1, x2 | x3]: y is the first two causes, z the third."""
    return BidirectionalMap(Permutation([0, 1, 2]), dim=3, cond_dim=2, latent_dim=1)


def test_the_effect_is_judged_by_its_summed_square(identity, batch, key):
    x, y = batch
    expected = np.mean(np.sum((np.asarray(x)[:, :2] - y) ** 2, axis=1))
    assert_allclose(only(weight_y=2.0)(identity, batch, key), 2 * expected, rtol=1e-5)


def test_the_latent_is_judged_jointly_with_the_effect(identity, key):
    """z that is normal by itself but depends on y is found; a true copy is not."""
    rows = jax.random.normal(key, (300, 3))
    loss = only(weight_z=1.0)
    independent = float(loss(identity, (rows, rows[:, :2]), key))
    copied = rows.at[:, 2].set(rows[:, 0])
    dependent = float(loss(identity, (copied, copied[:, :2]), key))
    assert dependent > 5 * independent


@pytest.mark.parametrize("joint", [True, False])
def test_the_retrodicted_causes_are_judged_as_a_set(identity, batch, key, joint):
    x, y = batch
    loss = only(weight_x=1.0, joint=joint)
    normal = jax.random.normal(jax.random.split(key, 4)[1], (64, 1), jnp.float32)
    beside = y if joint else y[:, :0]
    draws = jnp.hstack([y, normal])
    expected = mmd_squared(jnp.hstack([draws, beside]), jnp.hstack([x, beside]), loss.kernel_x)
    assert_allclose(loss(identity, batch, key), expected, rtol=1e-5)


def test_causes_under_the_wrong_effect_are_found_by_pairs_alone(key):
    """f^-1([y, z]) = [y, z], but x = [-y, z]: with y symmetric the same as a set."""
    y, z = jax.random.normal(key, (2, 200, 1))
    model = BidirectionalMap(Permutation([0, 1]), 2, 1, 1)
    x = jnp.hstack([-y, z])
    errors = [float(only(weight_x=1.0, joint=joint)(model, (x, y), key)) for joint in (True, False)]
    assert errors[0] > 5 * abs(errors[1]), errors


def test_an_isometry_reconstructs_up_to_the_noise(identity, batch, key):
    found = only(weight_reconstruction=1.0, noise_y=0.3, noise_z=0.4)(identity, batch, key)
    # A sum of squares of 64 rows: its expectation within four standard errors.
    variance = 2 * (2 * 0.3**4 + 0.4**4) / 64
    assert_allclose(found, 2 * 0.3**2 + 0.4**2, atol=4 * np.sqrt(variance))


def test_zeros_are_asked_for_beside_both_sides(batch, key):
    """A map that swaps what is beside x with z leaves z's numbers in the padding of x."""
    x, y = batch
    swap = BidirectionalMap(Permutation([0, 1, 3, 4, 2]), dim=3, cond_dim=2, latent_dim=2)
    loss = only(weight_padding=1.0, weight_x=1e-12)
    expected_forward = np.mean(np.asarray(x)[:, 2] ** 2)
    normal = jax.random.normal(jax.random.split(key, 4)[1], (64, 2), jnp.float32)
    expected = expected_forward + np.mean(np.sum(np.asarray(normal) ** 2, axis=1))
    assert_allclose(loss(swap, (x, y), key), expected, rtol=1e-3)


def test_the_latent_loss_does_not_move_the_prediction(key):
    """y' is detached: a shift of y' alone gets no gradient from L_z, but one from L_y."""
    rows = jax.random.normal(key, (64, 2))
    batch = (rows, rows[:, :1])

    def gradient(loss):
        def shifted(shift):
            actnorm = eqx.tree_at(lambda layer: layer.loc, ActNorm(2), shift)
            model = BidirectionalMap(actnorm, 2, 1, 1)
            return loss(model, batch, key)

        return jax.jit(jax.grad(shifted))(jnp.asarray([0.5, 0.5]))

    of_z = gradient(only(weight_z=1.0))
    assert of_z[0] == 0
    assert abs(of_z[1]) > 1e-3
    assert_allclose(gradient(only(weight_y=1.0)), [1.0, 0.0], atol=1e-5)


def test_retrodiction_enters_by_and_by(identity, batch, key):
    loss = only(weight_x=500.0)
    full = float(loss(identity, batch, key))
    shares = [float(loss.at(jnp.asarray(t))(identity, batch, key)) / full for t in (0.0, 0.5, 1.0)]
    assert_allclose(shares, [0.004, 2 * np.sqrt(0.002), 1.0], rtol=1e-4)
    constant = dataclasses.replace(loss, ramps_up=False)
    assert constant.at(jnp.asarray(0.0)) is constant


def test_the_likelihood_is_that_of_effect_and_latent(batch, key):
    x, y = batch
    model = BidirectionalMap(
        Permutation([0, 1, 2]), 3, 2, 1, log_noise=jnp.log(jnp.asarray([0.5, 2.0]))
    )
    expected = stats.norm.logpdf(x[:, :2], y, [0.5, 2.0]).sum(axis=1) + stats.norm.logpdf(x[:, 2])
    assert_allclose(bidirectional_likelihood(model, batch, key), -expected.mean(), rtol=1e-5)


def test_padding_of_noise_costs_no_likelihood(batch, key):
    """Standard normal numbers beside x that pass through unchanged tell nothing about x."""
    x, y = batch
    noise = jnp.zeros(2)
    bare = BidirectionalMap(Permutation([0, 1, 2]), 3, 2, 1, log_noise=noise)
    padded = BidirectionalMap(Permutation(range(5)), 3, 2, 1, pads_with_noise=True, log_noise=noise)
    assert_allclose(
        bidirectional_likelihood(padded, (x, y), key),
        bidirectional_likelihood(bare, (x, y), key),
        rtol=1e-5,
    )


def test_gradients_reach_every_number_of_the_network(batch, key):
    network = RealNVP(num_layers=2, width=4, depth=1).build(5, 0, key=key).bijection
    network = jax.tree.map(
        lambda leaf: leaf + 0.1 if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, network
    )
    model = BidirectionalMap(network, 3, 2, 2)
    gradient = eqx.filter_jit(eqx.filter_grad(lambda m: BidirectionalLoss()(m, batch, key)))(model)
    leaves = jax.tree.leaves(gradient)
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert all(np.any(np.asarray(leaf) != 0) for leaf in leaves)


def test_a_negative_weight_is_refused():
    with pytest.raises(ConfigurationError, match="weight_x"):
        BidirectionalLoss(weight_x=-1.0)
