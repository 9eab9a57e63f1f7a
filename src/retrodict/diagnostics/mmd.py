"""Maximum mean discrepancy: how far two samples are apart, as a kernel sees it."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float as NpFloat
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, finite_array
from retrodict.diagnostics.kernel_sums import centred, row_sums, traced
from retrodict.errors import ShapeError, TooFewRowsError
from retrodict.objectives.kernels import AbstractKernel, InverseMultiquadric
from retrodict.typing import Array, Float


@dataclass(frozen=True)
class MaximumMeanDiscrepancy:
    """Estimate of the squared maximum mean discrepancy of two samples.

    Attributes:
        squared: MMD^2; where unbiased, around 0, on either side, for equal distributions.
        kernel: with its bandwidths.
        num_first, num_second: sample sizes.
        biased: whether each point was compared with itself too.
    """

    squared: float
    kernel: AbstractKernel
    num_first: int
    num_second: int
    biased: bool = False

    def __float__(self) -> float:
        return self.squared

    def to_dict(self) -> Json:
        return {
            "squared": self.squared,
            "kernel": self.kernel.label,
            "num_first": self.num_first,
            "num_second": self.num_second,
            "biased": self.biased,
        }

    def __str__(self) -> str:
        return (
            f"{_estimate(self.biased)} {self.squared:.2g} between {self.num_first} and "
            f"{self.num_second} draws under {self.kernel.label}; compare it with what two exact "
            "samples give."
        )


@dataclass(frozen=True)
class MaximumMeanDiscrepancyPerObservation:
    """MMD^2 of two samples for each of many observations.

    Attributes:
        squared: MMD^2 per observation.
        kernel: with its bandwidths.
        num_first, num_second: draws per observation.
        biased: whether each point was compared with itself too.
    """

    squared: NpFloat[np.ndarray, " observations"]
    kernel: AbstractKernel
    num_first: int
    num_second: int
    biased: bool = False

    @property
    def mean(self) -> float:
        """Over observations; a few of low density may dominate it."""
        return float(self.squared.mean())

    @property
    def median(self) -> float:
        """Over observations."""
        return float(np.median(self.squared))

    def to_dict(self) -> Json:
        return {
            "mean": self.mean,
            "median": self.median,
            "largest": float(self.squared.max()),
            "kernel": self.kernel.label,
            "num_observations": len(self.squared),
            "num_first": self.num_first,
            "num_second": self.num_second,
            "biased": self.biased,
        }

    def __str__(self) -> str:
        worst = int(np.argmax(self.squared))
        return (
            f"{_estimate(self.biased)} over {len(self.squared)} observations: mean "
            f"{self.mean:.2g}, median {self.median:.2g}; look first at observation {worst} "
            f"({self.squared[worst]:.2g})."
        )


def mmd(
    first: ArrayLike,
    second: ArrayLike,
    *,
    kernel: AbstractKernel | None = None,
    biased: bool = False,
) -> MaximumMeanDiscrepancy:
    """Squared maximum mean discrepancy of two samples.

    MMD^2 = mean of k(x_i, x_j) + mean of k(y_i, y_j) - 2 mean of k(x_i, y_j), the first two over
    i != j (unbiased; Gretton et al. 2012, JMLR 13, eq. 3) or over all i, j (biased, eq. 5: never
    negative, and too large by about k(0) (1 / n + 1 / m)).

    Time is quadratic, memory linear: kernel values are made and summed block by block, of points
    centred first, by `objectives.distances.squared_distances`. Pairs i = j are left out by index
    and, where biased, added as k(0), whatever rounding makes of their distance.

    Args:
        first: (draws, dim).
        second: (other_draws, dim); the number of draws may differ.
        kernel: `InverseMultiquadric()` by default, whose bandwidths are in units of the data;
            `Rescaled(InverseMultiquadric())` takes them in units of the median distance.
        biased: which of the two estimates.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError: arguments that cannot be compared.
    """
    first = finite_array("first", first, ("draws", "dim"))
    second = finite_array("second", second, ("draws", "dim"))
    result = mmd_per_observation(first[None], second[None], kernel=kernel, biased=biased)
    return MaximumMeanDiscrepancy(
        float(result.squared[0]), result.kernel, len(first), len(second), biased
    )


def mmd_per_observation(
    first: ArrayLike,
    second: ArrayLike,
    *,
    kernel: AbstractKernel | None = None,
    biased: bool = False,
) -> MaximumMeanDiscrepancyPerObservation:
    """MMD^2 (see `mmd`) of two sets of posterior draws for each observation.

    Args:
        first: (observations, draws, dim).
        second: (observations, other_draws, dim), e.g. exact draws for the same observations.
        kernel: `InverseMultiquadric()` by default, the same for all observations.
        biased: as in `mmd`.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError: arguments that cannot be compared.
    """
    first = finite_array("first", first, ("observations", "draws", "dim"))
    second = finite_array("second", second, ("observations", "draws", "dim"))
    if len(first) != len(second) or first.shape[2] != second.shape[2]:
        raise ShapeError(
            f"`first` of shape {first.shape} and `second` of shape {second.shape} must agree "
            "in their numbers of observations and of columns.",
            "Give both sets for the same observations, in the same order.",
        )
    n, m, dim = first.shape[1], second.shape[1], first.shape[2]
    if min(n, m) < 2:
        raise TooFewRowsError(
            f"MMD compares pairs: it needs at least 2 draws on each side; got {n} and {m}.",
            "Draw more.",
        )
    kernel = (kernel or InverseMultiquadric()).fitted(
        first.reshape(-1, dim), second.reshape(-1, dim)
    )
    sums = _row_sums(traced(kernel), *centred(first, second))
    # In double precision: the three terms nearly cancel.
    within_first, within_second, between = (np.asarray(s, dtype=float).sum(1) for s in sums)
    if biased:
        diagonal = float(kernel(jnp.zeros((), dtype=jnp.float32)))
        within = (within_first / n + diagonal) / n + (within_second / m + diagonal) / m
    else:
        within = within_first / (n * (n - 1)) + within_second / (m * (m - 1))
    squared = within - 2 * between / (n * m)
    return MaximumMeanDiscrepancyPerObservation(squared, kernel, n, m, biased)


def _estimate(biased: bool) -> str:
    return "Biased MMD^2" if biased else "Unbiased MMD^2"


@eqx.filter_jit
def _row_sums(
    kernel: AbstractKernel,
    first: Float[Array, "observations draws dim"],
    second: Float[Array, "observations other_draws dim"],
) -> tuple[
    Float[Array, "observations draws"],
    Float[Array, "observations other_draws"],
    Float[Array, "observations draws"],
]:
    """Kernel sums of each point with the others of its set, and with the other set."""

    def one_observation(
        pair: tuple[Float[Array, "draws dim"], Float[Array, "other_draws dim"]],
    ) -> tuple[Float[Array, " draws"], Float[Array, " other_draws"], Float[Array, " draws"]]:
        x, y = pair
        return (
            row_sums(kernel, x, x, same=True),
            row_sums(kernel, y, y, same=True),
            row_sums(kernel, x, y, same=False),
        )

    return jax.lax.map(one_observation, (first, second))
