"""What a repair accepts: finite draws and causes that belong together."""

import numpy as np
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import finite_array
from retrodict.errors import ShapeError, TooFewRowsError
from retrodict.repair.monotone import FEWEST_VALUES

_NUMBERS_AT_ONCE = 200_000


def checked_draws(
    draws: ArrayLike, dim: int | None = None, *, at_least: int = FEWEST_VALUES
) -> np.ndarray:
    """Posterior draws, (observations, draws, dim).

    Raises:
        NotNumericError, NonFiniteError, ShapeError: no such array, or of another dim.
        TooFewRowsError: fewer draws than `at_least`.
    """
    checked = finite_array("draws", draws, ("observations", "draws", "dim"))
    if dim is not None and checked.shape[2] != dim:
        raise ShapeError(
            f"`draws` must have the {dim} parameters of the fit along their last axis; got shape "
            f"{checked.shape}.",
            "Give the parameters of the fit, in the same order.",
        )
    if checked.shape[1] < at_least:
        raise TooFewRowsError(
            f"At least {at_least} posterior draws per observation are needed; got "
            f"{checked.shape[1]}.",
            "Draw as many as for the fit; a few hundred answer well.",
        )
    return checked


def checked_pairs(
    draws: ArrayLike, truth: ArrayLike, *, at_least: int = FEWEST_VALUES
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior draws (observations, draws, dim) and the true causes (observations, dim).

    Raises:
        NotNumericError, NonFiniteError, ShapeError: not two such arrays that belong together.
        TooFewRowsError: fewer draws than `at_least`.
    """
    checked = checked_draws(draws, at_least=at_least)
    causes = finite_array("truth", truth, ("observations", "dim"))
    if causes.shape != (checked.shape[0], checked.shape[2]):
        raise ShapeError(
            f"`draws` of shape {checked.shape} (observations, draws, dim) need a `truth` of shape "
            f"{(checked.shape[0], checked.shape[2])}; got {causes.shape}.",
            "Give one true value per observation and parameter, in the same order.",
        )
    return checked, causes


def row_blocks(draws: np.ndarray) -> list[slice]:
    """Slices of observations that a processor's cache holds, of one at least."""
    rows = max(1, _NUMBERS_AT_ONCE // draws[0].size)
    return [slice(start, start + rows) for start in range(0, len(draws), rows)]
