import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict import diagnostics
from retrodict.errors import ConfigurationError, ConstantColumnError
from retrodict.objectives import (
    Gaussian,
    InverseMultiquadric,
    PowerInverseMultiquadric,
    RationalQuadratic,
    Rescaled,
)

KERNELS = {
    "inverse-multiquadric": InverseMultiquadric(),
    "power": PowerInverseMultiquadric(),
    "gaussian": Gaussian(0.8),
    "rational-quadratic": RationalQuadratic(bandwidth=0.8),
    "rescaled": Rescaled(InverseMultiquadric(), 1.7),
}
UNKNOWN = {
    "gaussian": Gaussian(),
    "rational-quadratic": RationalQuadratic(),
    "rescaled": Rescaled(PowerInverseMultiquadric()),
}


@pytest.mark.parametrize("name", KERNELS)
def test_it_is_positive_definite_and_falls_with_distance(name, rng):
    kernel, points = KERNELS[name], rng.normal(size=(60, 2))
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    values = np.asarray(kernel(jnp.asarray(squared, dtype=jnp.float32)), dtype=float)
    assert np.linalg.eigvalsh(values).min() > -1e-5
    distances = jnp.linspace(0, 5, 50, dtype=jnp.float32)
    assert np.all(np.diff(kernel(distances**2)) < 0)


def test_rational_quadratic_is_a_mixture_of_gaussians(rng):
    # 1 / bandwidth^2 is gamma distributed: a second way to the same value.
    exponent, bandwidth, distance = 1.5, 0.7, 1.1
    precision = rng.gamma(exponent, 1 / (exponent * bandwidth**-2) ** -1 / exponent**2, 400_000)
    precision *= bandwidth**-2 / precision.mean()
    gaussians = np.exp(-precision * distance**2 / 2)
    kernel = RationalQuadratic((exponent,), bandwidth)
    assert_allclose(kernel(jnp.float32(distance**2)), gaussians.mean(), rtol=5e-3)


def test_rational_quadratic_tends_to_the_gaussian():
    squared = jnp.linspace(0, 4, 20, dtype=jnp.float32)
    many = RationalQuadratic((1e4,), 1.3)(squared)
    assert_allclose(many, Gaussian(1.3)(squared), rtol=2e-3)


def test_rescaled_measures_in_units_of_its_scale():
    squared = jnp.linspace(0, 4, 20, dtype=jnp.float32)
    assert_allclose(Rescaled(Gaussian(0.5), 3.0)(squared), Gaussian(1.5)(squared), rtol=1e-6)


@pytest.mark.parametrize("name", UNKNOWN)
def test_the_median_distance_fills_in_what_is_missing(name, rng):
    first, second = rng.normal(size=(120, 2)), 3 * rng.normal(size=(100, 2))
    pooled = np.concatenate([first, second])
    distances = [np.linalg.norm(a - b) for i, a in enumerate(pooled) for b in pooled[:i]]
    fitted = UNKNOWN[name].fitted(first, second)
    scale = fitted.scale if name == "rescaled" else fitted.bandwidth
    assert_allclose(scale, np.median(distances))
    assert fitted.fitted(10 * first, second) == fitted
    assert f"={scale}" in fitted.label


def test_what_a_rescaled_kernel_misses_is_found_in_its_units(rng):
    points = rng.normal(size=(200, 2))
    fitted = Rescaled(Gaussian(), 2.0).fitted(points[:100], points[100:])
    assert isinstance(fitted.kernel, Gaussian)
    assert_allclose(
        fitted.kernel.bandwidth, Gaussian().fitted(points[:100], points[100:]).bandwidth / 2
    )
    assert fitted.label == f"Rescaled(kernel={fitted.kernel.label}, scale=2.0)"


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_kernel_without_bandwidth_says_what_to_do(name):
    with pytest.raises(ConfigurationError, match="median heuristic"):
        UNKNOWN[name](jnp.ones(3))


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_median_of_zero_is_refused(name):
    with pytest.raises(ConstantColumnError, match="median distance"):
        UNKNOWN[name].fitted(np.ones((30, 2)), np.ones((30, 2)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: InverseMultiquadric((0.1, 0.0)),
        lambda: InverseMultiquadric(()),
        lambda: PowerInverseMultiquadric(((0.1, -1.0),)),
        lambda: Gaussian(float("nan")),
        lambda: RationalQuadratic((1.0, -1.0)),
        lambda: RationalQuadratic(bandwidth=0.0),
        lambda: Rescaled(Gaussian(), -1.0),
    ],
)
def test_senseless_bandwidths_are_refused(make):
    with pytest.raises(ConfigurationError, match="positive"):
        make()


def test_diagnostics_offer_the_same_kernels():
    assert diagnostics.Gaussian is Gaussian
    assert diagnostics.Rescaled is Rescaled


@pytest.mark.parametrize("name", KERNELS)
def test_bandwidths_may_be_traced(name):
    traced = jax.tree.map(jnp.float32, KERNELS[name])
    squared = jnp.linspace(0, 4, 5, dtype=jnp.float32)
    compiled = eqx.filter_jit(lambda kernel: kernel(squared))(traced)
    assert_allclose(compiled, KERNELS[name](squared), rtol=1e-6)
