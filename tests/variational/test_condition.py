"""What rows are conditioned on, as numbers."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from retrodict.errors import (
    ConstantColumnError,
    DataError,
    NonFiniteError,
    NotNumericError,
    ShapeError,
)
from retrodict.variational.condition import Condition


def test_columns_become_numbers_by_what_they_hold():
    frame = pd.DataFrame(
        {
            "age": [1, 2, 3, 6],
            "organ": pd.Categorical(["lung", "gut", "gut", "lung"], ["gut", "heart", "lung"]),
            "ill": [True, False, False, True],
            "stage": pd.Categorical([3, 3, 1, 1]),
        }
    )
    condition = Condition.fit(frame, frame)
    assert [column.categories for column in condition.columns] == [
        None,
        ("gut", "lung"),
        (False, True),
        (1, 3),
    ]
    expected = np.array(
        [
            [-2, 0, 1, 0, 1, 0, 1],
            [-1, 1, 0, 1, 0, 0, 1],
            [0, 1, 0, 1, 0, 1, 0],
            [3, 0, 1, 0, 1, 1, 0],
        ],
        dtype=float,
    )
    expected[:, 0] /= np.sqrt(3.5)
    found = condition.of_rows(frame, frame)
    assert found.dtype == np.float32
    assert_allclose(found, expected, rtol=1e-6)
    as_objects = frame.drop(columns="stage").astype(object)
    assert_array_equal(Condition.fit(as_objects, frame).of_rows(frame, frame), found[:, :5])
    nullable = frame.astype({"age": "Int64", "ill": "boolean"})
    assert_array_equal(Condition.fit(nullable, frame).of_rows(frame, frame), found)
    assert Condition.from_state(condition.to_state()) == condition


def test_one_column_needs_no_table():
    organ = pd.Series(["lung", "gut", "gut"], name="organ")
    condition = Condition.fit(organ, organ)
    expected = [[0, 1], [1, 0], [1, 0]]
    for column in (
        organ,
        organ.rename("part"),
        organ.to_numpy(),
        list(organ),
        organ.to_frame(),
        {"organ": list(organ)},
        organ.to_numpy(object)[:, None],
    ):
        assert_array_equal(condition.of_rows(column, np.zeros((3, 1))), expected)
    assert_array_equal(condition.repeated("gut", 2), [[1, 0], [1, 0]])
    ages = Condition.fit(csr_array([[0.0], [4.0]]), np.zeros((2, 1)))
    assert_array_equal(ages.of_rows(jnp.array([4, 0]), np.zeros((2, 1))), [[1], [-1]])


X4 = pd.DataFrame({"a": np.arange(4.0)}, index=[7, 5, 6, 8])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([1.0, 2.0, 3.0], ShapeError, "one row per row of X, 4; got 3"),
        (np.zeros((4, 2, 2)), ShapeError, r"two dimensions \(rows, columns\); got 3"),
        (np.zeros((4, 0)), ShapeError, "at least one column"),
        ([1.0, np.nan, 3.0, np.nan], NonFiniteError, r"2 missing values \(NaN\).*: 1, 3"),
        (["a", None, "b", "b"], NonFiniteError, "1 missing values"),
        ([1.0, np.inf, 3.0, 4.0], NonFiniteError, "infinite values, the first in row 1"),
        ([2.5] * 4, ConstantColumnError, r"is 2\.5 in every row"),
        (["lung"] * 4, ConstantColumnError, "is 'lung' in every row"),
        (pd.date_range("2020", periods=4), NotNumericError, "dates"),
        (pd.Series([(1,), (2,), (1,), (2,)]), NotNumericError, "texts, booleans or numbers"),
        (pd.DataFrame([[1, 2]] * 4, columns=["u", "u"]), DataError, "have distinct names"),
        (pd.Series(np.arange(4.0), index=[5, 6, 7, 8]), ShapeError, "in another order"),
    ],
)  # fmt: skip
def test_conditions_that_say_nothing_clear_are_refused(given, error, message):
    with pytest.raises(error, match=message) as caught:
        Condition.fit(given, X4)
    assert caught.value.hint
