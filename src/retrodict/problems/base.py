"""What every problem promises: a prior and a way to simulate; more where it exists."""

import abc
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped

from retrodict._blocks import in_blocks
from retrodict.distributions.base import AbstractDistribution
from retrodict.errors import DataError, NonFiniteError, ShapeError
from retrodict.typing import Array, Float, Key, Scalar
from retrodict.variables import Variable, names_of

_OBSERVATIONS_AT_ONCE = 25
# Rows of a block of ODEs wait for the one that needs most steps, and large blocks leave the cache.
_SIMULATIONS_AT_ONCE = 4096


class AbstractRowPrior(eqx.Module):
    """A prior that lives in NumPy, for simulators that do: rows in, rows out.

    A prior of this kind need not be a JAX program, so a problem that has one cannot be
    simulated inside a compiled training loop. Everything else asks a problem for
    `sample_prior` and `prior_log_prob`, which work for both kinds.

    Attributes:
        parameters: the columns, with the bounds of their support.
    """

    parameters: eqx.AbstractVar[tuple[Variable, ...]]

    @abc.abstractmethod
    def sample_rows(self, rng: np.random.Generator, num: int) -> Float[np.ndarray, "num dim"]:
        """`num` independent draws."""

    @abc.abstractmethod
    def log_prob_rows(self, x: Float[np.ndarray, "num dim"]) -> Float[np.ndarray, " num"]:
        """log p(x) of each row in nats; -inf outside the support."""


class AbstractProblem(eqx.Module):
    """An inverse problem: hidden causes `x` with a prior, and a forward process x -> y.

    Attributes:
        name: as on the command line, e.g. "two-moons".
        description: one sentence for people.
        parameters: the columns of `x`.
        observables: the columns of `y`.
        prior: distribution of `x`, in JAX (`AbstractDistribution`) or in NumPy
            (`AbstractRowPrior`).
    """

    name: eqx.AbstractVar[str]
    description: eqx.AbstractVar[str]
    parameters: eqx.AbstractVar[tuple[Variable, ...]]
    observables: eqx.AbstractVar[tuple[Variable, ...]]
    prior: eqx.AbstractVar[AbstractDistribution | AbstractRowPrior]

    @abc.abstractmethod
    def simulations(
        self, key: Key, num: int
    ) -> tuple[Float[np.ndarray, "num dim"], Float[np.ndarray, "num cond"]]:
        """`num` draws x from the prior and one simulated y for each, as NumPy arrays."""

    @abc.abstractmethod
    def simulate_rows(
        self, key: Key, x: Float[np.ndarray, "num dim"]
    ) -> Float[np.ndarray, "num cond"]:
        """One simulated y for each given row of x, as a NumPy array."""

    def sample_prior(self, key: Key, num: int) -> Float[np.ndarray, "num dim"]:
        """`num` independent draws from the prior, as a NumPy array."""
        if isinstance(self.prior, AbstractRowPrior):
            return self.prior.sample_rows(np.random.default_rng(seed_sequence(key)), num)
        return np.asarray(_sample_many(self.prior, jax.random.split(key, num)))

    def prior_log_prob(self, x: Float[np.ndarray, "num dim"]) -> Float[np.ndarray, " num"]:
        """log p(x) of each row under the prior in nats, as a NumPy array."""
        if isinstance(self.prior, AbstractRowPrior):
            return self.prior.log_prob_rows(x)
        return np.asarray(_log_prob_many(self.prior, _as_jax_rows(x)))


class AbstractJaxProblem(AbstractProblem):
    """A problem whose simulator is JAX, so that it can be compiled and run inside training."""

    prior: eqx.AbstractVar[AbstractDistribution]

    @abc.abstractmethod
    def simulate(self, key: Key, x: Float[Array, " dim"]) -> Float[Array, " cond"]:
        """One simulated y for one x; NaN where the simulation diverges, since it cannot raise."""

    def simulation(self, key: Key) -> tuple[Float[Array, " dim"], Float[Array, " cond"]]:
        """One pair (x, y) from prior and simulator."""
        key_x, key_y = jax.random.split(key)
        x = self.prior.sample(key_x)
        return x, self.simulate(key_y, x)

    def simulations(
        self, key: Key, num: int
    ) -> tuple[Float[np.ndarray, "num dim"], Float[np.ndarray, "num cond"]]:
        keys = jax.random.split(key, num)
        pairs: tuple[np.ndarray, np.ndarray] = _by_rows(
            lambda rows: _simulations(self, keys[rows]), num
        )
        return pairs

    def simulate_rows(
        self, key: Key, x: Float[np.ndarray, "num dim"]
    ) -> Float[np.ndarray, "num cond"]:
        keys, given = jax.random.split(key, len(x)), _as_jax_rows(x)
        y: np.ndarray = _by_rows(lambda rows: _simulate_rows(self, keys[rows], given[rows]), len(x))
        return y


class AbstractLikelihoodProblem(AbstractJaxProblem):
    """A problem whose likelihood p(y | x) can be evaluated."""

    @abc.abstractmethod
    def log_likelihood(self, x: Float[Array, " dim"], y: Float[Array, " cond"]) -> Scalar:
        """log p(y | x) in nats."""


