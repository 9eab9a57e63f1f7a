"""What a linear model already knows about x given the condition."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.base import AbstractBijection, require_condition
from retrodict.bijections.fitting import require_fittable
from retrodict.errors import ShapeError
from retrodict.typing import Array, Float, Scalar

# Relative to the variance of a standardised column. The smallest is enough for duplicate columns.
_RIDGES = np.logspace(-8, 2, 21)
_LEAST_LEFT = 0.1
# Far below the 1e-5 standard deviations that float32 can tell apart.
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

    Both sides are standardised for the fit. The ridge is the one, between 1e-8 and 100 of a
    column's variance, that generalised cross-validation prefers (Golub et al. 1979,
    Technometrics 21, 215): none to speak of where rows are many, more where there are about as
    many conditions as rows. The residual covariance is divided by the degrees of freedom that
    are left, and gets 1e-10 of the variance of each entry of x on its diagonal, so that an x
    which the condition determines exactly stays finite.

    Args:
        x_rows: training examples, shape (rows, dim); no column constant.
        c_rows: their conditions, shape (rows, cond); constant columns get weight zero.

    Raises:
        DataError: NaN or infinity, a constant column of x, or different numbers of rows.
    """
    x = require_fittable(x_rows)
    c = require_fittable(c_rows, allow_constant=True)
    num_rows = x.shape[0]
    if c.shape[0] != num_rows:
        raise ShapeError(
            f"Expected one condition per row of x; got {num_rows} rows and {c.shape[0]} conditions."
        )
    x_mean, x_scale = x.mean(axis=0), x.std(axis=0)
    c_mean, c_scale = c.mean(axis=0), c.std(axis=0)
    c_scale = np.where(np.ptp(c, axis=0) > 0, c_scale, 1.0)
    x = (x - x_mean) / x_scale
    c = (c - c_mean) / c_scale
    weights, degrees_of_freedom = _ridge_regression(x, c)
    residual = x - c @ weights.T
    root = np.sqrt(num_rows - degrees_of_freedom)
    covariance = (residual / root).T @ (residual / root)
    cholesky = np.linalg.cholesky(covariance + _RESIDUAL_FLOOR * np.eye(x.shape[1]))
    weights = x_scale[:, None] * weights / c_scale
    return LinearRegression(weights, x_mean - weights @ c_mean, x_scale[:, None] * cholesky)


def _ridge_regression(
    x: Float[np.ndarray, "rows dim"], c: Float[np.ndarray, "rows cond"]
) -> tuple[Float[np.ndarray, "dim cond"], Float[np.ndarray, " dim"]]:
    """Weights, and degrees of freedom (mean included), for each x at its best ridge."""
    num_rows = len(x)
    variances, axes = np.linalg.eigh(c.T @ c / num_rows)
    variances = np.maximum(variances, 0)  # rounding makes the zeros negative
    covariances = axes.T @ (c.T @ x / num_rows)
    shrinkage = 1 / (variances + _RIDGES[:, None])
    along = shrinkage[..., None] * covariances
    explained = ((2 * covariances - variances[:, None] * along) * along).sum(axis=1)
    residual = (x * x).mean(axis=0) - explained
    degrees_of_freedom = 1 + (variances * shrinkage).sum(axis=1)
    left = 1 - degrees_of_freedom / num_rows
    # Where next to nothing is left, residual and score are rounding errors.
    score = np.where(left[:, None] >= _LEAST_LEFT, residual / left[:, None] ** 2, np.inf)
    best = np.argmin(score, axis=0)
    weights = np.einsum("ck,kd->dc", axes, along[best, :, np.arange(x.shape[1])].T)
    return weights, degrees_of_freedom[best]
