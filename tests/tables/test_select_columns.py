"""Columns by name, as numbers, or an error that names the cure."""

import decimal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from retrodict.errors import ColumnNotFoundError, ConfigurationError, NotNumericError
from retrodict.tables import select_columns

FRAME = pd.DataFrame(
    {
        "cement": [540.0, 332.5, np.nan],
        "age": [28, 270, 3],
        "Fly Ash": [True, False, True],
        "kind": ["a", "b", "c"],
        "number": ["1.5", "2", "-3e2"],
        "mixed": ["1.5", "2,5", "-"],
        "comma": ["1,5", "2,5", "3"],
        "day": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"]),
        "wave": [1j, 2, 3],
        "decimal": [decimal.Decimal("1.5"), 2, None],
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "choice": pd.Categorical(["u", "v", "u"]),
        "huge": pd.Series([10**400, 1, 2], dtype=object),
    }
)


def test_order_type_and_index():
    picked = select_columns(FRAME.set_axis([7, 8, 9]), ["age", "Fly Ash"])
    assert list(picked.columns) == ["age", "Fly Ash"]
    assert (picked.dtypes == np.float64).all()
    assert picked.index.tolist() == [7, 8, 9]
    assert_array_equal(picked, [[28, 1], [270, 0], [3, 1]])


def test_missing_values_stay_missing():
    picked = select_columns(FRAME, ["cement", "decimal", "nullable"])
    assert_array_equal(picked, [[540, 1.5, 1], [332.5, 2, np.nan], [np.nan, np.nan, 3]])


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [("cemnet", "`cement`"), ("AGE", "`age`"), ("fly_ash", "`Fly Ash`"), ("Ash", "`Fly Ash`")],
)
def test_a_wrong_name_offers_the_nearest(wanted, offered):
    with pytest.raises(ColumnNotFoundError, match=f"no column called `{wanted}`") as caught:
        select_columns(FRAME, ["age", wanted])
    assert f"for `{wanted}`: {offered}" in caught.value.hint
    assert "cement, age, Fly Ash" in caught.value.message


def test_a_name_far_from_all_offers_none():
    with pytest.raises(ColumnNotFoundError) as caught:
        select_columns(FRAME, ["xyzzy"])
    assert caught.value.hint == "Use one of the names it has."


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("kind", r"3 of its 3 entries .*row 0: 'a', row 1: 'b', row 2: 'c'", "Correct"),
        ("mixed", r"2 of its 3 entries .*row 1: '2,5', row 2: '-'", "Correct"),
        ("comma", r"2 of its 3 entries .*row 0: '1,5', row 1: '2,5'", "point, not a comma"),
        ("number", r"3 of its 3 entries .*row 0: '1.5'", "astype"),
        ("day", "dates", "Timedelta"),
        ("wave", "Complex data not supported", "two columns"),
        ("choice", r"row 0: 'u'", "Correct"),
        ("huge", r"1 of its 3 entries .*row 0: 1000", "Correct"),
    ],
)
def test_what_is_not_numeric(name, message, hint):
    with pytest.raises(NotNumericError, match=message) as caught:
        select_columns(FRAME, ["age", name])
    assert hint in caught.value.hint
    assert f"`{name}`" in caught.value.message


@pytest.mark.parametrize("names", ["age", [], ["age", "age"]])
def test_names_that_are_none(names):
    with pytest.raises(ConfigurationError):
        select_columns(FRAME, names)


def test_an_ambiguous_name():
    frame = pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    with pytest.raises(ColumnNotFoundError, match="more than one column called a"):
        select_columns(frame, ["a"])
