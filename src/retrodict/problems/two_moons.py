"""Two moons: two causes whose posterior is two crescents."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.distributions import Uniform
from retrodict.problems.base import AbstractLikelihoodProblem, AbstractReferencePosterior
from retrodict.problems.rejection import accepted_draws
from retrodict.typing import Array, Bool, Float, Key, Scalar
from retrodict.variables import Variable

_CENTRE = 0.25
_RADIUS_MEAN, _RADIUS_SD = 0.1, 0.01
_ROOT_TWO = math.sqrt(2)


class TwoMoons(AbstractLikelihoodProblem, AbstractReferencePosterior):
    """The task `two_moons` of sbibm (Lueckmann et al. 2021, arXiv:2101.04653, T.8).

    A point p = (r cos a + .25, r sin a) on a noisy crescent, a ~ U(-pi/2, pi/2) and
    r ~ N(.1, .01^2), is shifted by the causes x ~ U(-1, 1)^2:

        y = p + (-|x1 + x2|, -x1 + x2) / sqrt 2

    The absolute value makes two crescents of every posterior, in mirror image.
    """

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    parameters: tuple[Variable, ...] = eqx.field(static=True)
    observables: tuple[Variable, ...] = eqx.field(static=True)
    prior: Uniform

    def __init__(self) -> None:
        self.name = "two-moons"
        self.description = "A shift seen through a noisy crescent; each posterior is two crescents."
        self.parameters = (
            Variable("x1", description="first coordinate of the shift", lower=-1.0, upper=1.0),
            Variable("x2", description="second coordinate of the shift", lower=-1.0, upper=1.0),
        )
        self.observables = (
            Variable("y1", description="first coordinate of the shifted point"),
            Variable("y2", description="second coordinate of the shifted point"),
        )
        self.prior = Uniform(-np.ones(2), np.ones(2))

    def simulate(self, key: Key, x: Float[Array, "2"]) -> Float[Array, "2"]:
        return _crescent(key, (), x.dtype) + _shift(x)

    def log_likelihood(self, x: Float[Array, "2"], y: Float[Array, "2"]) -> Scalar:
        """log p(y | x) in nats: the density of the crescent at the point shifted back.

        In polar coordinates around (.25, 0) it is N(r; .1, .01^2) / (pi |r|). A point left of
        the centre comes from a negative radius, ten deviations away but not impossible.
        """
        point = y - _shift(x) - jnp.asarray([_CENTRE, 0.0], y.dtype)
        distance = jnp.hypot(point[0], point[1])
        radius = jnp.where(point[0] >= 0, distance, -distance)
        z = (radius - _RADIUS_MEAN) / _RADIUS_SD
        log_normal = -0.5 * z * z - math.log(_RADIUS_SD * math.sqrt(2 * math.pi))
        return log_normal - jnp.log(math.pi * distance)

    def exact_posterior(
        self, key: Key, y: Float[Array, "2"], num_draws: int
    ) -> Float[Array, "{num_draws} 2"]:
        """Independent draws from p(x | y).

        A point p of the crescent fixes |x1 + x2| and x2 - x1; the Jacobian is constant and
        the prior flat, so p from its own distribution, either sign of x1 + x2, and rejection
        of what lies outside the prior's square is exact.

        Args:
            key: of the draws.
            y: the observation. Draws that 10,000 rounds of proposals could not fill are NaN:
                then `y` is out of reach of the prior.
            num_draws: how many.
        """

        def propose(key: Key, num: int) -> tuple[Float[Array, "num 2"], Bool[Array, " num"]]:
            key_point, key_sign = jr.split(key)
            shift = y - _crescent(key_point, (num,), y.dtype)
            distance, difference = -_ROOT_TWO * shift[:, 0], _ROOT_TWO * shift[:, 1]
            total = distance * jr.rademacher(key_sign, (num,), y.dtype)
            x = 0.5 * jnp.stack([total - difference, total + difference], axis=1)
            return x, (distance >= 0) & (jnp.abs(x) <= 1).all(axis=1)

        return accepted_draws(propose, key, num_draws)


def _shift(x: Float[Array, "2"]) -> Float[Array, "2"]:
    return jnp.stack([-jnp.abs(x[0] + x[1]), x[1] - x[0]]) / _ROOT_TWO


def _crescent(key: Key, shape: tuple[int, ...], dtype: jnp.dtype) -> Float[Array, "*shape 2"]:
    key_angle, key_radius = jr.split(key)
    angle = jr.uniform(key_angle, shape, dtype, -math.pi / 2, math.pi / 2)
    radius = _RADIUS_MEAN + _RADIUS_SD * jr.normal(key_radius, shape, dtype)
    return jnp.stack([radius * jnp.cos(angle) + _CENTRE, radius * jnp.sin(angle)], axis=-1)
