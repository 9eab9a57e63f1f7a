import json
from typing import get_args

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom, ks_2samp, kstest, mannwhitneyu, norm, ttest_ind

from retrodict.diagnostics import TwoSampleTest, mmd_test, two_sample_test
from retrodict.diagnostics.two_samples import Method
from retrodict.errors import ConfigurationError, NonFiniteError, ShapeError, TooFewRowsError

METHODS = get_args(Method)
CLASSICAL = METHODS[:3]


def samples(rng, num_first=80, num_second=60):
    first = rng.normal(size=(num_first, 3))
    second = rng.normal(size=(num_second, 3)) * [1.0, 1.5, 1.0] + [0.4, 0.0, 0.0]
    # The last column has ties.
    first[:, 2], second[:, 2] = first[:, 2].round(), second[:, 2].round()
    return first, second


def test_z_is_welchs_statistic_against_the_normal(rng):
    first, second = samples(rng)
    result = two_sample_test(first, second, method="z")
    statistic = ttest_ind(first, second, equal_var=False).statistic
    assert_allclose(result.statistics, statistic)
    assert_allclose(result.p_values, 2 * norm.cdf(-np.abs(statistic)))


def test_wilcoxon_is_that_of_scipy(rng):
    first, second = samples(rng)
    result = two_sample_test(first, second, method="wilcoxon")
    theirs = mannwhitneyu(first, second, method="asymptotic", use_continuity=False)
    assert_allclose(result.p_values, theirs.pvalue)
    assert np.array_equal(np.sign(result.statistics), np.sign(theirs.statistic - 80 * 60 / 2))


def test_kolmogorov_smirnov_is_that_of_scipy(rng):
    first, second = samples(rng)
    result = two_sample_test(first, second, method="kolmogorov-smirnov")
    for j in range(3):
        theirs = ks_2samp(first[:, j], second[:, j])
        assert_allclose(
            [result.statistics[j], result.p_values[j]], [theirs.statistic, theirs.pvalue]
        )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unit", [2.0**-1000, 2.0**1000])
def test_the_unit_changes_nothing_where_squares_would_overflow_or_vanish(rng, method, unit):
    first, second = samples(rng)
    second[:, 0] += 1
    result = two_sample_test(first * unit, second * unit, method=method, num_permutations=99)
    usual = two_sample_test(first, second, method=method, num_permutations=99)
    assert_allclose(result.statistics, usual.statistics, rtol=1e-12)
    assert_allclose(result.p_values, usual.p_values, rtol=1e-12)
    assert not result.passed


def test_mmd_is_that_of_standardised_columns(rng):
    first, second = samples(rng)
    units = np.array([1.0, 1e6, 1e-6])
    result = two_sample_test(first * units, second * units, num_permutations=199)
    scale = np.concatenate([first, second]).std(axis=0)
    theirs = mmd_test(first / scale, second / scale, num_permutations=199)
    assert_allclose([result.statistics[0], result.p_value], [theirs.squared, theirs.p_value], 1e-4)
    assert result.names == ("all columns",)


def test_holm_by_hand():
    p_values = np.array([0.03, 0.01, 0.4, 0.02])
    result = TwoSampleTest("z", tuple("abcd"), np.zeros(4), p_values, 20, 20)
    assert_allclose(result.adjusted_p_values, [0.06, 0.04, 0.4, 0.06])
    assert_allclose(result.p_value, 0.04)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dim", [1, 2])
def test_size_is_kept_where_nothing_differs(method, dim):
    rng, repeats = np.random.default_rng(11), 120
    p_values = np.array(
        [
            two_sample_test(
                rng.normal(size=(60, dim)), rng.normal(size=(80, dim)), method=method,
                num_permutations=199, random_state=repeat,
            ).p_value
            for repeat in range(repeats)
        ]
    )  # fmt: skip
    assert (p_values <= 0.05).sum() <= binom.ppf(1 - 1e-4, repeats, 0.05)
    if dim == 1 and method != "kolmogorov-smirnov":  # whose p-values are discrete
        assert kstest(p_values, "uniform").pvalue > 1e-3


def shifted(rng):
    return rng.normal(size=(200, 2)) + np.array([0.8, 0.0])


def wider(rng):
    return rng.normal(size=(200, 2)) * [2.0, 1.0]


def correlated(rng):
    x = rng.normal(size=(200, 2))
    return np.stack([x[:, 0], 0.9 * x[:, 0] + np.sqrt(0.19) * x[:, 1]], axis=1)


@pytest.mark.parametrize(
    ("other", "seen_by"),
    [
        (shifted, set(METHODS)),
        (wider, {"kolmogorov-smirnov", "mmd"}),
        (correlated, {"mmd"}),
    ],
    ids=["mean", "spread", "correlation"],
)
@pytest.mark.parametrize("seed", range(2))
def test_each_sees_what_it_should(other, seen_by, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(200, 2)), other(rng)
    results = {method: two_sample_test(first, second, method=method) for method in METHODS}
    assert {method for method, result in results.items() if not result.passed} == seen_by


@pytest.mark.parametrize("method", CLASSICAL)
def test_it_names_the_column(method, rng):
    first, second = rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + np.array([0.0, 2.0])
    result = two_sample_test(first, second, method=method, names=["mass", "charge"])
    assert "differ in charge (" in str(result)
    assert json.loads(json.dumps(result.to_dict()))["adjusted_p_values"]["charge"] < 1e-6
    assert "agree within chance" in str(two_sample_test(first, first, method=method))


@pytest.mark.parametrize("method", CLASSICAL)
def test_constant_columns(method, rng):
    first, second = rng.normal(size=(30, 1)), rng.normal(size=(30, 1))
    first, second = (np.concatenate([s, np.ones((30, 1))], axis=1) for s in (first, second))
    assert two_sample_test(first, second, method=method).p_values[1] == 1.0
    assert two_sample_test(first, second + np.array([0, 1]), method=method).p_values[1] < 1e-6


def test_a_constant_column_adds_nothing_to_mmd(rng):
    first, second = rng.normal(size=(2, 40, 1))
    more = [np.concatenate([s, np.ones((40, 1))], axis=1) for s in (first, second)]
    alone = two_sample_test(first, second, num_permutations=99)
    assert_allclose(two_sample_test(*more, num_permutations=99).statistics, alone.statistics, 1e-4)


def test_one_column_may_be_a_vector(rng):
    first, second = rng.normal(size=(2, 50))
    flat = two_sample_test(first, second, method="z")
    assert_allclose(
        flat.p_values, two_sample_test(first[:, None], second[:, None], method="z").p_values
    )
    assert flat.names == ("x1",)


def test_bad_input_is_refused(rng):
    points = rng.normal(size=(30, 2))
    with pytest.raises(ConfigurationError, match="Unknown two-sample test 't'"):
        two_sample_test.__wrapped__(points, points, method="t")
    with pytest.raises(TooFewRowsError, match="30 and 5"):
        two_sample_test(points, points[:5])
    with pytest.raises(ShapeError, match="same columns"):
        two_sample_test(points, points[:, :1])
    with pytest.raises(ConfigurationError, match="names"):
        two_sample_test(points, points, names=["one"])
    points[3, 1] = np.nan
    with pytest.raises(NonFiniteError, match="first"):
        two_sample_test(points, points[:20])
