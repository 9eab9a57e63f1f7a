"""Kernels of the maximum mean discrepancy: similarity as a function of squared distance.

Each is smooth at distance zero, so the rounding of a squared distance, which may leave it
slightly negative, changes the kernel by as little and nothing needs to be clipped.
"""

import abc
import dataclasses
import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from retrodict.errors import ConfigurationError, ConstantColumnError
from retrodict.typing import Array, Float

MEDIAN_POINTS = 500


class AbstractKernel(eqx.Module):
    """A similarity of two points that depends on their Euclidean distance only."""

    @abc.abstractmethod
    def __call__(self, squared_distance: Float[Array, "..."]) -> Float[Array, "..."]:
        """The similarity, elementwise; larger where points are closer."""

    def fitted(
        self,
        first: Float[np.ndarray, "draws dim"],  # noqa: ARG002
        second: Float[np.ndarray, "other_draws dim"],  # noqa: ARG002
    ) -> "AbstractKernel":
        """This kernel with everything that it takes from the data filled in."""
        return self

    @property
    def label(self) -> str:
        """Name and every setting, e.g. `Gaussian(bandwidth=1.5)`."""
        settings = ", ".join(f"{f.name}={getattr(self, f.name)}" for f in dataclasses.fields(self))
        return f"{type(self).__name__}({settings})"


class InverseMultiquadric(AbstractKernel):
    """Sum over bandwidths h of 1 / (1 + d^2 / h^2).

    The default bandwidths are those published for inverse kinematics (Kruse et al. 2021,
    arXiv:2101.10763), in units of the data.
    """

    bandwidths: tuple[float, ...] = (0.05, 0.2, 0.9)

    def __check_init__(self) -> None:
        _require_positive("bandwidths", *self.bandwidths)

    def __call__(self, squared_distance: Float[Array, "..."]) -> Float[Array, "..."]:
        terms = (1 / (1 + squared_distance / h**2) for h in self.bandwidths)
        return sum(terms, jnp.zeros_like(squared_distance))


class PowerInverseMultiquadric(AbstractKernel):
    """Sum over pairs (C, a) of C^a ((C + d^2) / a)^-a.

    Ardizzone et al. 2019, arXiv:1808.04730; the default pairs are those used on x.
    """

    pairs: tuple[tuple[float, float], ...] = ((0.2, 0.1), (0.2, 0.5), (0.2, 2.0))

    def __check_init__(self) -> None:
        _require_positive("pairs", *(value for pair in self.pairs for value in pair))

    def __call__(self, squared_distance: Float[Array, "..."]) -> Float[Array, "..."]:
        terms = (C**a * ((C + squared_distance) / a) ** -a for C, a in self.pairs)
        return sum(terms, jnp.zeros_like(squared_distance))


class Gaussian(AbstractKernel):
    """exp(-d^2 / (2 h^2)); without a bandwidth h, the median distance of the pooled points.

    The median heuristic (Gretton et al. 2012, JMLR 13) uses up to 500 points from each set,
    evenly spaced in the order given.
    """

    bandwidth: float | None = None

    def __check_init__(self) -> None:
        if self.bandwidth is not None:
            _require_positive("bandwidth", self.bandwidth)

    def __call__(self, squared_distance: Float[Array, "..."]) -> Float[Array, "..."]:
        if self.bandwidth is None:
            raise ConfigurationError(
                "This Gaussian kernel has no bandwidth yet.",
                "Give one, or call `kernel.fitted(first, second)` for the median heuristic.",
            )
        return jnp.exp(-squared_distance / (2 * self.bandwidth**2))

    def fitted(
        self,
        first: Float[np.ndarray, "draws dim"],
        second: Float[np.ndarray, "other_draws dim"],
    ) -> "Gaussian":
        if self.bandwidth is not None:
            return self
        points = np.concatenate([_evenly_spaced(first), _evenly_spaced(second)]).astype(float)
        pairs = np.triu_indices(len(points), 1)
        squared = sum(np.subtract.outer(column, column)[pairs] ** 2 for column in points.T)
        median = float(np.sqrt(np.median(squared)))
        if median == 0:
            raise ConstantColumnError(
                "The median distance is 0: more than half of all pairs of points are equal.",
                "Give the Gaussian kernel a bandwidth.",
            )
        return Gaussian(median)


def _evenly_spaced(points: np.ndarray) -> np.ndarray:
    num = min(len(points), MEDIAN_POINTS)
    return points[np.linspace(0, len(points) - 1, num).round().astype(int)]


def _require_positive(name: str, *values: float) -> None:
    if not values or not all(0 < value < math.inf for value in values):
        raise ConfigurationError(
            f"A kernel's `{name}` must be positive numbers; got {list(values)}.",
            "Give them in units of the data, e.g. `InverseMultiquadric((0.05, 0.2, 0.9))`.",
        )
