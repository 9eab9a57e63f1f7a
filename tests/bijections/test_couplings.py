"""Couplings, volume-preserving and hierarchical ones, beyond the laws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from bijection_case import randomise
from numpy.testing import assert_allclose

from retrodict.bijections import (
    AdditiveTransformer,
    AffineTransformer,
    ComposedTransformer,
    Coupling,
    HierarchicalCoupling,
    VolumePreservingAffineTransformer,
)
from retrodict.errors import ConfigurationError

SMALL = {"width": 8, "depth": 1}


def moved_jacobian(transformer, key):
    """Of two kept and three moved entries."""
    coupling = randomise(Coupling(transformer, 5, 2, key=key, **SMALL), key)
    x = jnp.array([0.5, -1.0, 2.0, 0.3, -0.7])
    jacobian = jax.jit(jax.jacfwd(coupling.forward))(x)
    return np.asarray(jacobian)[2:, 2:], eqx.filter_jit(coupling.forward_and_log_det)(x)[1]


def test_scales_that_multiply_to_one(key):
    """They differ between the entries all the same, within the bounds of the clamp."""
    jacobian, log_det = moved_jacobian(VolumePreservingAffineTransformer(), key)
    log_scales = np.log(np.diag(jacobian))
    assert_allclose(log_scales.sum(), 0, atol=1e-6)
    assert_allclose(log_det, 0, atol=1e-6)
    assert np.ptp(log_scales) > 0.1
    _, log_det = moved_jacobian(AffineTransformer(), key)
    assert abs(log_det) > 0.1


def test_a_composed_transformer_ties_the_parameters_of_both(key):
    preserving = VolumePreservingAffineTransformer()
    for transformer in (
        ComposedTransformer(preserving, AdditiveTransformer()),
        ComposedTransformer(AdditiveTransformer(), preserving),
    ):
        jacobian, log_det = moved_jacobian(transformer, key)
        assert np.ptp(np.diag(jacobian)) > 0.1
        assert_allclose(log_det, 0, atol=1e-6)


def test_the_clamp_bounds_the_scales_however_large_the_parameters():
    transformer = VolumePreservingAffineTransformer(clamp=0.5)
    tied = transformer.tie(jnp.array([[1e6, 0.0], [-1e6, 1.0], [-1e6, 2.0]]))
    assert_allclose(tied[:, 0], [2 / 3, -1 / 3, -1 / 3], rtol=1e-4)
    assert_allclose(tied[:, 1], [0, 1, 2])


@pytest.mark.parametrize("num_kept", [-1, 3, 4])
def test_a_coupling_that_moves_nothing_is_refused(num_kept, key):
    with pytest.raises(ConfigurationError, match=f"keeps 0 to 2 of 3 .* got num_kept={num_kept}"):
        Coupling(AffineTransformer(), 3, num_kept, 2, key=key)


@pytest.mark.parametrize("dim", [2, 3, 6])
def test_a_hierarchical_coupling_is_a_triangular_map(dim, key):
    coupling = randomise(HierarchicalCoupling(AffineTransformer(), dim, key=key, **SMALL), key)
    x = jr.normal(key, (dim,))
    jacobian = np.asarray(jax.jit(jax.jacfwd(coupling.forward))(x))
    assert_allclose(np.triu(jacobian, 1), 0)
    assert (jacobian[np.tril_indices(dim)] != 0).all()
    assert jacobian[0, 0] == 1
    assert (np.diag(jacobian)[1:] != 1).all()


def test_a_hierarchical_coupling_splits_at_least_two_entries(key):
    with pytest.raises(ConfigurationError, match="got dim=1"):
        HierarchicalCoupling(AffineTransformer(), 1, 2, key=key)
