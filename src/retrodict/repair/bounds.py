"""Bounds of parameters: what they may be, and that values keep them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict.errors import ConfigurationError, OutOfBoundsError

Bounds = tuple[Float[np.ndarray, " dim"], Float[np.ndarray, " dim"]]


def checked_bounds(lower: ArrayLike | None, upper: ArrayLike | None, dim: int) -> Bounds:
    """Lower and upper bounds; one number serves all parameters, None is no bound.

    Raises:
        ConfigurationError: not one bound per parameter, or a lower that is not below its upper.
    """
    bounds = []
    for name, given, default in (("lower", lower, -np.inf), ("upper", upper, np.inf)):
        values = np.asarray(default if given is None else given, dtype=float)
        if values.shape not in ((), (dim,)) or np.isnan(values).any():
            raise ConfigurationError(
                f"`{name}` must be one number or {dim}, one per parameter; got {given!r}.",
                "Write -inf or inf where a parameter has no bound.",
            )
        bounds.append(np.broadcast_to(values, (dim,)).copy())
    if not (bounds[0] < bounds[1]).all():
        raise ConfigurationError(
            f"Each lower bound must lie below its upper one; got {bounds[0].tolist()} and "
            f"{bounds[1].tolist()}.",
            "Exchange them.",
        )
    return bounds[0], bounds[1]


def require_within(
    name: str,
    x: Float[np.ndarray, "*rows dim"],
    bounds: Bounds,
    names: Sequence[str],
) -> None:
    """Refuses values beyond their bounds.

    Raises:
        OutOfBoundsError: with the parameter, the count and the hint to what may be wrong.
    """
    lower, upper = bounds
    outside = (x < lower) | (x > upper)
    for i in np.flatnonzero(outside.reshape(-1, outside.shape[-1]).any(axis=0)).tolist():
        raise OutOfBoundsError(
            f"{int(outside[..., i].sum()):,} of {x[..., i].size:,} values of `{names[i]}` in "
            f"`{name}` lie beyond its bounds {lower[i]:g} and {upper[i]:g}.",
            "Check the units and the bounds.",
        )
