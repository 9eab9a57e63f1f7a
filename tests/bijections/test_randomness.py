import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.bijections import (
    ActNorm,
    Chain,
    InvertibleResidual,
    Randomness,
    Repeat,
    is_random,
    renew_randomness,
)
from retrodict.distributions import AbstractDistribution, StandardNormal, Transformed
from retrodict.objectives import negative_log_likelihood


class OneDraw(AbstractDistribution):
    """Its log-density is one number drawn with its key: what each row got can be read off."""

    randomness: Randomness
    shape: tuple[int, ...] = (1,)
    cond_shape: tuple[int, ...] | None = None

    def log_prob(self, x, condition=None):
        return x[0] * jr.normal(self.randomness.key)

    def sample(self, key, condition=None):
        raise AssertionError("nothing draws from it: its log-density is what is looked at")


@pytest.fixture
def stack(key):
    layers = [
        Chain([InvertibleResidual(2, width=2, depth=1, log_det="unbiased", key=k), ActNorm(2)])
        for k in jr.split(key, 3)
    ]
    return Chain([Repeat(layers), layers[0]])


def keys_of(tree):
    is_node = lambda node: isinstance(node, Randomness)  # noqa: E731
    nodes = [node for node in jax.tree.leaves(tree, is_leaf=is_node) if is_node(node)]
    return np.concatenate([np.reshape(node.data, (-1, 2)) for node in nodes])


def test_it_holds_the_key_that_it_was_given(key):
    assert jr.normal(Randomness(key).key) == jr.normal(key)


def test_renewal_gives_every_layer_its_own_and_leaves_the_rest(stack, key):
    renewed = renew_randomness(stack, key)
    assert len(np.unique(keys_of(renewed), axis=0)) == 4
    assert eqx.tree_equal(jax.tree.structure(renewed), jax.tree.structure(stack))
    assert not np.isin(keys_of(renewed), keys_of(stack)).any()
    weights = lambda tree: eqx.filter(tree, eqx.is_inexact_array)  # noqa: E731
    assert eqx.tree_equal(weights(renewed), weights(stack))


def test_renewal_depends_on_its_key_alone(stack):
    first, again, other = (keys_of(renew_randomness(stack, jr.key(i))) for i in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any(axis=1).all()


def test_only_models_that_estimate_are_random(stack, key):
    assert is_random(Transformed(StandardNormal((2,)), stack))
    assert not is_random(InvertibleResidual(2, width=2, depth=1, key=key))


def test_rows_of_the_likelihood_are_independent_and_new_for_each_key(key):
    model = OneDraw(Randomness(key))
    num_rows = 400

    def each_row(key):
        """The gradient in row i is -1 / rows times what that row drew."""
        loss = lambda x: negative_log_likelihood(model, (x, None), key)  # noqa: E731
        return -num_rows * jax.grad(loss)(jnp.ones((num_rows, 1)))[:, 0]

    first, again, other = (np.asarray(each_row(jr.key(i))) for i in (1, 1, 2))
    assert_allclose(first, again)
    assert len(np.unique(first)) == num_rows
    assert abs(first.mean()) < 4 / np.sqrt(num_rows)
    assert abs(first.std() - 1) < 4 / np.sqrt(2 * num_rows)
    for one, two in ((first, other), (first[1:], first[:-1])):
        assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(num_rows)
