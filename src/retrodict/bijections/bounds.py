"""From a bounded support to the whole real line, and back without ever leaving it."""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.base import AbstractBijection
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar

_LOG_SQRT_TWO_PI = float(0.5 * np.log(2 * np.pi))


class BoundedToReal(AbstractBijection):
    """Each entry from its support to the reals, increasing.

    Two bounds, by the probit, which makes a uniform prior exactly standard normal:

        z = Phi^-1(u),   u = (x - lower) / (upper - lower)

    One bound, with d the distance to it (mirrored for an upper bound) and s its softplus scale:

        z = log d                      where s = 0
        z = s log(exp(d / s) - 1)      where s > 0: log-like for d << s, the identity for d >> s

    No bound: the identity.

    Precision. Everything is computed from the distance to the nearer bound, so a tail is as
    precise as the floating-point numbers near that bound are dense: in float32 the probit
    reaches |z| = 11.7 at a bound of zero, but 5.2 at a bound of one, where the next smaller
    number is 6e-8 away. Beyond, it saturates: the value taken at a bound itself, and for any z
    further out, is the nearest number inside (at a bound of zero: 1e-31 widths in float32, and
    1e-292 in float64, which leaves room for the derivative). So both directions and
    their gradients are finite everywhere, and no draw ever leaves the support or touches a
    bound. Log-determinants of the inverse do not saturate. The logarithm saturates at
    4e31 (float32), 4e292 (float64).

    Outside the support the log-determinant of `forward` is -inf: no density there.

    Bounds are part of the architecture, not of its weights: they are plain numbers, not arrays.

    Args:
        lower, upper: one per entry, infinite where there is none.
        softplus_scale: s, one per entry, in the units of `x`; read only where there is exactly
            one bound. Default: 0, the logarithm, everywhere.
    """

    lower: tuple[float, ...] = eqx.field(static=True)
    upper: tuple[float, ...] = eqx.field(static=True)
    softplus_scale: tuple[float, ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(
        self,
        lower: Sequence[float] | np.ndarray,
        upper: Sequence[float] | np.ndarray,
        softplus_scale: Sequence[float] | np.ndarray | None = None,
    ) -> None:
        self.lower = tuple(float(bound) for bound in lower)
        self.upper = tuple(float(bound) for bound in upper)
        if softplus_scale is None:
            softplus_scale = [0.0] * len(self.lower)
        self.softplus_scale = tuple(float(scale) for scale in softplus_scale)
        self.shape = (len(self.lower),)
        self.cond_shape = None

    def __check_init__(self) -> None:
        if not len(self.lower) == len(self.upper) == len(self.softplus_scale):
            raise ConfigurationError(
                f"Expected one lower and one upper bound and one scale per entry; got "
                f"{len(self.lower)}, {len(self.upper)} and {len(self.softplus_scale)}.",
                "Use -inf and inf where there is no bound.",
            )
        for i, (lower, upper) in enumerate(zip(self.lower, self.upper, strict=True)):
            if not (lower < upper and lower < np.inf and upper > -np.inf):
                raise ConfigurationError(
                    f"Bounds must satisfy lower < upper; entry {i} has lower={lower}, "
                    f"upper={upper}.",
                    "Use -inf and inf where there is no bound.",
                )
        if not all(0 <= scale < np.inf for scale in self.softplus_scale):
            raise ConfigurationError(
                f"Softplus scales must be finite and not negative; got {self.softplus_scale}.",
                "Use 0 for the logarithm.",
            )

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        support = _support(self, x.dtype)
        to_lower, to_upper = x - support.lower, support.upper - x
        nearer_lower = jnp.where(support.has_both, to_lower <= to_upper, support.has_lower)
        sign = jnp.where(nearer_lower, 1, -1).astype(x.dtype)
        distance = jnp.where(nearer_lower, to_lower, to_upper)
        margin = jnp.where(nearer_lower, support.margin_lower, support.margin_upper)
        # Where there is no bound the distance is meaningless: one keeps those branches finite.
        distance = jnp.where(support.has_any, jnp.maximum(distance, margin), 1)

        share = jnp.where(support.has_both, distance / support.width, 0.5)
        probit = _probit(share)
        ratio = distance / support.softplus_scale
        log_slope = jnp.log(-jnp.expm1(-ratio))
        log_distance = jnp.log(distance)

        half = jnp.where(
            support.is_softplus, support.softplus_scale * (ratio + log_slope), log_distance
        )
        z = jnp.where(support.has_both, sign * probit, sign * half)
        log_det = jnp.where(
            support.has_both,
            0.5 * probit * probit + _LOG_SQRT_TWO_PI - jnp.log(support.width),
            jnp.where(support.is_softplus, -log_slope, -log_distance),
        )
        z = jnp.where(support.has_any, z, x)
        log_det = jnp.where(support.has_any, log_det, 0)
        below = support.has_lower & (to_lower < 0)
        above = support.has_upper & (to_upper < 0)
        return z, jnp.where(below | above, -jnp.inf, log_det).sum()

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        support = _support(self, z.dtype)
        nearer_lower = jnp.where(support.has_both, z <= 0, support.has_lower)
        # Not |z|: its derivative at zero would be zero.
        outward = jnp.where(z <= 0, z, -z)
        inward = jnp.where(support.has_lower, z, -z)

        scaled = inward / support.softplus_scale
        half = jnp.where(
            support.is_softplus,
            support.softplus_scale * jax.nn.softplus(scaled),
            jnp.exp(jnp.minimum(inward, support.log_largest)),
        )
        distance = jnp.where(
            support.has_both, support.width * jax.scipy.special.ndtr(outward), half
        )
        margin = jnp.where(nearer_lower, support.margin_lower, support.margin_upper)
        distance = jnp.maximum(distance, margin)
        x = jnp.where(nearer_lower, support.lower + distance, support.upper - distance)
        log_det = jnp.where(
            support.has_both,
            jnp.log(support.width) - 0.5 * z * z - _LOG_SQRT_TWO_PI,
            jnp.where(support.is_softplus, -jax.nn.softplus(-scaled), inward),
        )
        x = jnp.where(support.has_any, x, z)
        return x, jnp.where(support.has_any, log_det, 0).sum()


class _Support(NamedTuple):
    """Bounds as constants of one floating-point type, with stand-ins where there is none."""

    lower: np.ndarray
    upper: np.ndarray
    width: np.ndarray
    softplus_scale: np.ndarray
    margin_lower: np.ndarray
    margin_upper: np.ndarray
    has_lower: np.ndarray
    has_upper: np.ndarray
    has_both: np.ndarray
    has_any: np.ndarray
    is_softplus: np.ndarray
    log_largest: np.ndarray


def _support(bounds: BoundedToReal, dtype: np.dtype) -> _Support:
    limits = np.finfo(dtype)
    lower, upper = np.asarray(bounds.lower, dtype), np.asarray(bounds.upper, dtype)
    scale = np.asarray(bounds.softplus_scale, dtype)
    has_lower, has_upper = np.isfinite(lower), np.isfinite(upper)
    lower, upper = np.where(has_lower, lower, 0), np.where(has_upper, upper, 0)
    has_both = has_lower & has_upper
    width = np.where(has_both, upper - lower, 1).astype(dtype)
    # The smallest distance that a float can have from the bound; at zero, where floats are dense
    # without end, one whose inverse is still far from overflow.
    smallest = (limits.tiny / limits.eps).astype(dtype) * width
    inside_lower = np.nextafter(lower, np.asarray(np.inf, dtype)) - lower
    inside_upper = upper - np.nextafter(upper, np.asarray(-np.inf, dtype))
    return _Support(
        lower=lower,
        upper=upper,
        width=width,
        softplus_scale=np.where(scale > 0, scale, 1).astype(dtype),
        margin_lower=np.maximum(inside_lower, smallest),
        margin_upper=np.maximum(inside_upper, smallest),
        has_lower=has_lower,
        has_upper=has_upper,
        has_both=has_both,
        has_any=has_lower | has_upper,
        is_softplus=scale > 0,
        log_largest=np.log(limits.max * limits.eps).astype(dtype),
    )


@jax.custom_jvp
def _probit(u: Float[Array, " dim"]) -> Float[Array, " dim"]:
    """Phi^-1(u) for 0 < u <= 1/2, with its exact derivative instead of the approximation's."""
    return jax.scipy.special.ndtri(u)


@_probit.defjvp
def _probit_jvp(
    primals: tuple[Float[Array, " dim"]], tangents: tuple[Float[Array, " dim"]]
) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
    z = _probit(*primals)
    return z, tangents[0] * jnp.exp(0.5 * z * z + _LOG_SQRT_TWO_PI)
