"""Checks shared by all estimators: pairs to learn from, observations to answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from retrodict.errors import (
    ConstantColumnError,
    DataError,
    ShapeError,
    TooFewRowsError,
)
from retrodict.tables.columns import require_columns
from retrodict.tables.matrix import Matrix, as_matrix
from retrodict.tables.names import listed
from retrodict.variables import Variable, names_of

__all__ = [
    "Matrix",
    "as_matrix",
    "check_enough_rows",
    "check_no_constant_column",
    "check_observation",
    "check_pairs",
    "outside_range",
]

_SINGLE_PRECISION = 1e-6


def check_pairs(
    x: Matrix, y: Matrix, minimum_rows: int = 2, *, allow_constant_y: bool = False
) -> None:
    """Check that row i of `x` belongs to row i of `y` and that there is something to learn.

    Args:
        x: causes.
        y: effects.
        minimum_rows: fewest that are enough.
        allow_constant_y: whether an effect may always be the same, as a simulator may have it.

    Raises:
        ShapeError: different numbers of rows.
        DataError: the same row labels in another order, or a name in both.
        TooFewRowsError: fewer than `minimum_rows`.
        ConstantColumnError: a column with one value only.
    """
    num_x, num_y = len(x.values), len(y.values)
    if num_x != num_y:
        raise ShapeError(
            f"`x` and `y` must have one row per pair; got {num_x} rows of `x` and {num_y} of `y`.",
            "Take both from the same table, after leaving out rows.",
        )
    if _is_reordered(x.index, y.index):
        raise DataError(
            "`x` and `y` have the same row labels in a different order, so that row i of `x` is "
            "not labelled like row i of `y`.",
            "Align them with `y = y.loc[x.index]`; if they already belong together row by row, "
            "give both `.reset_index(drop=True)`.",
        )
    shared = [name for name in x.names or () if name in (y.names or ())]
    if shared:
        raise DataError(
            f"A column is either a cause or an effect; in both `x` and `y`: {listed(shared)}.",
            "Leave it out of one of them.",
        )
    check_enough_rows(x, "x", minimum_rows)
    check_no_constant_column(x, "x")
    if not allow_constant_y:
        check_no_constant_column(y, "y")


def _is_reordered(x_index: Any, y_index: Any) -> bool:
    if x_index is None or y_index is None or x_index.equals(y_index):
        return False
    return bool(x_index.is_unique and y_index.is_unique and x_index.isin(y_index).all())


def check_enough_rows(matrix: Matrix, role: str, minimum_rows: int) -> None:
    """Check that there are at least `minimum_rows` rows.

    Raises:
        TooFewRowsError: there are fewer.
    """
    if len(matrix.values) < minimum_rows:
        raise TooFewRowsError(
            f"At least {minimum_rows} rows are needed to train and to validate on; "
            f"`{role}` has {len(matrix.values)}.",
            "Bring more rows, or simulate more.",
        )


def check_no_constant_column(matrix: Matrix, role: str) -> None:
    """Check that every column varies by more than the rounding of its values.

    Raises:
        ConstantColumnError: naming the columns that do not.
    """
    largest, smallest = matrix.values.max(axis=0), matrix.values.min(axis=0)
    # Halved, because the spread of huge values of either sign is no finite number.
    half_spread = largest / 2 - smallest / 2
    rounding = 2 * np.finfo(np.float64).eps * np.maximum(np.abs(largest), np.abs(smallest))
    constant = np.flatnonzero(half_spread <= rounding).tolist()
    if constant:
        named = [f"{matrix.name_of(column)} (always {largest[column]:g})" for column in constant]
        raise ConstantColumnError(
            f"Every column of `{role}` must vary; constant: {listed(named)}.",
            "Leave the column out: it holds no information to learn from or to infer.",
        )


def check_observation(
    y: Any, variables: Sequence[Variable]
) -> tuple[Float[np.ndarray, "num_observations cond"], bool]:
    """Check one observation or a batch of them, named or in the order of `variables`.

    Args:
        y: one observation as a vector, dict from name to number, Series by name, or (where there
            is one observable) a number; a batch as a matrix, list of rows, DataFrame or dict
            from names to columns. Columns of a Series or DataFrame that are no observables are
            not looked at; a dict must have exactly the observables.
        variables: the observables.

    Returns:
        The values, float64, and whether `y` was a single observation.

    Raises:
        ShapeError: wrong length; the names that are expected are in the message.
        ColumnNotFoundError: an observable that is missing, or a name in a dict that is none.
        NotNumericError: text, dates, complex numbers or objects.
        NonFiniteError: NaN or infinity.
        OutOfBoundsError: a value outside the bounds of its observable.
    """
    import pandas as pd

    names = names_of(variables)
    is_single = False
    if isinstance(y, Mapping):
        require_columns(names, list(y), "The observation")
        require_columns([str(name) for name in y], names, "The model")
        is_single = all(np.ndim(value) == 0 for value in y.values())
        if is_single:
            y = {name: np.atleast_1d(np.asarray(value)) for name, value in y.items()}
    elif isinstance(y, pd.Series):
        y, is_single = _observation_of_series(y, names)
    elif not isinstance(y, pd.DataFrame) and _num_dimensions(y) < 2:
        y, is_single = _row_of_vector(y, names), True
    return as_matrix(y, "y", variables).values, is_single


def _num_dimensions(y: Any) -> int:
    try:
        return np.ndim(y)
    except ValueError as error:
        raise ShapeError(
            f"The observations are not a matrix of numbers: {error}.",
            "Give every observation the same number of entries.",
        ) from error


def _observation_of_series(y: Any, names: list[str]) -> tuple[Any, bool]:
    is_column = len(names) == 1 and y.name == names[0]
    if any(isinstance(label, str) for label in y.index) and not (
        is_column and names[0] not in y.index
    ):
        require_columns(names, list(y.index), "The observation")
        return y.loc[names].to_frame().T, True
    if is_column:
        return y.to_frame(), False
    return _row_of_vector(y.to_numpy(), names), True


def _row_of_vector(y: Any, names: list[str]) -> np.ndarray:
    row = np.atleast_1d(np.asarray(y))
    if len(row) != len(names):
        many = "many observations of it, one per row: `y.reshape(-1, 1)`"
        raise ShapeError(
            f"An observation has {len(names)} numbers ({listed(names, limit=20)}); got {len(row)}.",
            f"Give {'one number, or ' + many if len(names) == 1 else 'one number per name, '}"
            f"{'' if len(names) == 1 else 'or a dict from names to numbers'}.",
        )
    return row.reshape(1, -1)


def outside_range(
    values: Float[np.ndarray, "num_observations cond"],
    lower: Float[np.ndarray, " cond"],
    upper: Float[np.ndarray, " cond"],
    names: Sequence[str],
    *,
    margin: float = 0.0,
) -> str | None:
    """One sentence that says which observables lie outside the training range, and how far.

    Args:
        values: observations.
        lower: smallest value of each observable in training.
        upper: largest value of each observable in training.
        names: of the observables.
        margin: how far outside, in widths of the training range, nothing is said yet.

    Returns:
        The sentence, with the distance in widths of the training range; None if all are inside.
    """
    excess = np.maximum(lower - values, values - upper)
    # A value that was constant in a simulator's single precision may be typed in full.
    rounding = _SINGLE_PRECISION * np.maximum(np.abs(lower), np.abs(upper))
    is_outside = excess > margin * (upper - lower) + rounding
    if not is_outside.any():
        return None
    told = []
    for column in np.flatnonzero(is_outside.any(axis=0)).tolist():
        row = int(excess[:, column].argmax())
        width = upper[column] - lower[column]
        distance = excess[row, column]
        far = f"{distance / width:.2g} widths of it" if width > 0 else f"{distance:.3g}"
        side = "above" if values[row, column] > upper[column] else "below"
        told.append(
            f"{names[column]} = {values[row, column]:g} is {far} {side} "
            f"[{lower[column]:g}, {upper[column]:g}]"
        )
    num_outside = int(is_outside.any(axis=1).sum())
    who = (
        "The observation lies"
        if len(values) == 1
        else f"{num_outside} of {len(values)} observations {'lies' if num_outside == 1 else 'lie'}"
    )
    farthest = "" if len(values) == 1 else "farthest, "
    return (
        f"{who} outside the training range, where a posterior is extrapolation: "
        f"{farthest}{listed(told, limit=5)}."
    )
