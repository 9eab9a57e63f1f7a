"""Whatever a user brings becomes one matrix, or a named error."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_array_equal

from retrodict.errors import (
    ColumnNotFoundError,
    DataError,
    NonFiniteError,
    NotNumericError,
    OutOfBoundsError,
    ShapeError,
)
from retrodict.tables import as_matrix
from retrodict.variables import Variable

VALUES = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
AGE, MASS = Variable("age", lower=0.0), Variable("mass", lower=0.0, upper=100.0)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (VALUES, None),
        (VALUES.astype(np.float32), None),
        (VALUES.astype(int), None),
        (np.asfortranarray(VALUES), None),
        (jnp.asarray(VALUES, jnp.float32), None),
        (jnp.asarray(VALUES, jnp.bfloat16), None),
        (VALUES.tolist(), None),
        (np.ma.MaskedArray(VALUES), None),
        (pd.DataFrame(VALUES), None),
        (pd.DataFrame(VALUES, columns=["age", "mass"]), ("age", "mass")),
        (pd.DataFrame(VALUES, columns=["age", "mass"]).astype("Float64"), ("age", "mass")),
        ({"age": [1, 2, 4], "mass": jnp.array([10.0, 20.0, 40.0])}, ("age", "mass")),
    ],
)
def test_what_is_accepted(data, names):
    matrix = as_matrix(data)
    assert_array_equal(matrix.values, VALUES)
    assert matrix.values.dtype == np.float64
    assert matrix.values.flags.c_contiguous
    assert matrix.names == names


def test_a_series_is_one_named_column_with_its_index():
    matrix = as_matrix(pd.Series([1, 2], name="age", index=[7, 9]))
    assert_array_equal(matrix.values, [[1], [2]])
    assert matrix.names == ("age",)
    assert matrix.index.tolist() == [7, 9]


def test_the_values_are_a_copy():
    data = VALUES.copy()
    matrix = as_matrix(data)
    data[0, 0] = 99
    assert matrix.values[0, 0] == 1


def test_variables_pick_named_columns_in_their_order():
    frame = pd.DataFrame(VALUES, columns=["mass", "age"]).assign(kind="text")
    matrix = as_matrix(frame, "x", [AGE, MASS])
    assert matrix.names == ("age", "mass")
    assert_array_equal(matrix.values, VALUES[:, ::-1])
    assert as_matrix(VALUES, "x", [AGE, MASS]).names == ("age", "mass")
    assert as_matrix(pd.DataFrame(VALUES), "x", [AGE, MASS]).names == ("age", "mass")
    with pytest.raises(ColumnNotFoundError, match="`x` has no column called `age`"):
        as_matrix(frame[["mass"]], "x", [AGE, MASS])
    with pytest.raises(ShapeError, match=r"2 columns \(age, mass\); got 3"):
        as_matrix(np.ones((2, 3)), "x", [AGE, MASS])


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (VALUES[0], r"two dimensions .*shape \(2,\)", "theta.reshape(-1, 1)"),
        (3.0, r"two dimensions .*shape \(\)", "Reshape your data"),
        (np.ones((2, 2, 2)), r"shape \(2, 2, 2\)", "theta.reshape(len(theta), -1)"),
        (np.ones((5, 0)), r"0 feature\(s\) \(shape=\(5, 0\)\) while a minimum of 1", "column"),
        (np.ones((0, 2)), r"0 sample\(s\)", "row"),
        (pd.DataFrame({"a": []}), r"0 sample\(s\)", "row"),
        (pd.DataFrame(index=[1, 2]), r"0 feature\(s\)", "column"),
        ({}, r"0 feature\(s\)", "column"),
        ([[1.0, 2.0], [3.0]], "not a matrix", "same number of entries"),
        ({"a": [1, 2], "b": [1]}, "`a` has 2, `b` has 1", "one entry per example"),
        ({"a": 1.0}, "not: a", "one-dimensional|{'age': [28.0, 56.0]}"),
    ],
)
def test_wrong_shapes(data, message, hint):
    with pytest.raises(ShapeError, match=message) as caught:
        as_matrix(data, "theta")
    assert any(part in caught.value.hint for part in hint.split("|"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.array([["1", "2"]]), "In `x`: Column `0`"),
        (np.array([[1.0, "two"]], dtype=object), r"Column `1` .*row 0: 'two'"),
        (np.array([[1.0, 2.0]], dtype=object), "type object"),
        ([[1.0, None]], "type object"),
        (VALUES * 1j, "Complex data not supported"),
        (pd.DataFrame({"a": [1.0], "b": [2j]}), "Complex data not supported: column `b`"),
        (pd.DataFrame({"a": [1.0, 2.0], "kind": ["u", "v"]}), r"`kind` .*row 0: 'u'"),
        (scipy.sparse.csr_array(VALUES), "csr_array"),
        (object(), "got object"),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), "dates|datetime"),
        (np.zeros((1, 1), dtype=[("a", float)]), r"row 0: \(0\.0,\)"),
    ],
)
def test_what_is_not_numeric(data, message):
    with pytest.raises(NotNumericError, match=message) as caught:
        as_matrix(data)
    assert caught.value.hint


def test_missing_and_infinite_values_are_counted_and_placed():
    data = np.ones((10, 2))
    data[3] = np.nan
    data[7, 1], data[8, 1] = np.inf, -np.inf
    with pytest.raises(NonFiniteError) as caught:
        as_matrix(pd.DataFrame(data, columns=["age", "mass"]), "y")
    assert "2 NaN and 2 inf in 3 of 10 rows" in caught.value.message
    assert "row 3 (age = nan), row 3 (mass = nan), row 7 (mass = inf)" in caught.value.message
    with pytest.raises(NonFiniteError, match=r"row 3 \(column 0 = nan\)"):
        as_matrix(data)
    data[:] = np.nan
    with pytest.raises(NonFiniteError, match="and 15 more"):
        as_matrix(data)


def test_masked_entries_are_missing_not_the_value_below_the_mask():
    with pytest.raises(NonFiniteError, match=r"1 NaN and 0 inf.*row 1 \(column 0"):
        as_matrix(np.ma.MaskedArray(VALUES, mask=[[0, 0], [1, 0], [0, 0]]))


@pytest.mark.parametrize(
    ("columns", "message"),
    [(["a", "a"], "more than once: a"), (["a", 1], "some are not")],
)
def test_names_that_are_ambiguous(columns, message):
    with pytest.raises(DataError, match=message):
        as_matrix(pd.DataFrame(VALUES, columns=columns))


def test_bounds_are_checked_in_the_units_of_the_user():
    assert_array_equal(as_matrix([[0.0, 100.0]], "x", [AGE, MASS]).values, [[0, 100]])
    with pytest.raises(OutOfBoundsError) as caught:
        as_matrix([[1.0, 5.0], [-2.0, 101.0], [3.0, 100.5]], "x", [AGE, MASS])
    message = caught.value.message
    assert "`age` in [0, inf], `mass` in [0, 100]" in message
    assert "3 values in 2 of 3 rows" in message
    assert "row 1 (age = -2), row 1 (mass = 101), row 2 (mass = 100.5)" in message
    with pytest.raises(OutOfBoundsError, match=r"\(`mass` in \[0, 100\]\); 1 values"):
        as_matrix([[1.0, 500.0]], "x", [AGE, MASS])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2), elements=st.floats()))
def test_every_finite_matrix_and_no_other_is_accepted(data):
    if np.isfinite(data).all():
        assert_array_equal(as_matrix(data).values, data)
        named = pd.DataFrame(data, columns=[f"v{i}" for i in range(data.shape[1])])
        assert_array_equal(as_matrix(named).values, data)
    else:
        with pytest.raises(NonFiniteError):
            as_matrix(data)
