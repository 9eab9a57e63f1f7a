import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

from retrodict.training.optimiser import AdamW, global_norm


@pytest.mark.parametrize("weight_decay", [None, 0.3])
@pytest.mark.parametrize("clip_norm", [0.5, 1e6])
def test_steps_agree_with_optax(rng, weight_decay, clip_norm):
    parameters = {"a": jnp.asarray(rng.normal(size=(3, 2)), jnp.float32), "b": jnp.ones(4)}
    ours = AdamW(
        clip_norm=jnp.asarray(clip_norm),
        weight_decay=None if weight_decay is None else jnp.asarray(weight_decay),
        betas=(0.8, 0.95),
    )
    theirs = optax.chain(
        optax.clip_by_global_norm(clip_norm),
        optax.adamw(0.01, b1=0.8, b2=0.95, weight_decay=weight_decay or 0.0),
    )
    expected = parameters
    with jax.numpy_dtype_promotion("standard"):
        reference = theirs.init(parameters)
    state = ours.initial(parameters)
    for step in range(5):
        gradient = jax.tree.map(lambda p, step=step: jnp.sin(7.0 * p + float(step)), parameters)
        parameters, state = ours.update(
            parameters, gradient, global_norm(gradient), state, jnp.asarray(0.01)
        )
        with jax.numpy_dtype_promotion("standard"):
            updates, reference = theirs.update(gradient, reference, expected)
            expected = optax.apply_updates(expected, updates)
    for name in parameters:
        assert_allclose(parameters[name], expected[name], rtol=1e-5)


def test_the_norm_is_that_of_one_vector():
    tree = {"a": jnp.array([3.0, 0.0]), "b": jnp.array([[4.0]]), "c": jnp.array(12.0)}
    assert_allclose(global_norm(tree), 13.0)


def test_clipping_shortens_and_keeps_the_direction():
    # Adam forgets the scale of a gradient, so its first moment is what shows clipping.
    optimiser = AdamW(clip_norm=jnp.asarray(1.0), weight_decay=None, betas=(0.9, 0.999))
    parameters = jnp.zeros(2)
    for gradient, expected in [((3.0, 4.0), (0.06, 0.08)), ((0.3, 0.4), (0.03, 0.04))]:
        g = jnp.array(gradient)
        _, state = optimiser.update(
            parameters, g, global_norm(g), optimiser.initial(parameters), jnp.asarray(0.1)
        )
        assert_allclose(np.asarray(state.mu), expected, rtol=1e-6)


def test_a_zero_gradient_leaves_the_parameters():
    optimiser = AdamW(clip_norm=jnp.asarray(1.0), weight_decay=None, betas=(0.9, 0.999))
    parameters = jnp.array([1.0, -2.0])
    zero = jnp.zeros(2)
    moved, _ = optimiser.update(
        parameters, zero, global_norm(zero), optimiser.initial(parameters), jnp.asarray(0.1)
    )
    assert_allclose(moved, parameters)
