"""Bounded parameters on the whole real line, where they can be stretched."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict.errors import ConfigurationError, OutOfBoundsError


@dataclass(frozen=True)
class RealLine:
    """Increasing maps of bounded parameters onto the real line, and back.

    log(x - lower) of one bound, -log(upper - x) of the other, log((x - lower) / (upper - x))
    of both, x of none.

    Attributes:
        lower, upper: bounds, one per parameter, infinite where there are none.
    """

    lower: Float[np.ndarray, " dim"]
    upper: Float[np.ndarray, " dim"]

    def forward(self, x: Float[np.ndarray, "*rows dim"]) -> Float[np.ndarray, "*rows dim"]:
        """The real number of each value strictly within its bounds."""
        found = np.array(x, dtype=float)
        for i in np.flatnonzero(np.isfinite(self.lower) | np.isfinite(self.upper)):
            column = found[..., i].copy()
            log_below = np.log(column - self.lower[i]) if np.isfinite(self.lower[i]) else 0.0
            log_above = np.log(self.upper[i] - column) if np.isfinite(self.upper[i]) else 0.0
            found[..., i] = log_below - log_above
        return found

    def inverse(self, real: Float[np.ndarray, "*rows dim"]) -> Float[np.ndarray, "*rows dim"]:
        """The value of each real number: never beyond a bound."""
        from scipy.special import expit

        found = np.array(real, dtype=float)
        for i in np.flatnonzero(np.isfinite(self.lower) | np.isfinite(self.upper)):
            column, low, high = found[..., i].copy(), self.lower[i], self.upper[i]
            if np.isinf(high):
                found[..., i] = low + np.exp(column)
            elif np.isinf(low):
                found[..., i] = high - np.exp(-column)
            else:
                found[..., i] = np.clip(low + (high - low) * expit(column), low, high)
        return found

    def check(self, name: str, x: Float[np.ndarray, "*rows dim"], names: Sequence[str]) -> None:
        """Refuses values that are not strictly within their bounds.

        Raises:
            OutOfBoundsError: with the parameter, the count and the hint to what may be wrong.
        """
        outside = (x <= self.lower) | (x >= self.upper)
        for i in np.flatnonzero(outside.reshape(-1, outside.shape[-1]).any(axis=0)).tolist():
            num = int(outside[..., i].sum())
            raise OutOfBoundsError(
                f"{num:,} of {x[..., i].size:,} values of `{names[i]}` in `{name}` do not lie "
                f"strictly between its bounds {self.lower[i]:g} and {self.upper[i]:g}.",
                "Check the units and the bounds. A bound that carries probability of its own "
                "cannot be stretched: leave it out.",
            )


def real_line(lower: ArrayLike | None, upper: ArrayLike | None, dim: int) -> RealLine:
    """The maps for these bounds; one number serves all parameters, None is no bound.

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
    return RealLine(*bounds)
