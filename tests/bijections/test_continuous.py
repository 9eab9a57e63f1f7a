"""Continuous flows beyond the laws: a closed form, estimated traces, limits, gradients."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

from retrodict.bijections import ContinuousFlow, Tolerance, renew_randomness, without_throw
from retrodict.errors import ConfigurationError

MATRIX = np.array([[0.5, -1.2, 0.3], [0.7, -0.4, 0.0], [0.2, 0.1, 0.9]])
TIGHT = Tolerance(1e-7, 1e-7, 1000)
X = np.array([0.3, -1.1, 2.0])

# Each program runs once: the time goes into compiling it.
compiled = functools.partial(eqx.filter_jit, compiler_options={"xla_backend_optimization_level": 0})


class Linear(eqx.Module):
    """v = 2 t A x: then x(1) = exp(A) x(0), and the log-determinant is tr A."""

    matrix: jax.Array

    def __call__(self, t, x, condition):
        return 2 * t * (self.matrix @ x.reshape(-1)).reshape(x.shape)


class Counted(eqx.Module):
    """Tells a test that it was differentiated."""

    seen: list = eqx.field(static=True)

    def __call__(self, t, x, condition):
        @jax.custom_jvp
        def identity(x):
            return x

        @identity.defjvp
        def _(primals, tangents):
            self.seen.append(True)
            return primals[0], tangents[0]

        return identity(x)


def linear(**settings):
    settings = {"tolerance": TIGHT, **settings}
    return ContinuousFlow(Linear(jnp.asarray(MATRIX)), (3,), **settings)


@pytest.mark.parametrize("solver", ["bosh3", "dopri5", "dopri8", "heun", "tsit5"])
def test_a_linear_field_gives_the_matrix_exponential(solver):
    with jax.enable_x64(True):
        flow = linear(solver=solver, tolerance=Tolerance(1e-6, 1e-6, 5000))
        z, log_det = compiled(flow.forward_and_log_det)(jnp.asarray(X))
    assert_allclose(z, scipy.linalg.expm(-MATRIX) @ X, atol=1e-4)
    assert_allclose(log_det, -np.trace(MATRIX), atol=1e-5)


@pytest.mark.parametrize("adjoint", ["recursive-checkpoint", "backsolve"])
def test_gradients_are_those_of_the_closed_form(adjoint):
    def ours(arguments):
        matrix, x = arguments
        flow = ContinuousFlow(Linear(matrix), (3,), adjoint=adjoint, tolerance=TIGHT)
        z, log_det = flow.forward_and_log_det(x)
        return z @ jnp.arange(1.0, 4.0) + 0.5 * log_det

    def closed(arguments):
        matrix, x = arguments
        z = jax.scipy.linalg.expm(-matrix) @ x
        return z @ jnp.arange(1.0, 4.0) - 0.5 * jnp.trace(matrix)

    with jax.enable_x64(True):
        arguments = (jnp.asarray(MATRIX), jnp.asarray(X))
        found, expected = (compiled(jax.grad(f))(arguments) for f in (ours, closed))
    for a, b in zip(found, expected, strict=True):
        assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("probes", ["rademacher", "gaussian"])
def test_the_estimated_log_det_is_unbiased_and_repeats(probes):
    flow = linear(
        trace="hutchinson",
        probes=probes,
        num_probes=2,
        key=jr.key(1),
        tolerance=Tolerance(1e-5, 1e-5),
    )
    x = jnp.asarray(X, jnp.float32)
    keys = jr.split(jr.key(2), 400)
    estimate = lambda key: renew_randomness(flow, key).forward_and_log_det(x)  # noqa: E731
    z, log_dets = compiled(jax.vmap(estimate))(jnp.concatenate([keys, keys[:1]]))
    assert log_dets[-1] == log_dets[0]
    z, log_dets = z[:-1], log_dets[:-1]
    standard_error = log_dets.std() / np.sqrt(len(keys))
    # A probe e sees e^T A e, whose spread about tr A is known for symmetric and other parts.
    symmetric = (MATRIX + MATRIX.T) / 2
    spread = symmetric - np.diag(np.diag(symmetric)) if probes == "rademacher" else symmetric
    assert_allclose(standard_error, np.linalg.norm(spread) / np.sqrt(len(keys)), rtol=0.15)
    assert abs(log_dets.mean() + np.trace(MATRIX)) < 4 * standard_error
    assert_allclose(z, np.tile(scipy.linalg.expm(-MATRIX) @ X, (len(keys), 1)), atol=1e-3)


@pytest.mark.parametrize(("num", "is_estimated"), [(16, False), (17, True)])
def test_auto_estimates_the_trace_of_many_entries(num, is_estimated):
    flow = ContinuousFlow(Linear(jnp.eye(num)), (num,), key=jr.key(0))
    assert (flow.randomness is not None) == is_estimated


def test_a_map_without_its_log_det_does_not_differentiate():
    seen = []
    flow = ContinuousFlow(Counted(seen), (3,))
    x = jnp.asarray(X, jnp.float32)
    jax.eval_shape(flow.forward, x)
    jax.eval_shape(flow.inverse, x)
    assert not seen
    jax.eval_shape(flow.forward_and_log_det, x)
    assert seen


def test_point_clouds_keep_their_shape():
    flow = ContinuousFlow(Linear(jnp.diag(jnp.arange(6.0))), (3, 2))
    z, log_det = compiled(flow.forward_and_log_det)(jnp.ones((3, 2)))
    assert_allclose(z, np.exp(-np.arange(6.0)).reshape(3, 2), rtol=1e-3)
    assert_allclose(log_det, -15.0, rtol=1e-4)


def test_a_step_limit_is_an_error_or_nan():
    flow = linear(tolerance=Tolerance(1e-6, 1e-6, max_steps=2))
    x = jnp.asarray(X, jnp.float32)
    with pytest.raises(eqx.EquinoxRuntimeError, match=r"A continuous flow did not reach.* 2 steps"):
        compiled(flow.forward)(x)
    z, log_det = compiled(without_throw(flow).forward_and_log_det)(x)
    assert np.isnan(z).all()
    assert np.isnan(log_det)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"solver": "euler"}, "solver 'euler'"),
        ({"adjoint": "forward"}, "adjoint"),
        ({"trace": "approximate"}, "trace"),
        ({"probes": "uniform"}, "probes"),
        ({"num_probes": 0}, "num_probes=0"),
        ({"trace": "hutchinson"}, "no key"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        linear(**settings)


def test_a_field_of_another_shape_is_refused():
    flow = ContinuousFlow(lambda t, x, condition: x[:2], (3,))
    with pytest.raises(ConfigurationError, match=r"shape of x, \(3,\); got \(2,\)"):
        flow.forward(jnp.asarray(X, jnp.float32))
