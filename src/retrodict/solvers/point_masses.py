"""Causes that are often exactly at a bound: a mix without slag, a switched-off heater.

A flow has a density, and a density has no room for a point that carries probability. So the
point is spread over a strip beyond the bound before training, and folded back afterwards:

    x~ = x                     where x is not at the bound
    x~ ~ U(bound - w, bound)   where it is            (for a lower bound)
    x  = bound                 where x~ < bound + gap, else x~

which is dequantisation (Theis et al. 2016, arXiv:1511.01844) for a distribution that is
censored at its bound. The gap is half the distance from the bound to the nearest other
training value: no flow ends exactly at the edge of the strip, and what it puts into the gap,
where no value ever was, belongs to the point. The probability of the point is the mass below.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_SMALLEST_SHARE = 0.02
_WIDTH = 1.0


@dataclass(frozen=True)
class PointMasses:
    """Which bounds of which columns carry probability, and how wide their strips are.

    Attributes:
        lower, upper: the bounds, one per column, infinite where there are none.
        lower_width, upper_width: width of the strip beyond each bound; 0 without point mass.
        lower_gap, upper_gap: what lies nearer to a bound with a point mass counts as at it.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    lower_width: tuple[float, ...]
    upper_width: tuple[float, ...]
    lower_gap: tuple[float, ...]
    upper_gap: tuple[float, ...]

    @property
    def lower_edge(self) -> Float[np.ndarray, " dim"]:
        """Lower bounds of the spread values."""
        return np.asarray(self.lower) - np.asarray(self.lower_width)

    @property
    def upper_edge(self) -> Float[np.ndarray, " dim"]:
        """Upper bounds of the spread values."""
        return np.asarray(self.upper) + np.asarray(self.upper_width)

    @property
    def any(self) -> bool:
        """Whether there is any point mass."""
        return any(self.lower_width) or any(self.upper_width)

    def spread(
        self, x: Float[np.ndarray, "rows dim"], rng: np.random.Generator
    ) -> Float[np.ndarray, "rows dim"]:
        """x~: values at a point mass drawn uniformly from its strip."""
        depth = rng.uniform(size=x.shape)
        return self._moved(x, depth)

    def centre(self, x: Float[np.ndarray, "... dim"]) -> Float[np.ndarray, "... dim"]:
        """x~: values at a point mass put in the middle of its strip."""
        return self._moved(x, np.full(x.shape, 0.5))

    def log_width(self, x: Float[np.ndarray, "... dim"]) -> Float[np.ndarray, "..."]:
        """Sum of the logarithms of the strips that `x` stands for."""
        at_lower, at_upper = self._at(x)
        with np.errstate(divide="ignore"):
            log_lower, log_upper = np.log(self.lower_width), np.log(self.upper_width)
        return (np.where(at_lower, log_lower, 0) + np.where(at_upper, log_upper, 0)).sum(axis=-1)

    def fold(self, spread: Float[np.ndarray, "... dim"]) -> Float[np.ndarray, "... dim"]:
        """x: what lies in a strip or its gap is at the bound."""
        at_lower, at_upper = self._at(spread)
        return np.where(at_lower, self.lower, np.where(at_upper, self.upper, spread))

    def _at(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at_lower = x <= np.asarray(self.lower) + np.asarray(self.lower_gap)
        at_upper = x >= np.asarray(self.upper) - np.asarray(self.upper_gap)
        return at_lower & (np.asarray(self.lower_width) > 0), at_upper & (
            np.asarray(self.upper_width) > 0
        )

    def _moved(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        at_lower, at_upper = self._at(x)
        x = np.where(at_lower, self.lower - depth * np.asarray(self.lower_width), x)
        return np.where(at_upper, self.upper + depth * np.asarray(self.upper_width), x)


def spread_one(
    masses: PointMasses, x: Float[Array, " dim"], depth: Float[Array, " dim"]
) -> Float[Array, " dim"]:
    """x~ of one example, as `PointMasses.spread`, within a JAX program.

    Args:
        masses: which bounds carry probability.
        x: the example.
        depth: how deep in its strip a value at a point mass is put, from 0 to 1.
    """

    def ends(values: np.ndarray | tuple[float, ...]) -> Array:
        return jnp.asarray(np.asarray(values), x.dtype)

    has_lower, has_upper = np.asarray(masses.lower_width) > 0, np.asarray(masses.upper_width) > 0
    at_lower = has_lower & (x <= ends(np.add(masses.lower, masses.lower_gap)))
    at_upper = has_upper & (x >= ends(np.subtract(masses.upper, masses.upper_gap)))
    x = jnp.where(at_lower, ends(masses.lower) - depth * ends(masses.lower_width), x)
    return jnp.where(at_upper, ends(masses.upper) + depth * ends(masses.upper_width), x)


def find_point_masses(
    x: Float[np.ndarray, "rows dim"],
    lower: Float[np.ndarray, " dim"],
    upper: Float[np.ndarray, " dim"],
) -> PointMasses:
    """The bounds at which at least 2 % of the rows lie exactly.

    A strip is one standard deviation of the other values wide, so that it and they are of one
    scale.
    """
    scale = np.array(
        [_scale(column, *ends) for column, *ends in zip(x.T, lower, upper, strict=True)]
    )
    at_lower = (x == lower).mean(axis=0) >= _SMALLEST_SHARE
    at_upper = (x == upper).mean(axis=0) >= _SMALLEST_SHARE
    return PointMasses(
        tuple(lower.tolist()),
        tuple(upper.tolist()),
        tuple(np.where(at_lower, _WIDTH * scale, 0).tolist()),
        tuple(np.where(at_upper, _WIDTH * scale, 0).tolist()),
        tuple(np.where(at_lower, _gap(x - lower), 0).tolist()),
        tuple(np.where(at_upper, _gap(upper - x), 0).tolist()),
    )


def _gap(distances: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, " dim"]:
    """Half the smallest distance that is not zero."""
    return 0.5 * np.where(distances > 0, distances, np.inf).min(axis=0)


def _scale(column: np.ndarray, lower: float, upper: float) -> float:
    between = column[(column > lower) & (column < upper)]
    spread = between.std() if between.size > 1 else 0.0
    return float(spread if spread > 0 else column.std())