class AbstractReferencePosterior(eqx.Module):
    """Mixed into a problem whose exact posterior can be sampled."""

    observables: eqx.AbstractVar[tuple[Variable, ...]]

    @abc.abstractmethod
    def exact_posterior(
        self, key: Key, y: Float[Array, " cond"], num_draws: int
    ) -> Float[Array, "draws dim"]:
        """Independent draws from the exact p(x | y).

        NaN throughout where no x of the prior can have produced `y`: a compiled function
        cannot raise. `exact_posterior_rows` turns that into a named error.
        """

    def exact_posterior_rows(
        self, key: Key, y: Float[np.ndarray, "num cond"], num_draws: int
    ) -> Float[np.ndarray, "num draws dim"]:
        """`num_draws` exact posterior draws for each row of `y`, as a NumPy array.

        Args:
            key: one key per observation is split off it.
            y: observations.
            num_draws: draws per observation.

        Raises:
            ShapeError: `y` has another number of columns than the problem has observables.
            NonFiniteError: `y` holds NaN or infinity.
            DataError: no x of the prior can have produced one of the observations.
        """
        expected = len(self.observables)
        if y.shape[1] != expected:
            raise ShapeError(
                f"Expected observations with {expected} columns "
                f"({', '.join(names_of(self.observables))}); got {y.shape[1]}.",
                "One row per observation, one column per observable.",
            )
        bad = np.flatnonzero(~np.isfinite(y).all(axis=1))
        if bad.size:
            raise NonFiniteError(
                f"{bad.size} of {len(y)} observations hold NaN or infinity; "
                f"first rows: {bad[:5].tolist()}.",
                "An exact posterior needs every observable.",
            )
        keys = jax.random.split(key, len(y))
        draws = np.asarray(_exact_posteriors(self, keys, _as_jax_rows(y), num_draws))
        bad = np.flatnonzero(~np.isfinite(draws).all(axis=(1, 2)))
        if bad.size:
            raise DataError(
                f"No x of the prior can have produced {bad.size} of {len(y)} observations; "
                f"first: row {bad[0]}, y = {y[bad[0]].tolist()}.",
                "Use observations that this problem simulated, or check their order and units.",
            )
        return draws


def seed_sequence(key: Key) -> np.random.SeedSequence:
    """NumPy's source of independent streams, seeded by a JAX key."""
    data = key if jax.dtypes.issubdtype(key.dtype, np.uint32) else jax.random.key_data(key)
    return np.random.SeedSequence(np.asarray(data).tolist())


def _by_rows(function: Callable[[np.ndarray], Any], num: int) -> Any:
    """function(rows) of the rows 0 to num - 1, in blocks, as NumPy arrays."""
    rows = np.arange(num)
    if num == 0:
        return jax.tree.map(np.asarray, function(rows))
    # As equal as can be, so that one program does for all of them.
    num_blocks = -(-num // _SIMULATIONS_AT_ONCE)
    size = _SIMULATIONS_AT_ONCE if num_blocks == 1 else -(-num // num_blocks)
    return in_blocks(function, rows, block_size=size)


def _as_jax_rows(x: Float[np.ndarray, "num dim"]) -> Float[Array, "num dim"]:
    return jnp.asarray(x, float)


@eqx.filter_jit
def _sample_many(
    prior: AbstractDistribution, keys: Shaped[Array, "num ..."]
) -> Float[Array, "num dim"]:
    return jax.vmap(lambda key: prior.sample(key))(keys)


@eqx.filter_jit
def _log_prob_many(prior: AbstractDistribution, x: Float[Array, "num dim"]) -> Float[Array, " num"]:
    return jax.vmap(lambda row: prior.log_prob(row))(x)


@eqx.filter_jit
def _simulations(
    problem: AbstractJaxProblem, keys: Shaped[Array, "num ..."]
) -> tuple[Float[Array, "num dim"], Float[Array, "num cond"]]:
    return jax.vmap(problem.simulation)(keys)


@eqx.filter_jit
def _simulate_rows(
    problem: AbstractJaxProblem, keys: Shaped[Array, "num ..."], x: Float[Array, "num dim"]
) -> Float[Array, "num cond"]:
    return jax.vmap(problem.simulate)(keys, x)


@eqx.filter_jit
def _exact_posteriors(
    problem: AbstractReferencePosterior,
    keys: Shaped[Array, "num ..."],
    y: Float[Array, "num cond"],
    num_draws: int,
) -> Float[Array, "num draws dim"]:
    # In blocks of one size, so that memory does not grow with the number of observations and
    # one program serves them all; the last block is filled up with repetitions.
    num = len(y)
    size = max(1, min(num, _OBSERVATIONS_AT_ONCE))
    num_blocks = -(-num // size)
    blocks = jnp.minimum(jnp.arange(num_blocks * size), num - 1).reshape(num_blocks, size)
    one = functools.partial(problem.exact_posterior, num_draws=num_draws)
    draws = jax.lax.map(lambda block: jax.vmap(one)(keys[block], y[block]), blocks)
    return draws.reshape(-1, *draws.shape[2:])[:num]
