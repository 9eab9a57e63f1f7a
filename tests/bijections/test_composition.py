"""Chains, stacks and permutations, beyond the laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bijection_case import COND_DIM, DIM
from cases_basic import affine, coupling
from numpy.testing import assert_allclose

from retrodict.bijections import AffineTransformer, Chain, Permutation, Repeat
from retrodict.errors import ConfigurationError

X = jnp.array([0.3, -1.0, 2.0])


def test_a_chain_applies_its_first_link_first():
    permutation = Permutation([2, 0, 1])
    expected = permutation.forward(affine(None).forward(X))
    assert_allclose(Chain([affine(None), permutation]).forward(X), expected)


def test_a_stack_is_the_chain_of_its_layers():
    condition = jnp.array([0.5, -0.2])
    layers = [
        coupling(AffineTransformer(), COND_DIM)(key)
        for key in jax.random.split(jax.random.key(0), 3)
    ]
    for result, expected in zip(
        Repeat(layers).forward_and_log_det(X, condition),
        Chain(layers).forward_and_log_det(X, condition),
        strict=True,
    ):
        assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_a_permutation_takes_entry_order_i_to_i():
    assert_allclose(Permutation([2, 0, 1]).forward(X), np.asarray(X)[[2, 0, 1]])


@pytest.mark.parametrize(
    "build",
    [
        lambda: Permutation([0, 0, 1]),
        lambda: Permutation([1, 2, 3]),
        lambda: Chain([]),
        lambda: Repeat([]),
        lambda: Chain([affine(None), Permutation([1, 0])]),
    ],
)
def test_impossible_compositions_are_refused(build):
    with pytest.raises(ConfigurationError):
        build()


def test_the_shape_of_a_chain_is_that_of_its_links():
    assert Chain([affine(None)]).shape == (DIM,)
