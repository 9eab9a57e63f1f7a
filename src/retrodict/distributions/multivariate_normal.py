"""The normal distribution with correlated entries."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import jax.scipy.linalg as jsl
import numpy as np

from retrodict.distributions.base import AbstractDistribution, check_condition
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key, Scalar

_LOG_TWO_PI = float(np.log(2 * np.pi))


class MultivariateNormal(AbstractDistribution):
    """N(loc, covariance), held by its lower Cholesky factor L: x = loc + L z.

    Args:
        loc: mean, of length dim.
        covariance: symmetric positive definite, dim x dim.

    Raises:
        ConfigurationError: the sizes disagree, or the covariance is not symmetric positive
            definite.
    """

    loc: Float[Array, " dim"]
    scale_tril: Float[Array, "dim dim"]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(
        self,
        loc: Float[Array, " dim"] | Float[np.ndarray, " dim"],
        covariance: Float[Array, "rows columns"] | Float[np.ndarray, "rows columns"],
    ) -> None:
        # On the host in double precision: a factor is made once and used often.
        matrix = np.asarray(covariance, dtype=np.float64)
        dim = loc.shape[0]
        if matrix.shape != (dim, dim):
            raise ConfigurationError(
                f"A mean of length {dim} needs a covariance of shape {(dim, dim)}; "
                f"got {matrix.shape}.",
                "Give one row and one column per entry of the mean.",
            )
        if not np.allclose(matrix, matrix.T, rtol=1e-5, atol=1e-8 * np.abs(matrix).max()):
            raise ConfigurationError(
                f"A covariance is symmetric; this one differs from its transpose by up to "
                f"{np.abs(matrix - matrix.T).max():.3g}.",
                "Symmetrise it by `(C + C.T) / 2` if the difference is rounding.",
            )
        try:
            factor = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError as error:
            smallest = np.linalg.eigvalsh(matrix)[0]
            raise ConfigurationError(
                "A covariance with a density is positive definite; "
                f"the smallest eigenvalue of this one is {smallest:.3g}.",
                "Leave out entries that are combinations of others.",
            ) from error
        self.loc = jnp.asarray(loc, float)
        self.scale_tril = jnp.asarray(factor, float)
        self.shape = (dim,)
        self.cond_shape = None

    @property
    def covariance(self) -> Float[Array, "dim dim"]:
        """L L^T."""
        return self.scale_tril @ self.scale_tril.T

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        z = jsl.solve_triangular(self.scale_tril, x - self.loc, lower=True)
        log_det = jnp.log(jnp.diagonal(self.scale_tril)).sum()
        return -0.5 * (z * z + _LOG_TWO_PI).sum() - log_det

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        return self.loc + self.scale_tril @ jr.normal(key, self.shape, self.loc.dtype)
