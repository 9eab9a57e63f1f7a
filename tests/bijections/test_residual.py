import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from bijection_case import randomise
from numpy.testing import assert_allclose

from retrodict.bijections import (
    ActNorm,
    Affine,
    AffineTransformer,
    Chain,
    Coupling,
    Invert,
    InvertibleResidual,
    LinearRegression,
    RandomOrthogonal,
    Repeat,
    Tolerance,
    lipschitz_bounds,
    renew_randomness,
    without_throw,
)
from retrodict.errors import ConfigurationError
from retrodict.flows import ResidualFlow
from retrodict.networks import LipschitzMLP

DIM = 4
bounds_of = eqx.filter_jit(lipschitz_bounds)


def block(key, dim=DIM, cond_dim=0, **settings):
    """With weights far above their bound, so that the whole bound is used."""
    key_build, key_noise = jr.split(key)
    settings = {"width": 8, "depth": 1, **settings}
    new = randomise(InvertibleResidual(dim, cond_dim, key=key_build, **settings), key_noise)
    weights = [10 * layer.weight for layer in new.network.layers]
    return eqx.tree_at(lambda b: [layer.weight for layer in b.network.layers], new, weights)


@pytest.mark.parametrize("lipschitz", [1.0, 1.5, float("inf"), float("nan")])
def test_a_bound_of_one_or_more_is_refused_with_the_reason(lipschitz, key):
    with pytest.raises(ConfigurationError, match=r"inverse need not exist.*turns back"):
        InvertibleResidual(2, lipschitz=lipschitz, key=key)
    with pytest.raises(ConfigurationError, match="more layers"):
        ResidualFlow(lipschitz=lipschitz).build(2, key=key)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lipschitz": 0.0}, "nothing to learn"),
        ({"lipschitz": -0.5}, "nothing to learn"),
        ({"log_det": "approximate"}, "unbiased"),
        ({"num_terms": 0}, "at least one term"),
    ],
)
def test_other_settings_without_a_meaning_are_refused(settings, message, key):
    with pytest.raises(ConfigurationError, match=message):
        InvertibleResidual(2, key=key, **settings)


@pytest.mark.parametrize(("dim", "is_exact"), [(32, True), (33, False)])
def test_the_log_det_is_estimated_in_many_dimensions_only(dim, is_exact, key):
    assert (InvertibleResidual(dim, width=2, depth=1, key=key).randomness is None) == is_exact


def test_the_inverse_is_within_1e5_at_the_default_bound(key):
    """A whole flow with large random weights, in single precision, there and back."""
    keys = jr.split(key, 4)
    layers = [Chain([block(k, width=32, depth=2), ActNorm(DIM)]) for k in keys]
    flow = Repeat(layers)
    assert flow.layers.bijections[0].lipschitz == 0.9
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1000, DIM)), jnp.float32)

    @eqx.filter_jit
    def there_and_back(flow, x):
        return jax.vmap(lambda x: flow.inverse(flow.forward(x)))(x)

    assert_allclose(there_and_back(flow, x), x, rtol=0, atol=1e-5)


def test_what_is_promised_is_the_error_and_not_the_step():
    """g(x) = -L x: the slowest contraction there is, with a known inverse z / (1 - L)."""
    with jax.enable_x64(True):
        new = InvertibleResidual(
            1, width=1, depth=1, activation="sin", lipschitz=0.98, key=jr.key(0),
            tolerance=Tolerance(rtol=0.0, atol=1e-5),
        )  # fmt: skip
        weights = [jnp.array([[1e3]]), jnp.array([[-1e3]])]
        network = eqx.tree_at(
            lambda n: [*(layer.weight for layer in n.layers), n.layers[0].bias], new.network,
            [*weights, jnp.zeros(1)],
        )  # fmt: skip
        new = eqx.tree_at(lambda b: b.network, new, network)
        z = jnp.array([1e-5])  # where sin x = x
        slope = float(eqx.filter_jit(LipschitzMLP.lipschitz_bound)(network))
        assert slope == pytest.approx(0.98, rel=1e-9)
        error = abs(new.inverse(z)[0] - z[0] / (1 - slope))
        assert 1e-6 < error <= 1e-5  # kept, and by no more than needed: g leaves no slack


