"""Maximum mean discrepancy: how far two samples are apart, as a kernel sees it."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float as NpFloat
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, finite_array
from retrodict.errors import ShapeError, TooFewRowsError
from retrodict.objectives.kernels import AbstractKernel, InverseMultiquadric
from retrodict.typing import Array, Float, Int, Scalar

BLOCK_ELEMENTS = 2**20  # kernel values alive at once
MAX_DIM_BY_DIFFERENCES = 32


@dataclass(frozen=True)
class MaximumMeanDiscrepancy:
    """Unbiased estimate of the squared maximum mean discrepancy of two samples.

    Attributes:
        squared: MMD^2; unbiased, hence around 0, on either side, for equal distributions.
        kernel: with its bandwidths.
        num_first, num_second: sample sizes.
    """

    squared: float
    kernel: AbstractKernel
    num_first: int
    num_second: int

    def __float__(self) -> float:
        return self.squared

    def to_dict(self) -> Json:
        return {
            "squared": self.squared,
            "kernel": self.kernel.label,
            "num_first": self.num_first,
            "num_second": self.num_second,
        }

    def __str__(self) -> str:
        return (
            f"Unbiased MMD^2 {self.squared:.2g} between {self.num_first} and {self.num_second} "
            f"draws under {self.kernel.label}; compare it with what two exact samples give."
        )


@dataclass(frozen=True)
class MaximumMeanDiscrepancyPerObservation:
    """Unbiased MMD^2 of two samples for each of many observations.

    Attributes:
        squared: MMD^2 per observation.
        kernel: with its bandwidths.
        num_first, num_second: draws per observation.
    """

    squared: NpFloat[np.ndarray, " observations"]
    kernel: AbstractKernel
    num_first: int
    num_second: int

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
        }

    def __str__(self) -> str:
        worst = int(np.argmax(self.squared))
        return (
            f"Unbiased MMD^2 over {len(self.squared)} observations: mean {self.mean:.2g}, median "
            f"{self.median:.2g}; look first at observation {worst} ({self.squared[worst]:.2g})."
        )


def mmd(
    first: ArrayLike, second: ArrayLike, *, kernel: AbstractKernel | None = None
) -> MaximumMeanDiscrepancy:
    """Unbiased squared maximum mean discrepancy of two samples.

    MMD^2 = mean over i != j of k(x_i, x_j) + mean over i != j of k(y_i, y_j)
    - 2 mean over i, j of k(x_i, y_j) (Gretton et al. 2012, JMLR 13, eq. 3).

    Time is quadratic, memory linear: kernel values are made and summed block by block.
    Points are centred first. Up to 32 dimensions squared distances are sums of squared
    differences; beyond, |x|^2 + |y|^2 - 2 x.y by matrix product in float32, whose error of about
    1e-7 (|x|^2 + |y|^2) is far below distances in so many dimensions and is not clipped. The
    pairs i = j are left out by index, whatever rounding makes of their distance.

    Args:
        first: (draws, dim).
        second: (other_draws, dim); the number of draws may differ.
        kernel: `InverseMultiquadric()` by default.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError: arguments that cannot be compared.
    """
    first = finite_array("first", first, ("draws", "dim"))
    second = finite_array("second", second, ("draws", "dim"))
    result = mmd_per_observation(first[None], second[None], kernel=kernel)
    return MaximumMeanDiscrepancy(float(result.squared[0]), result.kernel, len(first), len(second))


def mmd_per_observation(
    first: ArrayLike, second: ArrayLike, *, kernel: AbstractKernel | None = None
) -> MaximumMeanDiscrepancyPerObservation:
    """Unbiased MMD^2 (see `mmd`) of two sets of posterior draws for each observation.

    Args:
        first: (observations, draws, dim).
        second: (observations, other_draws, dim), e.g. exact draws for the same observations.
        kernel: `InverseMultiquadric()` by default, the same for all observations.

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
            f"The unbiased estimate needs at least 2 draws on each side; got {n} and {m}.",
            "Draw more.",
        )
    kernel = (kernel or InverseMultiquadric()).fitted(
        first.reshape(-1, dim), second.reshape(-1, dim)
    )
    centre = (first.mean(axis=1, dtype=float) + second.mean(axis=1, dtype=float))[:, None] / 2
    # Traced, so that another bandwidth needs no new compilation.
    traced_kernel = jax.tree.map(lambda value: jnp.asarray(value, dtype=jnp.float32), kernel)
    row_sums = _row_sums(
        traced_kernel,
        jnp.asarray(first - centre, dtype=jnp.float32),
        jnp.asarray(second - centre, dtype=jnp.float32),
    )
    # In double precision: the three terms nearly cancel.
    within_first, within_second, between = (np.asarray(s, dtype=float).sum(1) for s in row_sums)
    squared = within_first / (n * (n - 1)) + within_second / (m * (m - 1)) - 2 * between / (n * m)
    return MaximumMeanDiscrepancyPerObservation(squared, kernel, n, m)


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
            _block_sums(kernel, x, x, same=True),
            _block_sums(kernel, y, y, same=True),
            _block_sums(kernel, x, y, same=False),
        )

    return jax.lax.map(one_observation, (first, second))


def _block_sums(
    kernel: AbstractKernel,
    rows: Float[Array, "rows dim"],
    columns: Float[Array, "columns dim"],
    *,
    same: bool,
) -> Float[Array, " rows"]:
    """Sum over columns of kernel values, for each row, some rows at a time."""
    indices = jnp.arange(len(columns))
    squared_norms = (columns**2).sum(axis=1)

    def squared_distances(row: Float[Array, " dim"]) -> Float[Array, " columns"]:
        if columns.shape[1] <= MAX_DIM_BY_DIFFERENCES:
            squares = ((columns[:, k] - row[k]) ** 2 for k in range(columns.shape[1]))
            return sum(squares, jnp.zeros_like(squared_norms))
        return (row @ row) + squared_norms - 2 * (columns @ row)

    def row_sum(indexed_row: tuple[Int[Array, ""], Float[Array, " dim"]]) -> Scalar:
        index, row = indexed_row
        values = kernel(squared_distances(row))
        return jnp.where(indices == index, 0, values).sum() if same else values.sum()

    return jax.lax.map(
        row_sum,
        (jnp.arange(len(rows)), rows),
        batch_size=max(1, BLOCK_ELEMENTS // len(columns)),
    )
