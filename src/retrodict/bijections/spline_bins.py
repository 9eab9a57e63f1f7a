"""What the splines share: their bins, and how the bin of a value is found.

Every spline acts on [-bound, bound] and is the identity outside (linear tails of slope one).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar

MIN_BIN = 1e-3
"""Smallest width, and height unless told otherwise, of a bin as a share of [-bound, bound]."""

MIN_DERIVATIVE = 1e-3
_IDENTITY = float(np.log(np.expm1(1 - MIN_DERIVATIVE)))

_MIN_BOUND, _MAX_BOUND = 1e-6, 1e6


def possible_bins(min_share: float = MIN_BIN) -> int:
    """The largest number of bins whose knots float32 keeps apart, whatever the parameters.

    A knot is a sum of at most K shares that add up to one: with u = 2^-24, half the spacing of
    float32 at one, it is off by at most K u, and moving it into [-bound, bound] rounds by u
    and a half. Two neighbours stay in order if (2 K + 3) u is less than the smallest bin. Bins
    of the smallest width may take up half of the whole, so that the other half can be learned.
    All of this is relative to the bound, which therefore does not enter.

    Args:
        min_share: smallest width or height of a bin as a share of [-bound, bound].
    """
    apart = int(min_share * 2**23 - 1.5)
    return min(apart, int(0.5 / MIN_BIN))


def require_spline(num_bins: int, bound: float, min_share: float = MIN_BIN) -> None:
    """Refuses a spline whose bins float32 cannot hold.

    Args:
        num_bins: bins between -bound and bound.
        bound: half the width of the box.
        min_share: smallest width or height of a bin as a share of [-bound, bound].

    Raises:
        ConfigurationError: too few or too many bins, or a bound that is not a positive number
            of moderate size.
    """
    possible = possible_bins(min_share)
    if not 2 <= num_bins <= possible:
        raise ConfigurationError(
            f"This spline can have 2 to {possible} bins, the most that float32 keeps apart; "
            f"got {num_bins}.",
            "Ten is plenty for most posteriors.",
        )
    if not _MIN_BOUND <= bound <= _MAX_BOUND:
        raise ConfigurationError(
            f"The bound of a spline must be positive, from {_MIN_BOUND:g} to {_MAX_BOUND:g}; "
            f"got {bound}.",
            "Use 5.0 for standardised values.",
        )


def shares(raw: Float[Array, " bins"]) -> Float[Array, " bins"]:
    """Widths or heights that add up to one, none below `MIN_BIN`, equal at zero."""
    return MIN_BIN + (1 - MIN_BIN * raw.size) * jax.nn.softmax(raw)


def inner_knots(share: Float[Array, " bins"], bound: float) -> Float[Array, " knots"]:
    """The knots between -bound and bound that leave each bin its share."""
    # A product with a triangle of ones: XLA's cumsum is slow for short rows on a CPU.
    triangle = jnp.asarray(np.tri(share.size - 1, share.size), share.dtype)
    below = jnp.dot(triangle, share, precision=jax.lax.Precision.HIGHEST)
    return 2 * bound * below - bound


def derivative(raw: Scalar | Float[Array, " knots"]) -> Scalar | Float[Array, " knots"]:
    """A derivative above `MIN_DERIVATIVE`, one at zero."""
    # softplus(_IDENTITY) = 1 - MIN_DERIVATIVE
    return MIN_DERIVATIVE + jax.nn.softplus(_IDENTITY + raw)


def pick(values: Float[Array, " bins"], one_hot: Float[Array, " bins"]) -> Scalar:
    """The value of one bin. Products with one-hots are faster than gathers, both ways."""
    # In full precision, which a GPU's matrix units lack by default.
    return jnp.dot(values, one_hot, precision=jax.lax.Precision.HIGHEST)


def within(share: Scalar) -> Scalar:
    """A relative position in a bin, put back where rounding took it beyond an end.

    Next to a flat end the slope would come out negative there. The derivative stays one.
    """
    return share + jax.lax.stop_gradient(jnp.clip(share, 0, 1) - share)


class Bin(NamedTuple):
    """The bin that holds a value: its rectangle, and its place among all bins.

    Attributes:
        x0, x1: its ends in x.
        z0, z1: its ends in z.
        one_hot: one for this bin, zero for the others.
    """

    x0: Scalar
    x1: Scalar
    z0: Scalar
    z1: Scalar
    one_hot: Float[Array, " bins"]

    @property
    def width(self) -> Scalar:
        return self.x1 - self.x0

    @property
    def height(self) -> Scalar:
        return self.z1 - self.z0

    @property
    def slope(self) -> Scalar:
        return self.height / self.width


def find_bin(
    value: Scalar,
    x_knots: Float[Array, " knots"],
    z_knots: Float[Array, " knots"],
    bound: float,
    *,
    among_z: bool,
) -> Bin:
    """The bin whose x range (or z range) holds a value between -bound and bound."""
    above = (value >= (z_knots if among_z else x_knots)).astype(x_knots.dtype)
    one_hot = jnp.pad(above, (1, 0), constant_values=1) - jnp.pad(above, (0, 1))
    return Bin(
        x0=pick(jnp.pad(x_knots, (1, 0), constant_values=-bound), one_hot),
        x1=pick(jnp.pad(x_knots, (0, 1), constant_values=bound), one_hot),
        z0=pick(jnp.pad(z_knots, (1, 0), constant_values=-bound), one_hot),
        z1=pick(jnp.pad(z_knots, (0, 1), constant_values=bound), one_hot),
        one_hot=one_hot,
    )
