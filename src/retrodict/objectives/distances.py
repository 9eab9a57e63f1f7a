"""Squared Euclidean distances between all pairs, without a (rows, columns, dim) array."""

import jax
import jax.numpy as jnp

from retrodict.typing import Array, Float

MAX_DIM_BY_DIFFERENCES = 32

Points = Float[Array, "rows dim"]
Others = Float[Array, "columns dim"]
Pairs = Float[Array, "rows columns"]


@jax.custom_vjp
def squared_distances(first: Points, second: Others) -> Pairs:
    """|x_i - y_j|^2 for all pairs.

    Up to 32 dimensions sums of squared differences, column by column; beyond,
    |x|^2 + |y|^2 - 2 x.y of points centred at the mean of `second`, by matrix product. Its
    rounding error of about 1e-7 (|x|^2 + |y|^2) in single precision is far below distances in
    so many dimensions and is not clipped, so that a value may be slightly negative.

    The gradient, 2 (x_i sum_j w_ij - sum_j w_ij y_j) for weights w of the pairs, is a matrix
    product too, and so there is reverse-mode differentiation only.
    """
    if first.shape[1] <= MAX_DIM_BY_DIFFERENCES:
        columns = zip(first.T, second.T, strict=True)
        squares = ((x[:, None] - y[None, :]) ** 2 for x, y in columns)
        return sum(squares, jnp.zeros((len(first), len(second)), first.dtype))
    centre = second.mean(axis=0)
    x, y = first - centre, second - centre
    return (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None, :] - 2 * _product(x, y.T)


def _forward(first: Points, second: Others) -> tuple[Pairs, tuple[Points, Others]]:
    return squared_distances(first, second), (first, second)


def _backward(points: tuple[Points, Others], weights: Pairs) -> tuple[Points, Others]:
    first, second = points
    centre = second.mean(axis=0)
    x, y = first - centre, second - centre
    of_first = weights.sum(axis=1)[:, None] * x - _product(weights, y)
    of_second = weights.sum(axis=0)[:, None] * y - _product(weights.T, x)
    return 2 * of_first, 2 * of_second


squared_distances.defvjp(_forward, _backward)


def _product(
    a: Float[Array, "rows inner"], b: Float[Array, "inner columns"]
) -> Float[Array, "rows columns"]:
    # An accelerator would round the factors to 10 bits, where nearly equal numbers are subtracted.
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
