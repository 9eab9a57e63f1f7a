import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom, kstest

from retrodict.diagnostics import Gaussian, InverseMultiquadric, mmd, mmd_test, permutation_test
from retrodict.errors import ConfigurationError, ShapeError, TooFewRowsError


def double_sum(first, second, bandwidth):
    """Unbiased MMD^2 under a Gaussian kernel, by its definition in double precision."""

    def values(a, b):
        return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / (2 * bandwidth**2))

    def within(a):
        return (values(a, a).sum() - len(a)) / (len(a) * (len(a) - 1))

    return within(first) + within(second) - 2 * values(first, second).mean()


@pytest.mark.parametrize("sizes", [(40, 40), (30, 55), (90, 7)])
@pytest.mark.parametrize("dim", [1, 3, 40])
def test_squared_is_that_of_a_double_sum(sizes, dim, rng):
    first = rng.normal(size=(sizes[0], dim)) + 100.0
    second = rng.normal(size=(sizes[1], dim)) + 100.3
    kernel = Gaussian(float(np.sqrt(dim)))
    result = mmd_test(first, second, kernel=kernel, num_permutations=99)
    assert_allclose(result.squared, double_sum(first, second, np.sqrt(dim)), atol=2e-6)
    assert_allclose(result.squared, mmd(first, second, kernel=kernel).squared, atol=2e-6)


def test_null_values_are_those_of_permuted_samples(rng):
    # Seven draws against two: 36 labellings, each of which can be listed.
    pooled = rng.normal(size=(9, 2))
    listed = []
    for i in range(9):
        for j in range(i):
            others = np.delete(pooled, [i, j], axis=0)
            listed.append(double_sum(others, pooled[[i, j]], 0.9))
    result = mmd_test(pooled[:7], pooled[7:], kernel=Gaussian(0.9), num_permutations=2000)
    distances = np.abs(result.null[:, None] - np.array(listed))
    assert distances.min(axis=1).max() < 2e-6
    # Each of them comes up as often as the others.
    counts = np.bincount(distances.argmin(axis=1), minlength=36)
    assert counts.min() >= binom.ppf(1e-4, 2000, 1 / 36)
    assert counts.max() <= binom.ppf(1 - 1e-4, 2000, 1 / 36)
    exact = np.mean(np.array(listed) >= listed[-1] - 1e-6)
    assert_allclose(result.p_value, exact, atol=4 * np.sqrt(exact * (1 - exact) / 2000) + 1e-3)


def test_blocks_and_passes_do_not_change_the_result(monkeypatch, rng):
    first, second = rng.normal(size=(101, 2)), rng.normal(size=(90, 2))
    whole = mmd_test(first, second, num_permutations=120)
    monkeypatch.setattr(permutation_test, "BLOCK_ELEMENTS", 40 * 191)
    monkeypatch.setattr(permutation_test, "LABEL_ELEMENTS", 50 * 191)
    permutation_test._label_sums._cached.clear_cache()
    pieces = mmd_test(first, second, num_permutations=120)
    permutation_test._label_sums._cached.clear_cache()
    assert_allclose(pieces.null, whole.null, atol=1e-6)
    assert_allclose(pieces.squared, whole.squared, atol=1e-6)
    assert pieces.p_value == whole.p_value


@pytest.mark.parametrize("sizes", [(30, 30), (20, 60)])
def test_p_values_are_uniform_where_nothing_differs(sizes):
    rng = np.random.default_rng(3)
    p_values = [
        mmd_test(
            rng.normal(size=(sizes[0], 2)), rng.normal(size=(sizes[1], 2)),
            num_permutations=199, random_state=repeat,
        ).p_value
        for repeat in range(150)
    ]  # fmt: skip
    assert kstest(p_values, "uniform").pvalue > 1e-3
    num_rejected = np.sum(np.array(p_values) <= 0.05)
    assert num_rejected <= binom.ppf(1 - 1e-4, 150, 0.05)


def test_the_truth_passes_and_lies_do_not(lie):
    rng = np.random.default_rng(5)
    exact, other = rng.normal(size=(300, 2)), rng.normal(size=(300, 2))
    wrong = lie.get("shift", 0.0) + lie.get("width", 1.0) * other
    assert mmd_test(exact, other).passed
    assert not mmd_test(exact, wrong).passed


def test_the_labels_have_no_say_in_the_kernel(rng):
    # 900 draws of one side outweigh 40 of another spread: a median per side would show it.
    first, second = rng.normal(size=(900, 1)), 5 * rng.normal(size=(40, 1))
    assert mmd_test(first, second, num_permutations=99).kernel.bandwidth < 1.3


def test_identical_samples_are_not_told_apart(rng):
    points = rng.normal(size=(40, 2))
    assert mmd_test(points, points, num_permutations=199).p_value == 1.0


def test_the_same_state_gives_the_same_answer(rng):
    first, second = rng.normal(size=(2, 50, 2))
    results = [
        mmd_test(first, second, num_permutations=99, random_state=state) for state in (1, 1, 2)
    ]
    assert np.array_equal(results[0].null, results[1].null)
    assert not np.array_equal(results[0].null, results[2].null)


def test_the_result_speaks_and_is_json(rng):
    first, second = rng.normal(size=(2, 60, 2))
    same, other = mmd_test(first, second), mmd_test(first, second + 2, kernel=InverseMultiquadric())
    assert "no more than chance" in str(same)
    assert "the samples differ" in str(other)
    assert json.loads(json.dumps(other.to_dict()))["p_value"] == 0.001


def test_senseless_requests_are_refused(rng):
    points = rng.normal(size=(20, 2))
    with pytest.raises(ConfigurationError, match="50 permutations"):
        mmd_test(points, points, num_permutations=50)
    with pytest.raises(ShapeError, match="same columns"):
        mmd_test(points, points[:, :1])
    with pytest.raises(TooFewRowsError, match="20 and 1"):
        mmd_test(points, points[:1])
