import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.bijections import Chain, InvertibleResidual, Tolerance, without_throw
from retrodict.errors import ConfigurationError

VALUE = jnp.array([1.0, -2.0])


@pytest.mark.parametrize("throw", [True, False])
def test_a_solution_that_converged_is_passed_on_with_its_gradient(throw):
    tolerance = Tolerance(throw=throw)

    def square(value):
        return (tolerance.checked(value, jnp.array(True), "The inverse") ** 2).sum()

    value, gradient = jax.jit(jax.value_and_grad(square))(VALUE)
    assert value == 5
    assert_allclose(gradient, 2 * VALUE)


@pytest.mark.parametrize("compile_", [eqx.filter_jit, lambda function: function])
def test_a_miss_raises_and_says_what_and_how_much(compile_):
    tolerance = Tolerance(rtol=1e-5, atol=1e-4, max_steps=7)
    checked = compile_(lambda value, ok: tolerance.checked(value, ok, "The inverse of a mirror"))
    with pytest.raises(RuntimeError, match=r"inverse of a mirror did not.*1e-05.*0.0001.*7 steps"):
        jax.block_until_ready(checked(VALUE, jnp.array(False)))


def test_without_throw_each_row_that_missed_is_nan():
    tolerance = without_throw(Tolerance())
    values, ok = jnp.arange(6.0).reshape(3, 2), jnp.array([True, False, True])
    found = jax.vmap(lambda value, ok: tolerance.checked(value, ok, "It"))(values, ok)
    assert_allclose(found, np.where(np.asarray(ok)[:, None], values, np.nan))


def test_without_throw_reaches_every_layer_and_changes_nothing_else(key):
    tolerance = Tolerance(rtol=1e-4, atol=1e-3, max_steps=9)
    layers = [
        InvertibleResidual(2, width=2, depth=1, tolerance=tolerance, key=k)
        for k in jax.random.split(key)
    ]
    quiet = without_throw(Chain(layers))
    for layer, before in zip(quiet.bijections, layers, strict=True):
        assert layer.tolerance == Tolerance(rtol=1e-4, atol=1e-3, max_steps=9, throw=False)
        assert before.tolerance.throw
        assert eqx.tree_equal(layer.network, before.network)


@pytest.mark.parametrize(
    "settings",
    [{"rtol": -1.0}, {"atol": -1e-9}, {"rtol": 0.0, "atol": 0.0}, {"rtol": float("nan")}],
)
def test_tolerances_that_are_not_positive_are_refused(settings):
    with pytest.raises(ConfigurationError, match="positive"):
        Tolerance(**settings)


def test_one_of_the_two_may_be_zero_but_not_the_steps():
    assert Tolerance(rtol=0.0).rtol == 0
    with pytest.raises(ConfigurationError, match="at least one step"):
        Tolerance(max_steps=0)
