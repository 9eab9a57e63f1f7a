import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.diagnostics import (
    Gaussian,
    InverseMultiquadric,
    PowerInverseMultiquadric,
    mmd,
    mmd_per_observation,
)
from retrodict.diagnostics.mmd import _row_sums

FORMULAS = {
    "inverse_multiquadric": (
        InverseMultiquadric(),
        lambda d: 1 / (1 + d**2 / 0.05**2) + 1 / (1 + d**2 / 0.2**2) + 1 / (1 + d**2 / 0.9**2),
    ),
    "power": (
        PowerInverseMultiquadric(((0.2, 2.0), (1.5, 0.5))),
        lambda d: 0.2**2 / ((0.2 + d**2) / 2) ** 2 + 1.5**0.5 / ((1.5 + d**2) / 0.5) ** 0.5,
    ),
    "gaussian": (Gaussian(1.3), lambda d: np.exp(-0.5 * (d / 1.3) ** 2)),
}


def naive_mmd(first, second, formula):
    """The definition, pair by pair, in double precision."""
    within = [
        np.mean(
            [
                formula(np.linalg.norm(a - b))
                for i, a in enumerate(s)
                for j, b in enumerate(s)
                if i != j
            ]
        )
        for s in (first, second)
    ]
    between = np.mean([formula(np.linalg.norm(a - b)) for a in first for b in second])
    return sum(within) - 2 * between


def gaussian_mmd_closed_form(mean, sd, bandwidth, dim):
    """MMD^2 of N(0, I) and N(mean (1, ..., 1), sd^2 I) under the Gaussian kernel."""

    def expected(variance, squared_shift):
        total = bandwidth**2 + variance
        return (bandwidth**2 / total) ** (dim / 2) * np.exp(-squared_shift / (2 * total))

    return expected(2, 0) + expected(2 * sd**2, 0) - 2 * expected(1 + sd**2, dim * mean**2)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dim", [1, 3, 40])
def test_value_is_that_of_a_double_loop(name, dim, rng):
    kernel, formula = FORMULAS[name]
    first = rng.normal(size=(35, dim)) / np.sqrt(dim)
    second = 0.3 + rng.normal(size=(50, dim)) / np.sqrt(dim)
    result = mmd(first, second, kernel=kernel)
    assert_allclose(result.squared, naive_mmd(first, second, formula), rtol=2e-6, atol=2e-7)
    assert_allclose(float(mmd(second, first, kernel=kernel)), result.squared, atol=2e-7)


@pytest.mark.parametrize("dim", [2, 40])
def test_blocks_add_up(dim, rng):
    # More than one block of rows, the last one smaller.
    first, second = rng.normal(size=(1700, dim)), 1.1 * rng.normal(size=(1301, dim))

    def kernel(a, b):
        squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
        return np.exp(-squared / (2 * dim))

    expected = (
        (kernel(first, first).sum() - 1700) / (1700 * 1699)
        + (kernel(second, second).sum() - 1301) / (1301 * 1300)
        - 2 * kernel(first, second).mean()
    )
    result = mmd(first, second, kernel=Gaussian(float(np.sqrt(dim))))
    assert_allclose(result.squared, expected, atol=3e-7)


def test_estimate_is_unbiased_and_agrees_with_the_closed_form(rng):
    # With so few draws a biased estimate, diagonal included, would be .1 too large.
    num_observations, dim, mean, sd, bandwidth = 4000, 2, 0.4, 1.3, 1.2
    first = rng.normal(size=(num_observations, 8, dim))
    second = mean + sd * rng.normal(size=(num_observations, 11, dim))
    squared = mmd_per_observation(first, second, kernel=Gaussian(bandwidth)).squared
    expected = gaussian_mmd_closed_form(mean, sd, bandwidth, dim)
    standard_error = squared.std() / np.sqrt(num_observations)
    assert standard_error < 0.1 * expected
    assert abs(squared.mean() - expected) < 4 * standard_error


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dim", [3, 40])
def test_biased_estimate_counts_each_point_with_itself(name, dim, rng):
    kernel, formula = FORMULAS[name]
    first, second = rng.normal(size=(35, dim)), 0.3 + rng.normal(size=(50, dim))

    def mean_of_all(a, b):
        return np.mean([formula(np.linalg.norm(x - y)) for x in a for y in b])

    expected = mean_of_all(first, first) + mean_of_all(second, second)
    expected -= 2 * mean_of_all(first, second)
    result = mmd(first, second, kernel=kernel, biased=True)
    assert_allclose(result.squared, expected, rtol=2e-6, atol=4e-7)
    assert str(result).startswith("Biased")
    assert_allclose(mmd(first, first, kernel=kernel, biased=True).squared, 0, atol=2e-5)


def test_each_observation_is_compared_with_its_own(rng):
    first, second = rng.normal(size=(5, 60, 3)), rng.normal(size=(5, 80, 3)) + 100.0
    second[2] -= 100.0
    result = mmd_per_observation(first, second)
    alone = [mmd(a, b).squared for a, b in zip(first, second, strict=True)]
    assert_allclose(result.squared, alone, atol=1e-7)
    assert int(np.argmin(result.squared)) == 2
    assert_allclose([result.mean, result.median], [np.mean(alone), np.median(alone)], atol=1e-7)


@pytest.mark.parametrize("dim", [3, 40])
def test_distance_from_the_origin_does_not_matter(dim, rng):
    first, second = rng.normal(size=(50, dim)), rng.normal(size=(50, dim))
    near, far = mmd(first, second), mmd(first + 1e6, second + 1e6)
    assert_allclose(far.squared, near.squared, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_exact_draws_pass_and_wrong_ones_do_not(lie, seed):
    rng = np.random.default_rng(seed)
    exact = rng.normal(size=(20, 300, 2))
    other = rng.normal(size=(20, 300, 2))
    wrong = lie.get("shift", 0.0) + lie.get("width", 1.0) * other
    chance = mmd_per_observation(exact, other)
    standard_error = chance.squared.std() / np.sqrt(20)
    assert abs(chance.mean) < 4 * standard_error
    assert mmd_per_observation(exact, wrong).mean > 10 * standard_error


def test_median_heuristic(rng):
    first, second = rng.normal(size=(120, 2)), 3 * rng.normal(size=(100, 2))
    pooled = np.concatenate([first, second])
    distances = [np.linalg.norm(a - b) for i, a in enumerate(pooled) for b in pooled[:i]]
    result = mmd(first, second, kernel=Gaussian())
    assert_allclose(result.kernel.bandwidth, np.median(distances))
    explicit = mmd(first, second, kernel=Gaussian(float(np.median(distances))))
    assert_allclose(result.squared, explicit.squared)
    assert "bandwidth=" in result.to_dict()["kernel"]


def test_memory_is_linear():
    points = jnp.zeros((1, 100_000, 3))
    kernel = jax.tree.map(jnp.asarray, InverseMultiquadric())
    compiled = _row_sums.lower(kernel, points, points).compile()
    assert compiled.compiled.memory_analysis().temp_size_in_bytes < 2**26


def test_dictionaries_are_json(rng):
    first, second = rng.normal(size=(3, 30, 2)), rng.normal(size=(3, 40, 2))
    one, many = mmd(first[0], second[0]), mmd_per_observation(first, second)
    assert json.loads(json.dumps(one.to_dict()))["squared"] == float(one)
    assert json.loads(json.dumps(many.to_dict()))["num_second"] == 40
    assert "30 and 40 draws" in str(one)
    assert "median" in str(many)
