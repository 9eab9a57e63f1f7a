"""The normal distribution by regressions of each entry on those before it."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.distributions.base import AbstractDistribution, check_condition
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key, Scalar

_LOG_TWO_PI = float(np.log(2 * np.pi))
_SMALLEST_LOG_SCALE = -9.0
_LARGEST_SCALE = float(np.exp(9.0))


class PrecisionNormal(AbstractDistribution):
    """N(loc, (T^T D^-2 T)^-1), T unit lower triangular (Pourahmadi 1999, Biometrika 86, 677).

        z_i = (r_i - sum_{j<i} t_ij r_j) / d_i,   r = x - loc:

    each entry is a regression on those before it with the residual deviation d_i. Any numbers
    t_ij make a covariance, and the density needs no matrix inverted, so that `Conditional` can
    set all parameters and a nearly singular covariance costs no digits. A deviation is kept
    between exp(-9) = 1.2e-4 and the largest one, smoothly: log d = m + h tanh((raw - m) / h),
    m and h the middle and half the length of the interval of its logarithm.

    Args:
        loc: mean, of length dim.
        scale: d, the deviation of each entry given those before it.
        coefficients: t, dim x dim; only what is below the diagonal is read. None leaves the
            entries independent, for good.
        largest_scale: that any d can become.

    Raises:
        ConfigurationError: a deviation that is not between the two limits.
    """

    loc: Float[Array, " dim"]
    raw_log_scale: Float[Array, " dim"]
    packed: Float[Array, " pairs"] | None
    largest_scale: float = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(
        self,
        loc: Float[Array, " dim"] | Float[np.ndarray, " dim"],
        scale: Float[np.ndarray, " dim"],
        coefficients: Float[np.ndarray, "dim dim"] | None = None,
        *,
        largest_scale: float = _LARGEST_SCALE,
    ) -> None:
        self.largest_scale = largest_scale
        with np.errstate(divide="ignore", invalid="ignore"):
            log_scale = np.log(np.asarray(scale, np.float64))
        middle, half = self._middle_and_half
        if not (np.abs(log_scale - middle) < half).all():
            raise ConfigurationError(
                f"A deviation has to lie between {np.exp(_SMALLEST_LOG_SCALE):.2g} and "
                f"{largest_scale:.2g}; got {scale}.",
                "Standardise the data first.",
            )
        self.loc = jnp.asarray(loc, float)
        raw = middle + half * np.arctanh((log_scale - middle) / half)
        self.raw_log_scale = jnp.asarray(raw, float)
        self.packed = None if coefficients is None else _packed(np.asarray(coefficients))
        self.shape = self.loc.shape
        self.cond_shape = None

    @property
    def log_scale(self) -> Float[Array, " dim"]:
        """Log-deviation of each entry given those before it."""
        middle, half = self._middle_and_half
        return middle + half * jnp.tanh((self.raw_log_scale - middle) / half)

    @property
    def _middle_and_half(self) -> tuple[float, float]:
        largest = math.log(self.largest_scale)
        return (largest + _SMALLEST_LOG_SCALE) / 2, (largest - _SMALLEST_LOG_SCALE) / 2

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        residual = x - self.loc
        if self.packed is not None and self.shape[0] > 1:
            # At an accelerator's default precision a thin density would be off its place.
            explained = jnp.matmul(_unpacked(self.packed), residual[:-1], precision="highest")
            residual = residual - jnp.concatenate([jnp.zeros_like(residual[:1]), explained])
        z = residual * jnp.exp(-self.log_scale)
        return (-0.5 * (z * z + _LOG_TWO_PI) - self.log_scale).sum()

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        residual = jnp.exp(self.log_scale) * jr.normal(key, self.shape, self.loc.dtype)
        if self.packed is not None and self.shape[0] > 1:
            below = jnp.pad(_unpacked(self.packed), ((1, 0), (0, 1)))
            residual = _forward_substitution(below, residual)
        return self.loc + residual


def _forward_substitution(
    below: Float[Array, "dim dim"], noise: Float[Array, " dim"]
) -> Float[Array, " dim"]:
    """r_i = noise_i + sum_{j<i} below_ij r_j, one entry after the other."""

    def step(
        residual: Float[Array, " dim"],
        row: tuple[Float[Array, " dim"], Float[Array, " dim"], Scalar],
    ) -> tuple[Float[Array, " dim"], None]:
        coefficients, place, noise = row
        explained = jnp.vdot(coefficients, residual, precision="highest")
        return residual + place * (noise + explained), None

    places = jnp.eye(len(noise), dtype=noise.dtype)
    return jax.lax.scan(step, jnp.zeros_like(noise), (below, places, noise))[0]


def _unpacked(packed: Float[Array, " pairs"]) -> Float[Array, "rows rows"]:
    """The triangle of rows 1, 2, ... and columns 0, 1, ...: without a scatter, which is slow."""
    rows = _num_rows(packed.shape[0])
    return jnp.tril(jnp.concatenate([packed[rows:], packed[::-1]]).reshape(rows, rows))


def _packed(coefficients: Float[np.ndarray, "dim dim"]) -> Float[Array, " pairs"]:
    dim = len(coefficients)
    num_pairs = dim * (dim - 1) // 2
    rows = dim - 1
    order = np.arange(num_pairs)
    places = np.concatenate([order[rows:], order[::-1]]).reshape(rows, rows)
    packed = np.zeros(num_pairs)
    row, column = np.tril_indices(rows)
    packed[places[row, column]] = coefficients[row + 1, column]
    return jnp.asarray(packed, float)


def _num_rows(num_pairs: int) -> int:
    return round((np.sqrt(8 * num_pairs + 1) - 1) / 2)