def test_too_few_steps_raise_or_give_nan(key):
    tolerance = Tolerance(rtol=1e-6, atol=1e-6, max_steps=2)
    hasty = block(key, tolerance=tolerance)
    z = jnp.array([0.3, -2.0, 1.0, 0.5])
    with pytest.raises(RuntimeError, match=r"inverse of a residual block did not reach.*2 steps"):
        eqx.filter_jit(lambda b: b.inverse(z))(hasty)
    x, log_det = eqx.filter_jit(lambda b: b.inverse_and_log_det(z))(without_throw(hasty))
    assert np.isnan(x).all()
    assert np.isnan(log_det)


def test_one_bad_row_does_not_spoil_the_others(key):
    hasty = without_throw(block(key, tolerance=Tolerance(rtol=1e-3, atol=1e-3, max_steps=40)))
    z = jnp.stack([jnp.ones(DIM), jnp.full(DIM, jnp.inf), -jnp.ones(DIM)])
    x = eqx.filter_jit(lambda b: jax.vmap(b.inverse)(z))(hasty)
    assert np.isfinite(x[np.array([0, 2])]).all()
    assert np.isnan(x[1]).all()


def test_gradients_of_the_inverse_are_those_of_the_implicit_function_theorem():
    """d x = (1 + J)^-1 (dz - dg), in z, the condition and every weight, under vmap."""
    with jax.enable_x64(True):
        tolerance = Tolerance(rtol=1e-12, atol=1e-12)
        layer = block(jr.key(1), cond_dim=2, tolerance=tolerance)
        rng = np.random.default_rng(0)
        z, c = jnp.asarray(rng.normal(size=(5, DIM))), jnp.asarray(rng.normal(size=(5, 2)))
        row = jnp.array([1.0, -2.0, 0.5, 3.0])

        def inverse(arrays, z, c):
            return eqx.combine(arrays, static).inverse(z, c)

        arrays, static = eqx.partition(layer, eqx.is_inexact_array)

        @jax.jit
        @jax.vmap
        def both(z, c):
            x, pull_back = jax.vjp(inverse, arrays, z, c)
            found = pull_back(row)
            forward = lambda arrays, x, c: eqx.combine(arrays, static).forward(x, c)  # noqa: E731
            _, pull_forward = jax.vjp(forward, arrays, x, c)
            jacobian = jax.jacrev(forward, argnums=1)(arrays, x, c)
            adjoint = jnp.linalg.solve(jacobian.T, row)
            by_weights, _, by_condition = pull_forward(-adjoint)
            return found, (by_weights, adjoint, by_condition)

        found, expected = both(z, c)
    for leaf, value in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.isfinite(leaf).all()
        assert_allclose(leaf, value, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_series_and_its_gradient_are_unbiased(seed):
    """Within four standard errors of the exact log-determinant, each number of them."""
    estimated = block(jr.key(seed), dim=3, log_det="unbiased", lipschitz=0.7, num_terms=1)
    exact = eqx.tree_at(
        lambda b: b.randomness, estimated, None, is_leaf=lambda node: node is None
    )  # fmt: skip
    x = jnp.array([0.4, -0.7, 1.1])

    def log_det(layer, x):
        return layer.forward_and_log_det(x)[1]

    def value_and_gradients(layer, x):
        value, pull_back = eqx.filter_vjp(log_det, layer, x)
        weights, by_x = pull_back(jnp.ones(()))
        by_layer = [weights.network.layers[i].weight.ravel() for i in range(2)]
        return jnp.concatenate([value[None], by_x, *by_layer])

    def estimate(key):
        return value_and_gradients(renew_randomness(estimated, key), x)

    draws = np.asarray(eqx.filter_jit(eqx.filter_vmap(estimate))(jr.split(jr.key(seed), 20_000)))
    truth = np.asarray(eqx.filter_jit(value_and_gradients)(exact, x))
    error = draws.mean(axis=0) - truth
    standard_error = draws.std(axis=0) / np.sqrt(len(draws)) + 1e-6
    assert draws[:, 0].std() > 0.05
    assert abs(truth[0]) > 10 * standard_error[0]
    assert (abs(error) < 4.5 * standard_error).all()
    assert standard_error.max() < 0.05


def test_the_two_directions_of_an_estimate_cancel(key):
    layer = block(key, cond_dim=2, log_det="unbiased")
    x, c = jnp.array([0.3, -2.0, 1.0, 0.5]), jnp.array([1.0, -1.0])

    @eqx.filter_jit
    def there_and_back(layer):
        z, log_det = layer.forward_and_log_det(x, c)
        return log_det, *layer.inverse_and_log_det(z, c)

    log_det, back, back_log_det = there_and_back(layer)
    assert_allclose(back, x, atol=1e-5)
    assert_allclose(back_log_det, -log_det, atol=1e-4)
    other, *_ = there_and_back(renew_randomness(layer, jr.key(5)))
    assert other != log_det


def largest_stretch(function, points):
    jacobians = jax.jit(jax.vmap(jax.jacrev(function)))(points)
    return np.linalg.norm(np.asarray(jacobians), 2, axis=(1, 2)).max()


def test_no_point_is_stretched_further_than_the_bounds_say(key):
    k1, k2, k3, k4 = jr.split(key, 4)

    def layer(key):
        return Chain([block(key, lipschitz=0.6), randomise(ActNorm(DIM), key)])

    scale = randomise(Coupling(AffineTransformer(clamp=0.5), DIM, 0, 0, key=k3), k3)
    flow = Chain(
        [
            Repeat([layer(k1), layer(k2)]),
            RandomOrthogonal(DIM, key=k3),
            Affine(np.zeros(DIM, np.float32), np.array([0.5, -1, 1, 4], np.float32)),
            Invert(block(k4, lipschitz=0.3)),
            scale,
        ]
    )
    x = jnp.asarray(np.random.default_rng(0).normal(size=(200, DIM)), jnp.float32)
    bounds = bounds_of(flow)
    stretch = largest_stretch(flow.forward, x)
    shrink = np.linalg.norm(
        np.linalg.inv(np.asarray(jax.jit(jax.vmap(jax.jacrev(flow.forward)))(x))), 2, axis=(1, 2)
    ).max()  # fmt: skip
    assert 0.02 * bounds.forward < stretch <= bounds.forward < 1e3
    assert 0.02 * bounds.inverse < shrink <= bounds.inverse < 1e3


def test_the_bounds_of_one_block_are_those_of_its_weights(key):
    new = InvertibleResidual(DIM, width=8, depth=1, key=key)
    assert bounds_of(new) == (1, 1)
    trained = bounds_of(block(key, lipschitz=0.6))
    assert_allclose(trained, (1.6, 1 / 0.4), rtol=1e-5)


def test_linear_maps_and_couplings_have_theirs():
    root = np.array([[0.5, 0.0], [0.3, 1.5]], np.float32)
    layer = LinearRegression(np.zeros((2, 1), np.float32), np.zeros(2, np.float32), root)
    singular = np.linalg.svd(root, compute_uv=False)
    assert_allclose(bounds_of(layer), (1 / singular.min(), singular.max()), rtol=1e-5)
    coupling = Coupling(AffineTransformer(), 2, 1, width=2, depth=1, key=jr.key(0))
    assert np.isinf(bounds_of(Chain([coupling, ActNorm(2)]))).all()


def test_a_small_point_with_a_large_image_converges_too(key):
    """Rounding of z = x + g(x) then lets the steps cycle above a tolerance of x alone."""
    network = block(key).network
    bias = jnp.asarray([8.0, -9.0, 10.0, 11.0])
    new = eqx.tree_at(lambda b: b.network.layers[-1].bias, block(key), bias)
    assert network.lipschitz == 0.9
    x = 0.1 * jr.normal(key, (20_000, DIM))
    z = jax.vmap(new.forward)(x)
    found = jax.vmap(without_throw(new).inverse)(z)
    assert np.isfinite(found).all()
    assert np.abs(found - x).max() < 9 * 4 * np.finfo(np.float32).eps * 20


def test_large_numbers_that_cancel_inside_a_block_converge_too(key):
    """Shifts of a hundred in front of a value of one are rounded to the digits of a hundred."""
    new = eqx.tree_at(
        lambda b: [layer.bias for layer in b.network.layers[:-1]],
        block(key),
        replace_fn=lambda bias: bias + 400.0,
    )
    last = new.network.layers[-1].bias
    new = eqx.tree_at(lambda b: b.network.layers[-1].bias, new, last - new.network(jnp.zeros(DIM)))
    x = jr.normal(key, (20_000, DIM))
    z = jax.vmap(new.forward)(x)
    found = jax.vmap(without_throw(new).inverse)(z)
    assert np.isfinite(found).all()
    rounding = jax.vmap(new.network.given().rounding)(x).max()
    assert 1e-5 < rounding < 1e-3
    assert np.abs(found - x).max() < 2 / (1 - 0.9) * rounding
