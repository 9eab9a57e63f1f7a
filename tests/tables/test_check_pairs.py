"""Pairs to learn from: matched, enough of them, and varying."""

import numpy as np
import pandas as pd
import pytest

from retrodict.errors import ConstantColumnError, DataError, ShapeError, TooFewRowsError
from retrodict.tables import as_matrix, check_pairs

FRAME = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [3.0, 1.0, 2.0], "c": [0.0, 5.0, 1.0]})
X, Y = as_matrix(FRAME[["a", "b"]]), as_matrix(FRAME[["c"]])


def test_good_pairs_pass():
    check_pairs(X, Y, minimum_rows=3)
    check_pairs(as_matrix(FRAME[["a"]].to_numpy()), Y)
    check_pairs(as_matrix(FRAME[["a"]].set_axis([7, 8, 9])), Y)


def test_different_numbers_of_rows():
    with pytest.raises(ShapeError, match="2 rows of `x` and 3 of `y`"):
        check_pairs(as_matrix(FRAME[["a"]][:2]), Y)
    with pytest.raises(ShapeError, match="3 rows of `x` and 2 of `y`"):
        check_pairs(X, as_matrix(FRAME[["c"]][:2]))


def test_reordered_labels():
    with pytest.raises(DataError, match="different order") as caught:
        check_pairs(X, as_matrix(FRAME[["c"]].loc[[2, 0, 1]]))
    assert "reset_index" in caught.value.hint


def test_a_column_on_both_sides():
    with pytest.raises(DataError, match="both `x` and `y`: b"):
        check_pairs(X, as_matrix(FRAME[["b", "c"]]))


def test_too_few_rows():
    with pytest.raises(TooFewRowsError, match=r"At least 4 rows .* has 3"):
        check_pairs(X, Y, minimum_rows=4)


@pytest.mark.parametrize("value", [0.0, -3.5, 1e300])
def test_constant_columns(value):
    with pytest.raises(ConstantColumnError, match="constant: b ") as caught:
        check_pairs(as_matrix(FRAME[["a", "b"]].assign(b=value)), Y)
    assert f"b (always {value:g})" in caught.value.message
    assert "Leave the column out" in caught.value.hint
    with pytest.raises(ConstantColumnError, match=r"`y` .*column 0"):
        check_pairs(X, as_matrix(np.full((3, 1), value)))


def test_rounding_is_no_variation_and_small_variation_is():
    noise = np.array([0.1 + 0.2, 0.3, 0.3])
    with pytest.raises(ConstantColumnError):
        check_pairs(as_matrix(noise[:, None]), Y)
    check_pairs(as_matrix(np.array([[1.0], [1.0], [1.0 + 1e-12]])), Y)
    check_pairs(as_matrix(np.array([[0.0], [0.0], [1e-300]])), Y)
    check_pairs(as_matrix(np.array([[-1.7e308], [0.0], [1.7e308]])), Y)
