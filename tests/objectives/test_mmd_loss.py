import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.diagnostics import mmd
from retrodict.errors import ConfigurationError, ShapeError, TooFewRowsError
from retrodict.objectives import (
    Gaussian,
    InverseMultiquadric,
    PowerInverseMultiquadric,
    RationalQuadratic,
    mmd_squared,
)

KERNELS = {
    "gaussian": Gaussian(1.3),
    "inverse-multiquadric": InverseMultiquadric(),
    "power": PowerInverseMultiquadric(((0.2, 2.0), (1.5, 2.0), (3.0, 2.0))),
    "rational-quadratic": RationalQuadratic(bandwidth=0.6),
}


def two_samples(rng, dim, num_first=40, num_second=30):
    first = rng.normal(size=(num_first, dim)) / np.sqrt(dim)
    second = 0.3 + 0.8 * rng.normal(size=(num_second, dim)) / np.sqrt(dim)
    return jnp.asarray(first, dtype=jnp.float32), jnp.asarray(second, dtype=jnp.float32)


def double_sum(first, second, bandwidth, biased):
    """The definition for a Gaussian kernel, in double precision."""

    def values(a, b):
        squared = ((a[:, None] - b[None]) ** 2).sum(-1)
        return np.exp(-squared / (2 * bandwidth**2))

    def within(a):
        k = values(a, a)
        return k.mean() if biased else (k.sum() - len(a)) / (len(a) * (len(a) - 1))

    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    return within(first) + within(second) - 2 * values(first, second).mean()


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("dim", [1, 3, 40])
def test_value_is_that_of_a_double_sum(biased, dim, rng):
    first, second = two_samples(rng, dim)
    value = mmd_squared(first, second, Gaussian(0.9), biased=biased)
    assert_allclose(value, double_sum(first, second, 0.9, biased), atol=1e-6)


@pytest.mark.parametrize("name", KERNELS)
def test_it_agrees_with_the_diagnostic(name, rng):
    first, second = two_samples(rng, 3)
    value = mmd_squared(first, second, KERNELS[name], biased=False)
    assert_allclose(value, mmd(first, second, kernel=KERNELS[name]).squared, atol=2e-6)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("dim", [2, 40])
def test_gradient_is_that_of_differences(biased, dim, rng):
    first, second = two_samples(rng, dim, 6, 5)
    gradient = jax.grad(mmd_squared)(first, second, Gaussian(0.9), biased=biased)
    step, first = 1e-5, np.asarray(first, dtype=float)
    for i, j in [(0, 0), (3, 1), (5, 0)]:
        moved = np.zeros(first.shape)
        moved[i, j] = step
        difference = double_sum(first + moved, second, 0.9, biased) - double_sum(
            first - moved, second, 0.9, biased
        )
        assert_allclose(gradient[i, j], difference / (2 * step), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("dim", [2, 40])
def test_gradients_are_finite_where_points_are_equal(name, dim, rng):
    first, _ = two_samples(rng, dim)
    first = first.at[1].set(first[0])
    for biased in (True, False):
        gradient = jax.grad(mmd_squared)(first, first, KERNELS[name], biased=biased)
        assert np.isfinite(gradient).all()
    assert_allclose(mmd_squared(first, first, KERNELS[name]), 0, atol=1e-6)


def test_descent_finds_the_shift_between_two_samples(rng):
    first, _ = two_samples(rng, 2)
    shift = jnp.asarray([1.0, -0.5], dtype=jnp.float32)
    slope = jax.jit(
        jax.grad(lambda guess: mmd_squared(first + guess, first + shift, Gaussian(1.0)))
    )
    guess = jnp.zeros(2, dtype=jnp.float32)
    for _ in range(60):
        guess -= slope(guess)
    assert_allclose(guess, shift, atol=1e-3)


@pytest.mark.parametrize("dim", [24, 60])
def test_no_array_over_both_samples_and_all_columns(dim):
    points = jnp.zeros((500, dim), dtype=jnp.float32)
    kernel = InverseMultiquadric()
    program = jax.jit(jax.grad(lambda a, b: mmd_squared(a, b, kernel))).lower(points, points)
    memory = program.compile({"xla_backend_optimization_level": 2}).memory_analysis()
    assert memory.temp_size_in_bytes < 4 * 500**2 * dim


def test_a_sample_of_another_space_is_refused():
    with pytest.raises(ShapeError, match=r"\(4, 2\) and \(4, 3\)"):
        mmd_squared(jnp.zeros((4, 2)), jnp.zeros((4, 3)), Gaussian(1.0))


def test_one_row_has_no_pairs():
    assert mmd_squared(jnp.zeros((1, 2)), jnp.zeros((1, 2)), Gaussian(1.0)) == 0
    with pytest.raises(TooFewRowsError, match="At least 2 rows"):
        mmd_squared(jnp.zeros((1, 2)), jnp.zeros((4, 2)), Gaussian(1.0), biased=False)


def test_a_kernel_that_has_seen_no_data_is_refused():
    with pytest.raises(ConfigurationError, match="fitted"):
        mmd_squared(jnp.zeros((4, 2)), jnp.ones((4, 2)), Gaussian())
