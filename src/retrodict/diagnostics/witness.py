"""Witness function: where two samples differ, as a kernel sees it."""

from dataclasses import dataclass

import equinox as eqx
import numpy as np
from jaxtyping import Float as NpFloat
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import finite_array
from retrodict.diagnostics.kernel_sums import centred, row_sums, traced
from retrodict.errors import ShapeError
from retrodict.objectives.kernels import AbstractKernel, Gaussian
from retrodict.typing import Array, Float


@dataclass(frozen=True)
class Witness:
    """f(t) = mean of k(x_i, t) - mean of k(y_j, t): positive where `first` has more mass.

    Its mean over `first` less its mean over `second` is the biased MMD^2.

    Attributes:
        first: (draws, dim).
        second: (other_draws, dim).
        kernel: with its bandwidths.
    """

    first: NpFloat[np.ndarray, "draws dim"]
    second: NpFloat[np.ndarray, "other_draws dim"]
    kernel: AbstractKernel

    def __call__(self, points: ArrayLike) -> NpFloat[np.ndarray, " points"]:
        """The value at each of `points`, (points, dim); time is points x draws, memory linear.

        Raises:
            NonFiniteError, ShapeError: points that are not in the space of the samples.
        """
        at = finite_array("points", points, ("points", "dim"))
        if at.shape[1] != self.first.shape[1]:
            raise ShapeError(
                f"`points` must have {self.first.shape[1]} columns; got shape {at.shape}.",
                "Evaluate the witness where its samples live.",
            )
        first, second, at_points = centred(self.first, self.second, at)
        kernel = traced(self.kernel)
        of_first, of_second = _sums(kernel, at_points, first), _sums(kernel, at_points, second)
        means = (
            np.asarray(sums, dtype=float) / len(sample)
            for sums, sample in ((of_first, first), (of_second, second))
        )
        return np.subtract(*means)

    def __str__(self) -> str:
        pooled = np.concatenate([self.first, self.second])
        values = self(pooled)
        more, less = (
            ", ".join(f"{value:.3g}" for value in pooled[index])
            for index in (int(np.argmax(values)), int(np.argmin(values)))
        )
        return (
            f"The first sample has most too much at ({more}), the second at ({less}), "
            f"as {self.kernel.label} sees it; compare `mmd_test` before believing it."
        )


def witness(
    first: ArrayLike, second: ArrayLike, *, kernel: AbstractKernel | None = None
) -> Witness:
    """The witness function of two samples (Gretton et al. 2012, JMLR 13, sec. 2.3).

    Among all functions of unit norm in the kernel's space, the one (up to a factor) whose means
    differ most between the samples.

    Args:
        first: (draws, dim).
        second: (other_draws, dim); the number of draws may differ.
        kernel: `Gaussian()` by default, its bandwidth the median distance.

    Raises:
        NonFiniteError, ShapeError: arguments that cannot be compared.
    """
    first = finite_array("first", first, ("draws", "dim"))
    second = finite_array("second", second, ("other_draws", "dim"))
    if first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"Both samples need the same columns; got shapes {first.shape} and {second.shape}.",
            "Compare the same variables.",
        )
    return Witness(first, second, (kernel or Gaussian()).fitted(first, second))


@eqx.filter_jit
def _sums(
    kernel: AbstractKernel, points: Float[Array, "points dim"], sample: Float[Array, "draws dim"]
) -> Float[Array, " points"]:
    return row_sums(kernel, points, sample, same=False)
