"""Draws, densities and modes of a conditional distribution, for many rows at once.

Rows are worked off in blocks of few different sizes, so that memory stays bounded and nothing
is compiled anew when the number of draws changes.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jaxtyping import Float

from retrodict._blocks import in_blocks
from retrodict.distributions import AbstractDistribution, AbstractGenerator
from retrodict.errors import ConvergenceError
from retrodict.solvers.scaling import Scaling
from retrodict.typing import Array, Int, Key


def draws(
    distribution: AbstractGenerator,
    key: Key,
    condition: Float[np.ndarray, "observations cond"],
    num_draws: int,
) -> Float[np.ndarray, "observations draws dim"]:
    """`num_draws` draws under each condition; draw i is the same however many are asked for."""
    num_observations = len(condition)
    rows = np.repeat(np.arange(num_observations, dtype=np.int32), num_draws)
    which = np.tile(np.arange(num_draws, dtype=np.int32), num_observations)
    u = in_blocks(
        lambda row, draw: _draw_rows(
            distribution, key, jnp.asarray(condition, jnp.float32), row, draw
        ),
        rows,
        which,
    )
    _refuse_failures(u, rows, "draws")
    return u.reshape(num_observations, num_draws, -1)


def log_prob(
    distribution: AbstractDistribution,
    u: Float[np.ndarray, "rows dim"],
    condition: Float[np.ndarray, "rows cond"],
) -> Float[np.ndarray, " rows"]:
    """Log-density of each row under its condition."""
    found = in_blocks(
        lambda u, c: _log_prob_rows(distribution, u, c),
        np.asarray(u, np.float32),
        np.asarray(condition, np.float32),
    )
    _refuse_failures(found, np.arange(len(found)), "densities")
    return found


def modes(
    distribution: AbstractDistribution,
    scaling: Scaling,
    u: Float[np.ndarray, "observations draws dim"],
    condition: Float[np.ndarray, "observations cond"],
) -> Float[np.ndarray, "observations dim"]:
    """The u whose x is most probable, starting from the best draw of each observation."""
    with jax.enable_x64(True):
        double = jax.tree.map(
            lambda leaf: leaf.astype(float) if eqx.is_inexact_array(leaf) else leaf,
            distribution,
        )
        return np.asarray(
            _modes(double, scaling, jnp.asarray(u, float), jnp.asarray(condition, float))
        )


def _refuse_failures(
    values: Float[np.ndarray, "rows ..."], row: Int[np.ndarray, " rows"], what: str
) -> None:
    """NaN is how a model says that a numerical inverse or an ODE missed its tolerance."""
    failed = np.isnan(values).reshape(len(values), -1).any(axis=1)
    if failed.any():
        raise ConvergenceError(
            f"{failed.sum():,} of {len(values):,} {what} did not converge, the first of row "
            f"{row[failed.argmax()]}: a numerical inverse or an ODE missed its tolerance.",
            "Observations far outside the training data do this, and so do flows that were not "
            "trained long enough; otherwise give the architecture more `max_steps` or a larger "
            "tolerance.",
        )


@eqx.filter_jit
def _draw_rows(
    distribution: AbstractGenerator,
    key: Key,
    condition: Float[Array, "observations cond"],
    row: Int[Array, " rows"],
    draw: Int[Array, " rows"],
) -> Float[Array, "rows dim"]:
    def one(row: Int[Array, ""], draw: Int[Array, ""]) -> Float[Array, " dim"]:
        return distribution.sample(
            jax.random.fold_in(jax.random.fold_in(key, row), draw), condition[row]
        )

    return jax.vmap(one)(row, draw)


@eqx.filter_jit
def _log_prob_rows(
    distribution: AbstractDistribution,
    u: Float[Array, "rows dim"],
    condition: Float[Array, "rows cond"],
) -> Float[Array, " rows"]:
    return jax.vmap(distribution.log_prob)(u, condition)


@eqx.filter_jit
def _modes(
    distribution: AbstractDistribution,
    scaling: Scaling,
    u: Float[Array, "observations draws dim"],
    condition: Float[Array, "observations cond"],
) -> Float[Array, "observations dim"]:
    def loss(u: Float[Array, " dim"], c: Float[Array, " cond"]) -> Float[Array, ""]:
        _, log_det = scaling.of_x.inverse_and_log_det(u, c)
        return log_det - distribution.log_prob(u, c)

    def one(u: Float[Array, "draws dim"], c: Float[Array, " cond"]) -> Float[Array, " dim"]:
        losses = jax.vmap(loss, (0, None))(u, c)
        start = u[jnp.argmin(losses)]
        solution: optx.Solution = optx.minimise(
            loss, optx.BFGS(rtol=1e-6, atol=1e-6), start, args=c, max_steps=200, throw=False
        )
        # Not every search ends well; the start is then the answer.
        better = loss(solution.value, c) < losses.min()
        return jnp.where(better, solution.value, start)

    return jax.vmap(one)(u, condition)
