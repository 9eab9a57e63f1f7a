"""Training rows that a bijection can be fitted to."""

import numpy as np

from retrodict.errors import ConstantColumnError, NonFiniteError, ShapeError, TooFewRowsError
from retrodict.typing import Float


def require_fittable(rows: np.ndarray, *, allow_constant: bool = False) -> Float[np.ndarray, "n d"]:
    """The rows in float64, or a named error that says which column cannot be fitted to.

    Args:
        rows: one example per row, shape (rows, dim).
        allow_constant: whether a column may hold one value only.

    Raises:
        ShapeError: not two-dimensional.
        TooFewRowsError: less than two rows.
        NonFiniteError: NaN or infinity.
        ConstantColumnError: a column with one value.
    """
    if rows.ndim != 2:
        raise ShapeError(
            f"Expected a table of shape (rows, dim); got shape {rows.shape}.",
            "Give one example per row; a single column is `values[:, None]`.",
        )
    if rows.shape[0] < 2:
        raise TooFewRowsError(
            f"A scale needs at least two rows; got {rows.shape[0]}.", "Give more rows."
        )
    rows = np.asarray(rows, dtype=np.float64)
    bad_rows, bad_columns = np.nonzero(~np.isfinite(rows))
    if bad_rows.size:
        raise NonFiniteError(
            f"Expected finite numbers; {bad_rows.size} of {rows.size} are NaN or infinite, "
            f"the first in row {bad_rows[0]}, column {bad_columns[0]}.",
            "Remove or repair these rows before fitting.",
        )
    constant = np.flatnonzero(np.ptp(rows, axis=0) == 0)
    if constant.size and not allow_constant:
        raise ConstantColumnError(
            f"Column {constant[0]} holds one value only, {rows[0, constant[0]]}: it has no scale.",
            "Drop the column: it says nothing about the others.",
        )
    return rows
