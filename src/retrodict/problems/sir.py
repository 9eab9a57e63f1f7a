"""An epidemic: how fast do people infect each other and recover?"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.bijections import BoundedToReal
from retrodict.distributions import Normal, Transformed
from retrodict.problems.base import AbstractLikelihoodProblem
from retrodict.problems.trajectory import trajectory
from retrodict.typing import Array, Float, Key, Scalar
from retrodict.variables import Variable

_POPULATION = 1_000_000.0
_FIRST_INFECTED = 1.0
_NUM_TESTED = 1000
_DAYS = np.arange(0.0, 160.0, 17.0)
_TOLERANCE = 1e-5


class SIR(AbstractLikelihoodProblem):
    """The task `sir` of sbibm (Lueckmann et al. 2021, arXiv:2101.04653, T.9).

    Susceptible, infected and recovered people of a population of N = 10^6, from one infected,

        dS/dt = -beta S I / N,    dI/dt = beta S I / N - gamma I,

    with beta ~ LogN(ln .4, .5) and gamma ~ LogN(ln .125, .2). Every 17 days, from day 0, 1000
    people are tested: y_i ~ Binomial(1000, I(t_i) / N).

    The equations are integrated for log I, so that the early epidemic keeps its digits.
    """

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    parameters: tuple[Variable, ...] = eqx.field(static=True)
    observables: tuple[Variable, ...] = eqx.field(static=True)
    prior: Transformed

    def __init__(self) -> None:
        self.name = "sir"
        self.description = "An epidemic seen through ten rounds of tests."
        self.parameters = (
            Variable("beta", "1/day", "rate of contacts that infect", lower=0.0),
            Variable("gamma", "1/day", "rate of recovery", lower=0.0),
        )
        self.observables = tuple(
            Variable(
                f"day_{day:.0f}",
                description=f"infected among 1000 tested on day {day:.0f}",
                lower=0.0,
                upper=_NUM_TESTED,
            )
            for day in _DAYS
        )
        log_prior = Normal(np.log([0.4, 0.125]), np.array([0.5, 0.2]))
        self.prior = Transformed(log_prior, BoundedToReal([0.0, 0.0], [np.inf, np.inf]))

    def simulate(self, key: Key, x: Float[Array, "2"]) -> Float[Array, "10"]:
        share = jnp.exp(_log_infected_share(x))
        return jr.binomial(key, _NUM_TESTED, share, dtype=x.dtype)

    def log_likelihood(self, x: Float[Array, "2"], y: Float[Array, "10"]) -> Scalar:
        """log p(y | x) in nats; y are whole numbers from 0 to 1000."""
        log_share = _log_infected_share(x)
        log_others = jnp.log1p(-jnp.exp(log_share))
        ways = (
            math.lgamma(_NUM_TESTED + 1)
            - jax.lax.lgamma(y + 1)
            - jax.lax.lgamma(_NUM_TESTED - y + 1)
        )
        return (ways + y * log_share + (_NUM_TESTED - y) * log_others).sum()


def _log_infected_share(x: Float[Array, "2"]) -> Float[Array, "10"]:
    """log(I / N) at the days of the tests."""

    def rates(t: Scalar, state: Float[Array, "2"], x: Float[Array, "2"]) -> Float[Array, "2"]:
        del t
        log_susceptible, log_infected = state
        beta, gamma = x
        return jnp.stack([-beta * jnp.exp(log_infected), beta * jnp.exp(log_susceptible) - gamma])

    start = jnp.log(
        jnp.asarray([_POPULATION - _FIRST_INFECTED, _FIRST_INFECTED], x.dtype) / _POPULATION
    )
    return trajectory(rates, start, _DAYS, x, tolerance=_TOLERANCE)[:, 1]
