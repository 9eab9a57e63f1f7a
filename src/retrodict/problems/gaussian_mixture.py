"""A common mean of a broad and a narrow cloud."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.distributions import Uniform
from retrodict.problems.base import AbstractLikelihoodProblem, AbstractReferencePosterior
from retrodict.problems.rejection import accepted_draws
from retrodict.typing import Array, Bool, Float, Key, Scalar
from retrodict.variables import Variable

_HALF_WIDTH = 10.0
_SDS = (1.0, 0.1)


class GaussianMixture(AbstractLikelihoodProblem, AbstractReferencePosterior):
    """The task `gaussian_mixture` of sbibm (Lueckmann et al. 2021, arXiv:2101.04653, T.7).

        y ~ .5 N(x, I) + .5 N(x, .01 I),     x ~ U(-10, 10)^2

    Each posterior is a sharp peak on a broad hill, cut off at the prior's square.
    """

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    parameters: tuple[Variable, ...] = eqx.field(static=True)
    observables: tuple[Variable, ...] = eqx.field(static=True)
    prior: Uniform

    def __init__(self) -> None:
        self.name = "gaussian-mixture"
        self.description = "A common mean of a broad and a narrow cloud; a peak on a broad hill."
        self.parameters = tuple(
            Variable(f"x{i}", description=f"{which} coordinate of the mean", lower=-10, upper=10)
            for i, which in enumerate(("first", "second"), start=1)
        )
        self.observables = (
            Variable("y1", description="first coordinate of the point seen"),
            Variable("y2", description="second coordinate of the point seen"),
        )
        self.prior = Uniform(np.full(2, -_HALF_WIDTH), np.full(2, _HALF_WIDTH))

    def simulate(self, key: Key, x: Float[Array, "2"]) -> Float[Array, "2"]:
        return x + _noise(key, (), x.dtype)

    def log_likelihood(self, x: Float[Array, "2"], y: Float[Array, "2"]) -> Scalar:
        """log p(y | x) in nats."""
        squared_distance = ((y - x) ** 2).sum()
        sds = jnp.asarray(_SDS, y.dtype)
        of_each = -0.5 * squared_distance / sds**2 - 2 * jnp.log(sds) - math.log(2 * math.pi)
        return jax.nn.logsumexp(of_each) - math.log(len(_SDS))

    def exact_posterior(
        self, key: Key, y: Float[Array, "2"], num_draws: int
    ) -> Float[Array, "{num_draws} 2"]:
        """Independent draws from p(x | y).

        The prior is flat and the noise symmetric, so y less its noise, and rejection of what lies
        outside the prior's square, is exact.

        Args:
            key: of the draws.
            y: the observation. Draws that 10,000 rounds of proposals could not fill are NaN:
                then `y` is out of reach of the prior.
            num_draws: how many.
        """

        def propose(key: Key, num: int) -> tuple[Float[Array, "num 2"], Bool[Array, " num"]]:
            x = y - _noise(key, (num,), y.dtype)
            return x, (jnp.abs(x) <= _HALF_WIDTH).all(axis=1)

        return accepted_draws(propose, key, num_draws)


def _noise(key: Key, shape: tuple[int, ...], dtype: jnp.dtype) -> Float[Array, "*shape 2"]:
    key_which, key_noise = jr.split(key)
    sd = jr.choice(key_which, jnp.asarray(_SDS, dtype), (*shape, 1))
    return sd * jr.normal(key_noise, (*shape, 2), dtype)
