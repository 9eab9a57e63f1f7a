"""Permutation test of the maximum mean discrepancy: is it more than chance?"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float as NpFloat
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, finite_array
from retrodict.diagnostics.kernel_sums import BLOCK_ELEMENTS, centred, traced
from retrodict.errors import ConfigurationError, ShapeError, TooFewRowsError
from retrodict.objectives.distances import squared_distances
from retrodict.objectives.kernels import AbstractKernel, Gaussian
from retrodict.typing import Array, Bool, Float, Int, Scalar

LEVEL = 0.01
LABEL_ELEMENTS = 2**25  # labels of as many permutations as are evaluated in one pass
_TIE = 1e-6  # of k(0): labellings with equal MMD^2 stay equal, despite rounding


@dataclass(frozen=True)
class MMDTest:
    """Whether two samples are further apart than random halves of the pooled sample.

    Attributes:
        squared: unbiased MMD^2 of the two samples.
        null: unbiased MMD^2 of each permutation.
        p_value: (1 + number of permutations with at least `squared`) / (1 + permutations).
        kernel: with its bandwidths.
        num_first, num_second: sample sizes.
    """

    squared: float
    null: NpFloat[np.ndarray, " permutations"]
    p_value: float
    kernel: AbstractKernel
    num_first: int
    num_second: int

    @property
    def passed(self) -> bool:
        """No difference is seen, at 1 %."""
        return self.p_value > LEVEL

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "squared": self.squared,
            "p_value": self.p_value,
            "null_99_percent": float(np.quantile(self.null, 0.99)),
            "num_permutations": len(self.null),
            "kernel": self.kernel.label,
            "num_first": self.num_first,
            "num_second": self.num_second,
        }

    def __str__(self) -> str:
        found = (
            f"MMD^2 {self.squared:.2g} between {self.num_first} and {self.num_second} draws "
            f"(p = {self.p_value:.2g} from {len(self.null)} permutations)"
        )
        if self.passed:
            return f"{found}: no more than chance, under {self.kernel.label}."
        return f"{found}: the samples differ; `witness` and its picture say where."


def mmd_test(
    first: ArrayLike,
    second: ArrayLike,
    *,
    kernel: AbstractKernel | None = None,
    num_permutations: int = 999,
    random_state: int = 0,
) -> MMDTest:
    """Two-sample test of MMD^2 by permutation (Gretton et al. 2012, JMLR 13, sec. 8).

    Under equal distributions all labellings of the pooled sample are as likely, so that
    p = (b + 1) / (m + 1), where b of m random labellings have at least the MMD^2 observed, is
    at most a with probability at most a, at every sample size (Phipson and Smyth 2010,
    doi:10.2202/1544-6115.1585). Draws must be independent: thin a Markov chain first.

    One pass over the kernel matrix, made block by block and never kept, serves many
    permutations at once: MMD^2 is c'Kc for the weights c = 1/n in the first sample and -1/m in
    the second (biased; the diagonal is then taken off), and K C one matrix product for all.
    Memory is linear in the number of draws, time is draws^2 (1 + permutations).

    Args:
        first: (draws, dim).
        second: (other_draws, dim); the number of draws may differ.
        kernel: `Gaussian()` by default. What it takes from the data, it takes from the pooled
            sample, which no labelling changes. Distances are in units of the data.
        num_permutations: the smallest p-value is 1 / (num_permutations + 1).
        random_state: of the permutations.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError: arguments that cannot be compared.
        ConfigurationError: too few permutations for a p-value of 1 %.
    """
    first = finite_array("first", first, ("draws", "dim"))
    second = finite_array("second", second, ("other_draws", "dim"))
    if first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"Both samples need the same columns; got shapes {first.shape} and {second.shape}.",
            "Compare the same variables.",
        )
    n, m = len(first), len(second)
    if min(n, m) < 2:
        raise TooFewRowsError(
            f"MMD compares pairs: it needs at least 2 draws on each side; got {n} and {m}.",
            "Draw more.",
        )
    if 1 / (num_permutations + 1) > LEVEL:
        raise ConfigurationError(
            f"The smallest p-value of {num_permutations} permutations is "
            f"{1 / (num_permutations + 1):.2g}, too large for a test at {LEVEL}.",
            "Use 999.",
        )
    rng = np.random.default_rng(random_state)
    pooled = np.concatenate([first, second])
    # Fitted to halves of a random order: the labels must not have a say in the kernel.
    halves = np.array_split(pooled[rng.permutation(n + m)], 2)
    kernel = (kernel or Gaussian()).fitted(*halves)
    squared = _of_labellings(kernel, pooled, n, num_permutations, rng)
    at_least = squared[1:] >= squared[0] - _TIE * _at_zero(kernel)
    p_value = (1 + int(at_least.sum())) / (1 + num_permutations)
    return MMDTest(float(squared[0]), squared[1:], p_value, kernel, n, m)


def _of_labellings(
    kernel: AbstractKernel,
    pooled: np.ndarray,
    num_first: int,
    num_permutations: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Unbiased MMD^2 of the labelling given, then of random ones."""
    num = len(pooled)
    in_first = np.arange(num) < num_first
    (points,) = centred(pooled)
    program = traced(kernel)
    passes: list[list[np.ndarray]] = []
    left, per_pass = 1 + num_permutations, max(2, LABEL_ELEMENTS // num)
    while left > 0:
        labels = np.tile(in_first, (min(per_pass, left), 1))
        kept = 0 if passes else 1
        labels[kept:] = rng.permuted(labels[kept:], axis=1)
        sums = _label_sums(program, points, jnp.asarray(labels.T))
        passes.append([np.asarray(part, dtype=float) for part in sums])
        left -= len(labels)
    contrast, contrast_with_all = (np.concatenate([p[i] for p in passes]) for i in (0, 1))
    everything = float(passes[0][2].sum())
    return _unbiased(
        contrast, contrast_with_all, everything, num_first, num - num_first, _at_zero(kernel)
    )


def _unbiased(
    contrast: np.ndarray,
    contrast_with_all: np.ndarray,
    everything: float,
    n: int,
    m: int,
    at_zero: float,
) -> np.ndarray:
    """From c'Kc, c'K1 and 1'K1; with s/n = (c + 1/m) m / (n + m) for the first sample's labels s.

    Means within a sample with the diagonal follow, and each is as much too large as
    (k(0) - mean) / (n - 1).
    """
    share = m / (n + m)
    first = share**2 * (contrast + 2 * contrast_with_all / m + everything / m**2)
    second = first - 2 * share * (contrast + contrast_with_all / m) + contrast
    return contrast - (at_zero - first) / (n - 1) - (at_zero - second) / (m - 1)


def _at_zero(kernel: AbstractKernel) -> float:
    return float(kernel(jnp.zeros((), dtype=jnp.float32)))


LabelSums = tuple[Float[Array, " labellings"], Float[Array, " labellings"], Float[Array, " blocks"]]


@eqx.filter_jit
def _label_sums(
    kernel: AbstractKernel,
    points: Float[Array, "draws dim"],
    labels: Bool[Array, "draws labellings"],
) -> LabelSums:
    """c'Kc and c'K1 for the contrast c of each labelling, and 1'K1, some rows of K at a time."""
    num, num_labellings = labels.shape
    num_first = labels[:, 0].sum().astype(points.dtype)
    weights = jnp.where(labels, 1 / num_first, -1 / (num - num_first))
    num_rows = max(1, min(num, BLOCK_ELEMENTS // num))
    columns = jnp.arange(num)
    at_zero = kernel(jnp.zeros((), points.dtype))

    def add_block(
        totals: tuple[Float[Array, " labellings"], Float[Array, " labellings"]],
        start: Int[Array, ""],
    ) -> tuple[tuple[Float[Array, " labellings"], Float[Array, " labellings"]], Scalar]:
        # The last block begins early and leaves out the rows that it shares with the one before.
        begin = jnp.minimum(start, num - num_rows)
        indices = begin + jnp.arange(num_rows)
        rows = jax.lax.dynamic_slice_in_dim(points, begin, num_rows)
        values = kernel(squared_distances(rows, points))
        values = jnp.where(indices[:, None] == columns[None], at_zero, values)
        values = jnp.where((indices >= start)[:, None], values, 0)
        own = jax.lax.dynamic_slice_in_dim(weights, begin, num_rows)
        product = jnp.matmul(values, weights, precision=jax.lax.Precision.HIGHEST)
        sums = values.sum(axis=1)
        contrast, with_all = totals
        return (contrast + (own * product).sum(axis=0), with_all + sums @ own), sums.sum()

    zeros = jnp.zeros(num_labellings, points.dtype)
    starts = jnp.arange(0, num, num_rows)
    (contrast, with_all), everything = jax.lax.scan(add_block, (zeros, zeros), starts)
    return contrast, with_all, everything
