"""A common mean of a broad and a narrow cloud."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Bool

from retrodict.distributions import Uniform
from retrodict.problems.base import AbstractLikelihoodProblem, AbstractReferencePosterior
from retrodict.typing import Array, Float, Int, Key, Scalar
from retrodict.variables import Variable

_HALF_WIDTH = 10.0
_SDS = (1.0, 0.1)
_MIN_PROPOSALS = 512
_MAX_ROUNDS = 10_000


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
        """Independent draws from p(x | y): noise taken off y, what leaves the square rejected.

        Args:
            key: of the draws.
            y: the observation. Draws that 10,000 rounds of proposals could not fill are NaN:
                then `y` is out of reach of the prior.
            num_draws: how many.
        """
        num_proposals = max(num_draws, _MIN_PROPOSALS)
        State = tuple[Int[Array, ""], Int[Array, ""], Float[Array, "draws 2"]]

        def unfinished(state: State) -> Bool[Array, ""]:
            num_rounds, num_accepted, _ = state
            return (num_accepted < num_draws) & (num_rounds < _MAX_ROUNDS)

        def another_round(state: State) -> State:
            num_rounds, num_accepted, draws = state
            x = y - _noise(jr.fold_in(key, num_rounds), (num_proposals,), y.dtype)
            fits = (jnp.abs(x) <= _HALF_WIDTH).all(axis=1)
            ranks = num_accepted + jnp.cumsum(fits) - 1
            draws = draws.at[jnp.where(fits, ranks, num_draws)].set(x, mode="drop")
            return num_rounds + 1, num_accepted + fits.sum(), draws

        nothing = jnp.full((num_draws, 2), jnp.nan, y.dtype)
        start = (jnp.asarray(0), jnp.asarray(0), nothing)
        return jax.lax.while_loop(unfinished, another_round, start)[2]


def _noise(key: Key, shape: tuple[int, ...], dtype: jnp.dtype) -> Float[Array, "*shape 2"]:
    key_which, key_noise = jr.split(key)
    sd = jr.choice(key_which, jnp.asarray(_SDS, dtype), (*shape, 1))
    return sd * jr.normal(key_noise, (*shape, 2), dtype)
