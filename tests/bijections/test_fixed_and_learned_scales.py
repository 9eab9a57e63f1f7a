"""Standardising, ActNorm and random rotations, beyond the laws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.bijections import ActNorm, RandomOrthogonal, initialise_actnorm, standardise
from retrodict.errors import ConstantColumnError, NonFiniteError, ShapeError, TooFewRowsError


def rows(seed=0):
    return np.random.default_rng(seed).normal([1.0, -30.0], [0.1, 20.0], size=(200, 2))


def test_standardised_rows_have_mean_zero_and_variance_one():
    z = np.asarray(jax.vmap(standardise(rows()).forward)(jnp.asarray(rows(), jnp.float32)))
    assert_allclose(z.mean(axis=0), [0, 0], atol=1e-5)
    assert_allclose(z.std(axis=0), [1, 1], rtol=1e-5)


def test_integers_can_be_standardised():
    assert_allclose(standardise(np.array([[1], [3]])).loc, [2.0])


def test_standardising_is_not_trained():
    gradients = eqx.filter_grad(
        lambda b: sum(jnp.sum(v) for v in b.forward_and_log_det(jnp.ones(2)))
    )(standardise(rows()))
    assert all(not leaf.any() for leaf in jax.tree.leaves(gradients))


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.zeros(3), ShapeError, r"\(rows, dim\)"),
        (np.zeros((1, 2)), TooFewRowsError, "got 1"),
        (np.array([[0.0, 1.0], [np.inf, 2.0]]), NonFiniteError, "row 1, column 0"),
        (np.array([[0.0, 1.0], [1.0, 1.0]]), ConstantColumnError, "Column 1"),
    ],
)
def test_rows_without_a_scale_are_refused(bad, error, message):
    with pytest.raises(error, match=message):
        standardise(bad)


def test_actnorm_starts_from_data_and_leaves_the_old_one_alone():
    actnorm = ActNorm(2)
    data = jnp.asarray(rows(), jnp.float32)
    started = initialise_actnorm(actnorm, data)
    z = np.asarray(jax.vmap(started.forward)(data))
    assert_allclose(z.mean(axis=0), [0, 0], atol=1e-4)
    assert_allclose(z.std(axis=0), [1, 1], rtol=1e-4)
    assert not actnorm.loc.any()


def test_actnorm_keeps_scale_one_where_nothing_varies():
    started = initialise_actnorm(ActNorm(2), jnp.array([[1.0, 5.0], [3.0, 5.0]]))
    assert_allclose(started.log_scale, [0.0, 0.0])
    assert_allclose(started.loc, [2.0, 5.0])


def test_actnorm_is_trained():
    gradients = eqx.filter_grad(lambda b: b.forward(jnp.ones(2)).sum())(ActNorm(2))
    assert gradients.loc.all()
    assert gradients.log_scale.all()


def test_rotations_are_haar():
    """First and second moments of Q; without the sign fix the diagonal would be biased."""
    num, dim = 400, 3
    keys = jax.random.split(jax.random.key(0), num)
    matrices = np.asarray(jax.vmap(lambda key: RandomOrthogonal(dim, key=key).matrix)(keys))
    assert_allclose(
        matrices @ matrices.transpose(0, 2, 1),
        np.broadcast_to(np.eye(dim), matrices.shape),
        atol=1e-5,
    )
    standard_error = np.sqrt(1 / dim / num)
    assert np.abs(matrices.mean(axis=0)).max() < 4 * standard_error
    # Var(Q_ij^2) = 3 / (d (d + 2)) - 1 / d^2.
    standard_error = np.sqrt((3 / (dim * (dim + 2)) - 1 / dim**2) / num)
    assert np.abs((matrices**2).mean(axis=0) - 1 / dim).max() < 4 * standard_error


def test_rotations_are_not_trained():
    """Weight decay changes a floating-point array even without a gradient: there is none."""
    rotation = RandomOrthogonal(3, key=jax.random.key(0))
    assert not jax.tree.leaves(eqx.filter(rotation, eqx.is_inexact_array))


def test_a_rotation_can_be_used_in_another_precision():
    rotation = RandomOrthogonal(3, key=jax.random.key(0))
    with jax.enable_x64(True):
        z = rotation.forward(jnp.arange(3.0))
    assert z.dtype == "float64"
    assert_allclose(z, rotation.forward(jnp.arange(3.0)), rtol=1e-5)
