"""What every problem promises: a prior and a way to simulate; more where it exists."""

import abc

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float as NpFloat

from retrodict.distributions.base import AbstractDistribution
from retrodict.typing import Array, Float, Key, Scalar
from retrodict.variables import Variable


class AbstractProblem(eqx.Module):
    """An inverse problem: hidden causes `x` with a prior, and a forward process x -> y.

    Attributes:
        name: as on the command line, e.g. "two-moons".
        description: one sentence for people.
        parameters: the columns of `x`.
        observables: the columns of `y`.
        prior: distribution of `x`.
    """

    name: eqx.AbstractVar[str]
    description: eqx.AbstractVar[str]
    parameters: eqx.AbstractVar[tuple[Variable, ...]]
    observables: eqx.AbstractVar[tuple[Variable, ...]]
    prior: eqx.AbstractVar[AbstractDistribution]

    @abc.abstractmethod
    def simulations(
        self, key: Key, num: int
    ) -> tuple[NpFloat[np.ndarray, "num dim"], NpFloat[np.ndarray, "num cond"]]:
        """`num` draws x from the prior and one simulated y for each, as NumPy arrays."""

    @abc.abstractmethod
    def simulate_rows(
        self, key: Key, x: NpFloat[np.ndarray, "num dim"]
    ) -> NpFloat[np.ndarray, "num cond"]:
        """One simulated y for each given row of x, as a NumPy array."""


class AbstractJaxProblem(AbstractProblem):
    """A problem whose simulator is JAX, so that it can be compiled and run inside training."""

    @abc.abstractmethod
    def simulate(self, key: Key, x: Float[Array, " dim"]) -> Float[Array, " cond"]:
        """One simulated y for one x."""

    def simulation(self, key: Key) -> tuple[Float[Array, " dim"], Float[Array, " cond"]]:
        """One pair (x, y) from prior and simulator."""
        key_x, key_y = jax.random.split(key)
        x = self.prior.sample(key_x)
        return x, self.simulate(key_y, x)

    def simulations(
        self, key: Key, num: int
    ) -> tuple[NpFloat[np.ndarray, "num dim"], NpFloat[np.ndarray, "num cond"]]:
        x, y = _simulations(self, jax.random.split(key, num))
        return np.asarray(x), np.asarray(y)

    def simulate_rows(
        self, key: Key, x: NpFloat[np.ndarray, "num dim"]
    ) -> NpFloat[np.ndarray, "num cond"]:
        keys = jax.random.split(key, len(x))
        return np.asarray(_simulate_rows(self, keys, np.asarray(x, dtype=jax.dtypes.canonicalize_dtype(float))))


class AbstractLikelihoodProblem(AbstractJaxProblem):
    """A problem whose likelihood p(y | x) can be evaluated."""

    @abc.abstractmethod
    def log_likelihood(self, x: Float[Array, " dim"], y: Float[Array, " cond"]) -> Scalar:
        """log p(y | x) in nats."""


class AbstractReferencePosterior(eqx.Module):
    """Mixed into a problem whose exact posterior can be sampled."""

    @abc.abstractmethod
    def exact_posterior(
        self, key: Key, y: Float[Array, " cond"], num_draws: int
    ) -> Float[Array, "draws dim"]:
        """Independent draws from the exact p(x | y)."""


@eqx.filter_jit
def _simulations(
    problem: AbstractJaxProblem, keys: Key
) -> tuple[Float[Array, "num dim"], Float[Array, "num cond"]]:
    return jax.vmap(problem.simulation)(keys)


@eqx.filter_jit
def _simulate_rows(
    problem: AbstractJaxProblem, keys: Key, x: Float[Array, "num dim"]
) -> Float[Array, "num cond"]:
    return jax.vmap(problem.simulate)(keys, x)
