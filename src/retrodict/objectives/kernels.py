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
from retrodict.typing import Array, Float, Scalar

MEDIAN_POINTS = 500


class AbstractKernel(eqx.Module):
    """A similarity of two points that depends on their Euclidean distance only."""

    @abc.abstractmethod
    def __call__(self, squared_distance: Float[Array, "..."]) -> Float[Array, "..."]:
        """The similarity, elementwise; larger where points are closer."""

    def fitted(
        self,
        first: Float[np.ndarray, "draws dim"],  # noqa: ARG002 (for kernels that look at the data)
        second: Float[np.ndarray, "other_draws dim"],  # noqa: ARG002
    ) -> "AbstractKernel":
        """This kernel with everything that it takes from the data filled in."""
        return self

    @property
    def label(self) -> str:
        """Name and every setting, e.g. `Gaussian(bandwidth=1.5)`."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        shown = ", ".join(
            f"{name}={value.label if isinstance(value, AbstractKernel) else value}"
            for name, value in values.items()
        )
        return f"{type(self).__name__}({shown})"


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
        terms = (a**a * _power(C / (C + squared_distance), a) for C, a in self.pairs)
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
        bandwidth = _known("Gaussian", "bandwidth", self.bandwidth)
        return jnp.exp(-squared_distance / (2 * bandwidth**2))

    def fitted(
        self,
        first: Float[np.ndarray, "draws dim"],
        second: Float[np.ndarray, "other_draws dim"],
    ) -> "Gaussian":
        return self if self.bandwidth is not None else Gaussian(median_distance(first, second))


class RationalQuadratic(AbstractKernel):
    """Sum over exponents a of (1 + d^2 / (2 a h^2))^-a; without h, the median distance.

    Each term is a Gaussian averaged over bandwidths, 1 / bandwidth^2 gamma distributed with
    shape a and mean 1 / h^2, and tends to the Gaussian of bandwidth h as a grows (Rasmussen and
    Williams 2006, eq. 4.19). The sum with the default exponents is that of Binkowski et al.
    2018, arXiv:1801.01401, who have h = 1.
    """

    exponents: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0)
    bandwidth: float | None = None

    def __check_init__(self) -> None:
        _require_positive("exponents", *self.exponents)
        if self.bandwidth is not None:
            _require_positive("bandwidth", self.bandwidth)

    def __call__(self, squared_distance: Float[Array, "..."]) -> Float[Array, "..."]:
        halved = squared_distance / (
            2 * _known("rational quadratic", "bandwidth", self.bandwidth) ** 2
        )
        terms = ((1 + halved / a) ** -a for a in self.exponents)
        return sum(terms, jnp.zeros_like(squared_distance))

    def fitted(
        self,
        first: Float[np.ndarray, "draws dim"],
        second: Float[np.ndarray, "other_draws dim"],
    ) -> "RationalQuadratic":
        if self.bandwidth is not None:
            return self
        return RationalQuadratic(self.exponents, median_distance(first, second))


class Rescaled(AbstractKernel):
    """Another kernel of d / h; without a scale h, the median distance of the pooled points.

    It carries bandwidths that were chosen for data of spread one to data in any units.
    """

    kernel: AbstractKernel
    scale: float | None = None

    def __check_init__(self) -> None:
        if self.scale is not None:
            _require_positive("scale", self.scale)

    def __call__(self, squared_distance: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.kernel(squared_distance / _known("rescaled", "scale", self.scale) ** 2)

    def fitted(
        self,
        first: Float[np.ndarray, "draws dim"],
        second: Float[np.ndarray, "other_draws dim"],
    ) -> "Rescaled":
        scale = median_distance(first, second) if self.scale is None else self.scale
        return Rescaled(self.kernel.fitted(first / scale, second / scale), scale)


def median_distance(
    first: Float[np.ndarray, "draws dim"], second: Float[np.ndarray, "other_draws dim"]
) -> float:
    """Median distance of the pooled points: up to 500 of each set, evenly spaced in their order.

    Raises:
        ConstantColumnError: more than half of all pairs are equal.
    """
    points = np.concatenate([_evenly_spaced(first), _evenly_spaced(second)]).astype(float)
    pairs = np.triu_indices(len(points), 1)
    squared = sum(np.subtract.outer(column, column)[pairs] ** 2 for column in points.T)
    median = float(np.sqrt(np.median(squared)))
    if median == 0:
        raise ConstantColumnError(
            "The median distance is 0: more than half of all pairs of points are equal.",
            "Give the kernel a bandwidth.",
        )
    return median


def _evenly_spaced(points: np.ndarray) -> np.ndarray:
    num = min(len(points), MEDIAN_POINTS)
    return points[np.linspace(0, len(points) - 1, num).round().astype(int)]


def _known(kernel: str, name: str, value: float | Scalar | None) -> float | Scalar:
    if value is None:
        raise ConfigurationError(
            f"This {kernel} kernel has no {name} yet.",
            "Give one, or call `kernel.fitted(first, second)` for the median heuristic.",
        )
    return value


def _power(base: Float[Array, "..."], exponent: float | Scalar) -> Float[Array, "..."]:
    # A general power costs ten times as much as either of these, in every step of a training.
    if isinstance(exponent, int | float) and float(exponent).is_integer():
        return base ** int(exponent)
    return jnp.exp(exponent * jnp.log(base))


def _require_positive(name: str, *values: float) -> None:
    if not values or not all(0 < value < math.inf for value in values):
        raise ConfigurationError(
            f"A kernel's `{name}` must be positive numbers; got {list(values)}.",
            "Give them in units of the data, e.g. `InverseMultiquadric((0.05, 0.2, 0.9))`.",
        )
