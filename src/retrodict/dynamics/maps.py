"""Two maps of one number in which everything that can happen to an iteration happens."""

import equinox as eqx
import jax.numpy as jnp

from retrodict.typing import Scalar


class LogisticMap(eqx.Module):
    """f(x) = r x (1 - x) on [0, 1] (May 1976, Nature 261, 459).

    Fixed points 0 and 1 - 1/r, with slopes r and 2 - r: the second attracts for 1 < r < 3,
    then orbits of length 2, 4, 8, ... do, and beyond r = 3.57 most orbits are chaotic.

    Args:
        r: 0 to 4 keeps [0, 1] inside itself.
    """

    r: float = eqx.field(converter=float, static=True)

    def __call__(self, x: Scalar) -> Scalar:
        return self.r * x * (1 - x)


class CircleMap(eqx.Module):
    """f(x) = x + omega - k / (2 pi) sin(2 pi x) mod 1: a turn of a circle, with a kick.

    (Arnold 1961; x in turns.) A fixed point has k sin(2 pi x) = 2 pi omega, up to whole turns:
    for |k| < 2 pi |omega|, omega in [-1/2, 1/2], there is none.

    Args:
        omega: turn per step without the kick.
        k: strength of the kick; below 1 the map is invertible.
    """

    omega: float = eqx.field(converter=float, static=True)
    k: float = eqx.field(converter=float, static=True)

    def __call__(self, x: Scalar) -> Scalar:
        return jnp.mod(x + self.omega - self.k / (2 * jnp.pi) * jnp.sin(2 * jnp.pi * x), 1.0)
