"""One observation or many, by name or by place, and how far outside the training range."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from retrodict.errors import (
    ColumnNotFoundError,
    NonFiniteError,
    NotNumericError,
    OutOfBoundsError,
    ShapeError,
)
from retrodict.tables import check_observation, outside_range
from retrodict.variables import Variable

STRENGTH, AGE = Variable("strength", "MPa"), Variable("age", "days", lower=0.0)
BOTH = (STRENGTH, AGE)


@pytest.mark.parametrize(
    "y",
    [
        [60.0, 28],
        (60, 28),
        np.array([60, 28]),
        jnp.array([60.0, 28.0]),
        {"age": 28, "strength": 60.0},
        {"age": np.float32(28), "strength": jnp.array(60.0)},
        pd.Series({"age": 28.0, "cement": 300.0, "strength": 60.0}),
        pd.Series({"age": 28.0, "kind": "text", "strength": 60.0}),
        pd.Series([60.0, 28.0]),
    ],
)
def test_one_observation(y):
    values, is_single = check_observation(y, BOTH)
    assert is_single
    assert_array_equal(values, [[60, 28]])
    assert values.dtype == np.float64


@pytest.mark.parametrize(
    "y",
    [
        [[60.0, 28], [50, 7]],
        jnp.array([[60.0, 28.0], [50.0, 7.0]]),
        {"age": [28, 7], "strength": [60.0, 50.0]},
        pd.DataFrame({"age": [28, 7], "kind": ["u", "v"], "strength": [60.0, 50.0]}),
        pd.DataFrame([[60.0, 28], [50, 7]]),
    ],
)
def test_a_batch(y):
    values, is_single = check_observation(y, BOTH)
    assert not is_single
    assert_array_equal(values, [[60, 28], [50, 7]])


@pytest.mark.parametrize(
    ("y", "expected", "single"),
    [
        (60.0, [[60]], True),
        ([60.0], [[60]], True),
        ({"strength": 60.0}, [[60]], True),
        (pd.Series([60.0]), [[60]], True),
        (pd.Series({"strength": 60.0}), [[60]], True),
        ([[60.0]], [[60]], False),
        ([[60.0], [50.0]], [[60], [50]], False),
        ({"strength": [60.0, 50.0]}, [[60], [50]], False),
        (pd.Series([60.0, 50.0], name="strength"), [[60], [50]], False),
        (pd.Series([60.0, 50.0], ["u", "v"], name="strength"), [[60], [50]], False),
    ],
)
def test_one_observable(y, expected, single):
    values, is_single = check_observation(y, [STRENGTH])
    assert_array_equal(values, expected)
    assert is_single == single


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([60.0], ShapeError, r"2 numbers \(strength, age\); got 1"),
        ([60.0, 28, 3], ShapeError, r"2 numbers \(strength, age\); got 3"),
        (60.0, ShapeError, r"got 1"),
        ([], ShapeError, r"got 0"),
        (pd.Series([60.0]), ShapeError, r"got 1"),
        (np.ones((3, 3)), ShapeError, r"2 columns \(strength, age\); got 3"),
        (np.ones((0, 2)), ShapeError, "0 sample"),
        (np.ones((1, 1, 2)), ShapeError, "two dimensions"),
        ([[60.0, 28], [50]], ShapeError, "not a matrix"),
        ({"strength": 60.0, "ages": 28}, ColumnNotFoundError, "no column called `age`"),
        ({"strength": 60.0, "age": 28, "c": 1}, ColumnNotFoundError, "model .*called `c`"),
        ({"strength": 60.0, "age": [28]}, ShapeError, "not: strength"),
        (pd.Series({"strength": 60.0}), ColumnNotFoundError, "`age`"),
        (pd.DataFrame({"strength": [60.0]}), ColumnNotFoundError, "`age`"),
        (["60", "28"], NotNumericError, "Column `strength`"),
        ({"strength": "strong", "age": 28}, NotNumericError, "'strong'"),
        ([60j, 28], NotNumericError, "Complex"),
        ([np.nan, 28], NonFiniteError, r"row 0 \(strength = nan\)"),
        ({"strength": np.inf, "age": 28}, NonFiniteError, r"strength = inf"),
        ([60.0, -1], OutOfBoundsError, r"row 0 \(age = -1\)"),
    ],
)
def test_observations_that_are_none(y, error, message):
    with pytest.raises(error, match=message) as caught:
        check_observation(y, BOTH)
    assert caught.value.hint


def test_a_misspelt_observable_offers_the_nearest():
    with pytest.raises(ColumnNotFoundError) as caught:
        check_observation({"strenght": 60.0, "age": 28}, BOTH)
    assert "`strenght`" in caught.value.hint


def test_many_values_of_one_observable_need_a_column():
    with pytest.raises(ShapeError) as caught:
        check_observation([60.0, 50.0], [STRENGTH])
    assert "reshape(-1, 1)" in caught.value.hint


LOWER, UPPER = np.array([2.0, 1.0]), np.array([82.0, 365.0])


def outside(*rows, lower=LOWER, upper=UPPER):
    return outside_range(np.array(rows, dtype=float), lower, upper, ["strength", "age"])


def test_inside_the_training_range_nothing_is_said():
    assert outside([60, 28], [2, 365], [82, 1]) is None


def test_how_far_outside_in_widths_of_the_range():
    assert outside([122, 28]) == (
        "The observation lies outside the training range, where a posterior is extrapolation: "
        "strength = 122 is 0.5 widths of it above [2, 82]."
    )
    assert "strength = -18 is 0.25 widths of it below [2, 82]" in outside([-18, 28])
    both = outside([122, 729])
    assert "strength = 122" in both
    assert "age = 729 is 1 widths of it above [1, 365]" in both


def test_of_many_observations_the_farthest_is_told():
    sentence = outside([60, 28], [90, 28], [242, 28], [0, 28])
    assert sentence.startswith("3 of 4 observations lie outside")
    assert "farthest, strength = 242 is 2 widths" in sentence
    assert outside([60, 28], [90, 28]).startswith("1 of 2 observations lies outside")


def test_a_range_without_width():
    sentence = outside([5, 28], lower=np.array([4.0, 1.0]), upper=np.array([4.0, 365.0]))
    assert "strength = 5 is 1 above [4, 4]" in sentence
