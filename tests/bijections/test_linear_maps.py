"""LU and Householder linear maps, beyond the laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bijection_case import randomise
from numpy.testing import assert_allclose

from retrodict.bijections import HouseholderLinear, LULinear
from retrodict.errors import ConfigurationError

DIM = 4


def matrix_of(linear):
    return np.asarray(jax.jacfwd(linear.forward)(jnp.zeros(DIM)), np.float64)


def test_a_new_lu_map_is_its_permutation(key):
    linear = LULinear(DIM, key=key)
    x = jnp.arange(1.0, 1 + DIM)
    assert sorted(np.asarray(linear.order)) == list(range(DIM))
    assert list(np.asarray(linear.order)) != list(range(DIM))
    assert_allclose(linear.forward(x), np.asarray(x)[linear.order])


def test_an_lu_map_is_the_product_of_its_factors(key):
    linear = randomise(LULinear(DIM, key=key), key)
    lower, upper = np.asarray(linear.lower), np.asarray(linear.upper)
    assert_allclose(lower, np.tril(lower))
    assert_allclose(np.diag(lower), 1)
    assert_allclose(upper, np.triu(upper))
    permutation = np.eye(DIM)[linear.order]
    assert_allclose(matrix_of(linear), permutation @ lower @ upper, rtol=1e-5, atol=1e-6)
    assert_allclose(linear.forward(jnp.zeros(DIM)), linear.bias)


def test_reflections_are_orthogonal_whatever_their_vectors(key):
    linear = randomise(HouseholderLinear(DIM, 3, key=key), key)
    matrix = matrix_of(linear)
    assert_allclose(matrix @ matrix.T, np.eye(DIM), atol=1e-5)
    expected = np.eye(DIM)
    for vector in np.asarray(linear.vectors, np.float64):
        expected = (np.eye(DIM) - 2 * np.outer(vector, vector) / (vector @ vector)) @ expected
    assert_allclose(matrix, expected, atol=1e-5)
    assert_allclose(np.linalg.det(matrix), -1, rtol=1e-5)


def test_there_are_as_many_reflections_as_entries_unless_said_otherwise(key):
    assert HouseholderLinear(DIM, key=key).vectors.shape == (DIM, DIM)
    with pytest.raises(ConfigurationError, match="at least one; got 0"):
        HouseholderLinear(DIM, 0, key=key)
