"""Simple likelihood, complex posterior."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.distributions import Uniform
from retrodict.problems.base import AbstractLikelihoodProblem
from retrodict.typing import Array, Float, Key, Scalar
from retrodict.variables import Variable

_NUM_POINTS = 4
_HALF_WIDTH = 3.0


class SLCP(AbstractLikelihoodProblem):
    """The task `slcp` of sbibm (Lueckmann et al. 2021, arXiv:2101.04653, T.3).

    After Papamakarios et al. 2019 (arXiv:1805.07226, appendix A.1): four points in the plane,
    independent and normal, with

        mean (x1, x2),    s1 = x3^2,    s2 = x4^2,    rho = tanh x5,
        covariance [[s1^2, rho s1 s2], [rho s1 s2, s2^2]],    x ~ U(-3, 3)^5

    Signs of x3 and x4 leave no trace: each posterior has four modes, cut off at the prior's box.
    """

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    parameters: tuple[Variable, ...] = eqx.field(static=True)
    observables: tuple[Variable, ...] = eqx.field(static=True)
    prior: Uniform

    def __init__(self) -> None:
        self.name = "slcp"
        self.description = "Four points of a normal cloud; simple likelihood, four modes."
        self.parameters = tuple(
            Variable(f"x{i}", description=what, lower=-_HALF_WIDTH, upper=_HALF_WIDTH)
            for i, what in enumerate(
                (
                    "mean of the first coordinate",
                    "mean of the second coordinate",
                    "root of the first standard deviation, with a sign",
                    "root of the second standard deviation, with a sign",
                    "inverse hyperbolic tangent of the correlation",
                ),
                start=1,
            )
        )
        self.observables = tuple(
            Variable(f"y{2 * i + j}", description=f"{which} coordinate of point {i + 1}")
            for i in range(_NUM_POINTS)
            for j, which in ((1, "first"), (2, "second"))
        )
        self.prior = Uniform(np.full(5, -_HALF_WIDTH), np.full(5, _HALF_WIDTH))

    def simulate(self, key: Key, x: Float[Array, "5"]) -> Float[Array, "8"]:
        e = jr.normal(key, (_NUM_POINTS, 2), x.dtype)
        rho, root = _correlation(x[4])
        first = x[0] + x[2] ** 2 * e[:, 0]
        second = x[1] + x[3] ** 2 * (rho * e[:, 0] + root * e[:, 1])
        return jnp.stack([first, second], axis=1).ravel()

    def log_likelihood(self, x: Float[Array, "5"], y: Float[Array, "8"]) -> Scalar:
        """log p(y | x) in nats; -inf or NaN where a standard deviation is zero."""
        points = y.reshape(_NUM_POINTS, 2)
        s1, s2 = x[2] ** 2, x[3] ** 2
        rho, root = _correlation(x[4])
        first = (points[:, 0] - x[0]) / s1
        # The second coordinate given the first, by the Cholesky factor of the covariance.
        second = ((points[:, 1] - x[1]) / s2 - rho * first) / root
        log_det = jnp.log(s1) + jnp.log(s2) + jnp.log(root)
        squares = 0.5 * (first @ first + second @ second)
        return -squares - _NUM_POINTS * (log_det + math.log(2 * math.pi))


def _correlation(x: Scalar) -> tuple[Scalar, Scalar]:
    """rho = tanh x, and sqrt(1 - rho^2) = 1 / cosh x without cancellation."""
    return jnp.tanh(x), 1 / jnp.cosh(x)
