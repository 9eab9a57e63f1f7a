"""What a linear model already knows about x given the condition."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.base import AbstractBijection, require_condition
from retrodict.bijections.fitting import require_fittable
from retrodict.errors import ShapeError, TooFewRowsError
from retrodict.typing import Array, Float, Scalar

# Relative to the variance of a standardised column: enough for duplicate columns, and far below
# the 1e-5 standard deviations that float32 can tell apart.
_RIDGE = 1e-8
_RESIDUAL_FLOOR = 1e-10


class LinearRegression(AbstractBijection):
    """z = L^-1 (x - W c - b): the residual of a linear regression on the condition, whitened.

    With a standard normal base it is the exact posterior of a linear-Gaussian problem; before
    a flow it leaves the flow only what is not linear. Nothing in it is trained.

        log |det dz/dx| = -sum_i log L_ii

    Args:
        weights: W, shape (dim, cond).
        bias: b, in the units of `x`.
        cholesky: L, lower triangular with a positive diagonal: L L^T is the covariance of the
            residual.
    """

    weights: Float[Array, "dim cond"]
    bias: Float[Array, " dim"]
    cholesky: Float[Array, "dim dim"]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        weights: Float[Array, "dim cond"] | Float[np.ndarray, "dim cond"],
        bias: Float[Array, " dim"] | Float[np.ndarray, " dim"],
        cholesky: Float[Array, "dim dim"] | Float[np.ndarray, "dim dim"],
    ) -> None:
        self.weights = jnp.asarray(weights)
        self.bias = jnp.asarray(bias)
        self.cholesky = jnp.asarray(cholesky)
        self.shape = self.bias.shape
        self.cond_shape = (self.weights.shape[1],)

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        cholesky = jax.lax.stop_gradient(self.cholesky)
        residual = x - self._mean(condition)
        z = jax.scipy.linalg.solve_triangular(cholesky, residual, lower=True)
        return z, -jnp.log(jnp.diagonal(cholesky)).sum()

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, " cond"] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        cholesky = jax.lax.stop_gradient(self.cholesky)
        x = self._mean(condition) + jnp.matmul(cholesky, z, precision="highest")
        return x, jnp.log(jnp.diagonal(cholesky)).sum()

    def _mean(self, condition: Float[Array, " cond"] | None) -> Float[Array, " dim"]:
        condition = require_condition(condition, self.cond_shape)
        weights, bias = jax.lax.stop_gradient((self.weights, self.bias))
        # At an accelerator's default precision the mean would miss by a thousandth.
        return jnp.matmul(weights, condition, precision="highest") + bias


def fit_linear_regression(x_rows: np.ndarray, c_rows: np.ndarray) -> LinearRegression:
    """The ridge regression of x on the condition, and the Cholesky factor of what remains.

    Both sides are standardised for the fit; the ridge (1e-8 of a column's variance) only
    decides between columns of the condition that say the same. The residual covariance is
    unbiased, and gets 1e-10 of the variance of each entry of x on its diagonal, so that an x
    which the condition determines exactly stays finite.

    Args:
        x_rows: training examples, shape (rows, dim); no column constant.
        c_rows: their conditions, shape (rows, cond); constant columns get weight zero.

    Raises:
        DataError: NaN or infinity, a constant column of x, different numbers of rows, or not
            more rows than the regression has coefficients.
    """
    x = require_fittable(x_rows)
    c = require_fittable(c_rows, allow_constant=True)
    num_rows, num_coefficients = x.shape[0], c.shape[1] + 1
    if c.shape[0] != num_rows:
        raise ShapeError(
            f"Expected one condition per row of x; got {num_rows} rows and {c.shape[0]} conditions."
        )
    if num_rows <= num_coefficients:
        raise TooFewRowsError(
            f"A regression on {c.shape[1]} conditions needs more than {num_coefficients} rows; "
            f"got {num_rows}.",
            "Give more rows, or fewer conditions.",
        )
    x_mean, x_scale = x.mean(axis=0), x.std(axis=0)
    c_mean, c_scale = c.mean(axis=0), c.std(axis=0)
    c_scale = np.where(np.ptp(c, axis=0) > 0, c_scale, 1.0)
    x = (x - x_mean) / x_scale
    c = (c - c_mean) / c_scale
    gram = c.T @ c / num_rows + _RIDGE * np.eye(c.shape[1])
    weights = np.linalg.solve(gram, c.T @ x / num_rows).T
    residual = x - c @ weights.T
    covariance = residual.T @ residual / (num_rows - num_coefficients)
    cholesky = np.linalg.cholesky(covariance + _RESIDUAL_FLOOR * np.eye(x.shape[1]))
    weights = x_scale[:, None] * weights / c_scale
    return LinearRegression(weights, x_mean - weights @ c_mean, x_scale[:, None] * cholesky)
