"""Predators and prey: which rates make these cycles?"""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.bijections import BoundedToReal
from retrodict.distributions import Normal, Transformed
from retrodict.problems.base import AbstractLikelihoodProblem
from retrodict.problems.trajectory import trajectory
from retrodict.typing import Array, Float, Key, Scalar
from retrodict.variables import Variable

_START = (30.0, 1.0)
_DAYS = np.arange(0, 201, 21) * 0.1
_LOG_NOISE_SD = 0.1
_FEWEST, _MOST = 1e-10, 1e4
# A trial step that is far too long overflows, and its error then says nothing about a better one.
_LARGEST_LOG = 40.0
_TOLERANCE = 3e-6


class LotkaVolterra(AbstractLikelihoodProblem):
    """The task `lotka_volterra` of sbibm (Lueckmann et al. 2021, arXiv:2101.04653, T.10).

    Prey X and predators Y from (30, 1),

        dX/dt = alpha X - beta X Y,    dY/dt = -gamma Y + delta X Y,

    with alpha, gamma ~ LogN(-.125, .5) and beta, delta ~ LogN(-3, .5), counted ten times in 20
    days, every 21st of 201 moments .1 days apart, first all X, then all Y:
    y ~ LogN(log u, .1).

    As in sbibm's own simulator, the noise is around counts kept between 1e-10 and 1e4. The
    equations are integrated for log X and log Y: populations near extinction keep their digits
    and cannot become negative.
    """

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    parameters: tuple[Variable, ...] = eqx.field(static=True)
    observables: tuple[Variable, ...] = eqx.field(static=True)
    prior: Transformed

    def __init__(self) -> None:
        self.name = "lotka-volterra"
        self.description = "Cycles of predators and prey, each counted ten times."
        self.parameters = (
            Variable("alpha", "1/day", "growth of the prey", lower=0.0),
            Variable("beta", "1/day", "prey lost per predator", lower=0.0),
            Variable("gamma", "1/day", "death of the predators", lower=0.0),
            Variable("delta", "1/day", "predators gained per prey", lower=0.0),
        )
        self.observables = tuple(
            Variable(f"{species}_{i}", description=f"{species} counted on day {day:.1f}", lower=0.0)
            for species in ("prey", "predators")
            for i, day in enumerate(_DAYS, start=1)
        )
        log_prior = Normal(np.array([-0.125, -3.0, -0.125, -3.0]), np.full(4, 0.5))
        self.prior = Transformed(log_prior, BoundedToReal(np.zeros(4), np.full(4, np.inf)))

    def simulate(self, key: Key, x: Float[Array, "4"]) -> Float[Array, "20"]:
        log_counts = _log_populations(x)
        noise = _LOG_NOISE_SD * jr.normal(key, log_counts.shape, x.dtype)
        return jnp.exp(log_counts + noise)

    def log_likelihood(self, x: Float[Array, "4"], y: Float[Array, "20"]) -> Scalar:
        """log p(y | x) in nats, per unit of y."""
        log_y = jnp.log(y)
        z = (log_y - _log_populations(x)) / _LOG_NOISE_SD
        constant = math.log(_LOG_NOISE_SD) + 0.5 * math.log(2 * math.pi)
        return (-0.5 * z * z - log_y - constant).sum()


def _log_populations(x: Float[Array, "4"]) -> Float[Array, "20"]:
    """log X at the moments of counting, then log Y, both within what is kept."""

    def rates(t: Scalar, state: Float[Array, "2"], x: Float[Array, "4"]) -> Float[Array, "2"]:
        del t
        alpha, beta, gamma, delta = x
        prey, predators = jnp.exp(jnp.minimum(state, _LARGEST_LOG))
        return jnp.stack([alpha - beta * predators, delta * prey - gamma])

    start = jnp.log(jnp.asarray(_START, x.dtype))
    log_counts = trajectory(rates, start, _DAYS, x, tolerance=_TOLERANCE)
    return jnp.clip(log_counts.T.ravel(), math.log(_FEWEST), math.log(_MOST))
