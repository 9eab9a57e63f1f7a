"""Bounded parameters on the whole real line, where they can be stretched."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


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
