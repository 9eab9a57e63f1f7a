"""Piecewise linear maps and the knots that a number of values can tell."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtri

from retrodict.repair.monotone import (
    expected_quantiles,
    fewest_values,
    knot_probabilities,
    piecewise_linear,
    quantiles_of_present,
)


def test_between_knots_it_is_numpys():
    rng = np.random.default_rng(0)
    source, target = np.sort(rng.normal(size=(2, 7)), axis=1)
    values = rng.uniform(source[0], source[-1], 100)
    assert_allclose(piecewise_linear(values, source, target), np.interp(values, source, target))


def test_beyond_knots_distances_from_the_middle_keep_their_ratio():
    source, target = np.array([-1.0, 0.5, 1.0]), np.array([2.0, 3.0, 7.0])
    # Twice and three times as far from (.5, 3) as the outer knots.
    assert_allclose(piecewise_linear(np.array([-2.5, 2.0]), source, target), [1.0, 15.0])


def test_the_inverse_exchanges_the_knots():
    rng = np.random.default_rng(1)
    source, target = np.cumsum(rng.exponential(size=(2, 5, 3, 1)), axis=1)
    values = 10 * rng.normal(size=(3, 50))
    there = piecewise_linear(values, source, target)
    assert_allclose(piecewise_linear(there, target, source), values, atol=1e-10)


def test_a_piece_of_no_width_is_a_step_onto_its_upper_end():
    source, target = np.array([0.0, 1.0, 1.0, 2.0, 4.0]), np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    values = np.array([0.5, 1 - 1e-9, 1.0, 1.5])
    assert_allclose(piecewise_linear(values, source, target), [0.5, 1.0, 2.0, 2.5], atol=1e-8)
    # Going there and back gives the value again, which is what coverage with ties rests on.
    back = piecewise_linear(piecewise_linear(values, source, target), target, source)
    assert_allclose(back, values, atol=1e-8)


def test_a_further_value_lies_below_the_quantile_with_its_probability():
    rng = np.random.default_rng(2)
    probabilities = knot_probabilities(19)
    values, further = rng.exponential(size=(19, 40_000)), rng.exponential(size=40_000)
    share = (further < expected_quantiles(values, probabilities)).mean(axis=1)
    whole = np.isclose(probabilities * 20 % 1, 0)
    assert whole.sum() > 4
    assert_allclose(share[whole], probabilities[whole], atol=4 * 0.5 / np.sqrt(40_000))
    # Between two order statistics it is nearly so.
    assert_allclose(share, probabilities, atol=0.01)


@pytest.mark.parametrize("num", [16, 19, 39, 99, 199, 5000])
def test_knots_are_those_that_the_values_tell(num):
    probabilities = knot_probabilities(num)
    assert_allclose(probabilities, 1 - probabilities[::-1])
    assert probabilities[len(probabilities) // 2] == 0.5
    assert (np.diff(probabilities) > 0).all()
    assert len(probabilities) >= 3
    assert fewest_values(probabilities[0]) <= num
    assert_array_equal(np.isin(probabilities, knot_probabilities(10_000)), True)
    if probabilities[0] > 0.01:
        fewer_needed = np.setdiff1d(knot_probabilities(10_000), probabilities)
        assert fewest_values(fewer_needed[fewer_needed < 0.5].max()) > num


def test_quantiles_of_present_values_are_numpys():
    rng = np.random.default_rng(4)
    probabilities = knot_probabilities(300)
    values = rng.exponential(size=(300, 30))
    values[rng.random(values.shape) < np.linspace(0, 0.96, 30)] = np.nan
    values[:285, -1] = np.nan  # leaves 15 at most
    found = quantiles_of_present(values, probabilities)
    counts = (~np.isnan(values)).sum(axis=0)
    assert len(np.unique(counts)) > 20
    for column, count, quantiles in zip(values.T, counts, found.T, strict=True):
        if count < 16:
            assert np.isnan(quantiles).all()
            continue
        own = np.isin(probabilities, knot_probabilities(int(count)))
        present = column[~np.isnan(column)]
        expected = expected_quantiles(present, probabilities[own])
        assert_allclose(quantiles[own], expected, rtol=1e-12)
        # Beyond those that they tell, in proportion to the distance from the median.
        z = ndtri(probabilities)
        middle, first = len(z) // 2, np.flatnonzero(own)[0]
        slope = (quantiles[first] - quantiles[middle]) / z[first]
        assert_allclose(quantiles[:first], quantiles[middle] + slope * z[:first], rtol=1e-10)
    assert np.isnan(found[:, -1]).all()
