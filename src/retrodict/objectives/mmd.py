"""Maximum mean discrepancy of two minibatches, as a loss."""

import jax.numpy as jnp

from retrodict.errors import ShapeError, TooFewRowsError
from retrodict.objectives.distances import squared_distances
from retrodict.objectives.kernels import AbstractKernel
from retrodict.typing import Array, Float, Scalar


def mmd_squared(
    first: Float[Array, "rows dim"],
    second: Float[Array, "other_rows other_dim"],
    kernel: AbstractKernel,
    *,
    biased: bool = True,
) -> Scalar:
    """Squared maximum mean discrepancy of two minibatches (Gretton et al. 2012, JMLR 13).

        mean of k(x_i, x_j) + mean of k(y_i, y_j) - 2 mean of k(x_i, y_j)

    with the pairs i = j of one set (biased, eq. 5: never negative, as a loss should be) or
    without them (unbiased, eq. 3). As a loss of `first` they hardly differ: the pairs left out
    are constant.

    Arrays of size rows x other_rows are made, none of size rows x other_rows x dim. For samples
    too large for that, and for numbers to report, see `retrodict.diagnostics.mmd`.

    Args:
        first: rows of points.
        second: points to compare them with; their number may differ.
        kernel: with its bandwidths; one that takes them from the data must be `fitted` before.
        biased: whether a point is compared with itself.

    Raises:
        ShapeError: another number of columns.
        TooFewRowsError: no pairs to compare.
        ConfigurationError: a kernel without bandwidth.
    """
    if first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"Both minibatches need the same columns; got shapes {first.shape} and {second.shape}.",
            "Compare points of one space.",
        )
    least = 1 if biased else 2
    if min(len(first), len(second)) < least:
        raise TooFewRowsError(
            f"At least {least} rows are needed on each side; got {len(first)} and {len(second)}.",
            "Use larger minibatches.",
        )
    between = kernel(squared_distances(first, second)).mean()
    within = _within(first, kernel, biased) + _within(second, kernel, biased)
    return within - 2 * between


def _within(points: Float[Array, "rows dim"], kernel: AbstractKernel, biased: bool) -> Scalar:
    values = kernel(squared_distances(points, points))
    if biased:
        return values.mean()
    num = len(points)
    return (values.sum() - jnp.trace(values)) / (num * (num - 1))
