"""What a diagnostic accepts: finite numbers of the right shape, enough of them to answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    NonFiniteError,
    NotNumericError,
    ShapeError,
    TooFewRowsError,
)
from retrodict.variables import default_variables, names_of

MIN_OBSERVATIONS = 20
MIN_DRAWS = 20


def finite_array(name: str, values: ArrayLike, axes: Sequence[str]) -> np.ndarray:
    """`values` as a NumPy array of floats with one axis per name in `axes`.

    Args:
        name: of the argument, for messages.
        values: NumPy array, JAX array or nested sequence; single precision stays single.
        axes: meaning of each axis, e.g. `("observations", "draws", "dim")`.

    Raises:
        NotNumericError: not real numbers.
        ShapeError: another number of axes, or an empty one.
        NonFiniteError: NaN or infinity, with their count and the first rows.
    """
    array = _numeric(name, values)
    expected = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    if array.ndim != len(axes):
        raise ShapeError(
            f"`{name}` must have the {len(axes)} axes {expected}; got shape {array.shape}.",
            "Add the missing axis, e.g. `array[None]` for a single observation.",
        )
    if array.size == 0:
        raise ShapeError(
            f"`{name}` must not be empty along any of the axes {expected}; got {array.shape}.",
            "Check the selection that made it.",
        )
    finite = np.isfinite(array)
    if not finite.all():
        rows = np.flatnonzero(~finite.reshape(len(array), -1).all(axis=1))
        raise NonFiniteError(
            f"`{name}` holds {array.size - int(finite.sum())} NaN or infinite values in "
            f"{len(rows)} of {len(array)} rows ({axes[0]}), the first at {rows[:5].tolist()}.",
            "Find out where they come from; a diagnostic on the remaining rows would flatter.",
        )
    return array


def draws_and_truth(draws: ArrayLike, truth: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Posterior draws (observations, draws, dim) and the true causes (observations, dim).

    Raises:
        ShapeError: the two do not belong together.
        TooFewRowsError: fewer than 20 observations or 20 draws.
        ConstantColumnError: a parameter whose draws never vary within an observation.
    """
    draws = finite_array("draws", draws, ("observations", "draws", "dim"))
    truth = finite_array("truth", truth, ("observations", "dim"))
    if (draws.shape[0], draws.shape[2]) != truth.shape:
        raise ShapeError(
            f"`draws` of shape {draws.shape} (observations, draws, dim) need a `truth` of shape "
            f"{(draws.shape[0], draws.shape[2])}; got {truth.shape}.",
            "Give one true value per observation and parameter, in the same order.",
        )
    num_observations, num_draws, _ = draws.shape
    if num_observations < MIN_OBSERVATIONS:
        raise TooFewRowsError(
            f"Calibration is a frequency: it needs at least {MIN_OBSERVATIONS} observations; "
            f"got {num_observations}.",
            "Give more test observations; a few hundred answer well.",
        )
    if num_draws < MIN_DRAWS:
        raise TooFewRowsError(
            f"At least {MIN_DRAWS} posterior draws per observation are needed; got {num_draws}.",
            "Draw more from the posterior; a few hundred answer well.",
        )
    point = (draws == draws[:, :1]).all(axis=(0, 1))
    if point.any():
        raise ConstantColumnError(
            f"The draws of parameters {np.flatnonzero(point).tolist()} (counted from 0) are all "
            "equal within every observation: a point estimate, not a posterior.",
            "Pass draws from the posterior, not its mean or mode.",
        )
    return draws, truth


def parameter_names(names: Sequence[str] | None, dim: int) -> tuple[str, ...]:
    """The given names, or `x1 ... xN`.

    Raises:
        ConfigurationError: not one name per parameter.
    """
    if names is None:
        return tuple(names_of(default_variables("x", dim)))
    if len(names) != dim:
        raise ConfigurationError(
            f"Expected {dim} parameter names; got {len(names)}: {list(names)}.",
            "Give one name per column of `truth`.",
        )
    return tuple(names)


def by_name(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    """One plain number per parameter, for JSON."""
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _numeric(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise NotNumericError(
            f"`{name}` must hold real numbers; got dtype {array.dtype}.",
            "Convert it with `np.asarray(..., dtype=float)`.",
        )
    return array if array.dtype.kind == "f" else array.astype(float)


Json = dict[str, Any]
"""Plain numbers, strings, lists and dictionaries."""
