"""Causes whose predicted effect is the observed one, searched by gradient from many starts."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Bool

from retrodict._blocks import in_blocks
from retrodict.bijections.base import require_condition
from retrodict.distributions import AbstractGenerator
from retrodict.typing import Array, Float, Int, Key, Scalar

# Of the mean squared derivative: from it, down to it, and by how much for each trial.
_FIRST_DAMPING, _LEAST_DAMPING = 1e-2, 1e-6
_LESS, _MORE = 0.2, 5.0
_MOST_DAMPING_TO_STOP = 1.0
# Trials after which searches that go on leave those behind that have ended.
_FIRST_ROUND = 25


class SearchEnd(NamedTuple):
    """Where searches ended.

    Attributes:
        u: scaled causes.
        loss: what was minimised, in nats.
        has_converged: whether the last step was shorter than the tolerance.
    """

    u: Float[Array, "*batch dim"]
    loss: Float[Array, "*batch"]
    has_converged: Bool[Array, "*batch"]


class SearchState(NamedTuple):
    """A search on its way: where it is, its damping, and the trials so far."""

    end: SearchEnd
    damping: Float[Array, "*batch"]
    num_steps: Int[Array, "*batch"]


class GradientSearch(AbstractGenerator):
    """Least squares on the input of a network f, by Levenberg-Marquardt.

    Minimises over u, from a start drawn from N(0, I),

        |f(u) - c|^2 / (2 s^2)   [+ |u|^2 / 2]

    the second term being -log of the prior N(0, I), up to a constant. A step solves
    (J^T J + d tr(J^T J) / dim I) step = -J^T r for the residuals r and their Jacobian J; it is
    taken if the loss falls, and the damping d shrinks, else grows (Marquardt 1963,
    doi:10.1137/0111030). A large d makes it gradient descent, which ends in the same minima
    after far more steps. The smallest d stays positive, so that a step has no part in
    directions that change nothing.

    One draw is the end of one search. It is no draw from a posterior.

    Args:
        network: f, from scaled causes to scaled effects.
        noise_sd: s, in scaled units.
        with_prior: whether the second term is there.
        max_steps: trials before a search is given up.
        tolerance: a search has converged with a step shorter than this, in prior standard
            deviations.
    """

    network: Callable[[Float[Array, " dim"]], Float[Array, " cond"]]
    noise_sd: Float[Array, ""]
    with_prior: bool = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)
    tolerance: float = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] = eqx.field(static=True)

    def sample(
        self, key: Key, condition: Float[Array, " cond"] | None = None
    ) -> Float[Array, " dim"]:
        """The end of the search from a random start."""
        condition = require_condition(condition, self.cond_shape)
        return self.search(jr.normal(key, self.shape), condition).u

    def search(self, start: Float[Array, " dim"], c: Float[Array, " cond"]) -> SearchEnd:
        """The minimum that the start leads to, for one observation."""
        return self.proceed(self.begin(start, c), c, self.max_steps).end

    def begin(self, start: Float[Array, " dim"], c: Float[Array, " cond"]) -> "SearchState":
        """A search before its first step."""
        return SearchState(
            SearchEnd(start, self.loss(start, c), jnp.asarray(False)),
            jnp.asarray(_FIRST_DAMPING, start.dtype),
            jnp.asarray(0, jnp.int32),
        )

    def proceed(
        self, state: "SearchState", c: Float[Array, " cond"], max_steps: int | Int[Array, ""]
    ) -> "SearchState":
        """The search after `max_steps` trials in all, or where it converged before."""

        def unfinished(state: SearchState) -> Bool[Array, ""]:
            return ~state.end.has_converged & (state.num_steps < max_steps)

        return jax.lax.while_loop(unfinished, lambda state: self._step(state, c), state)

    def loss(self, u: Float[Array, " dim"], c: Float[Array, " cond"]) -> Scalar:
        """What is minimised, in nats."""
        return 0.5 * jnp.sum(self._residuals(u, c) ** 2)

    def _residuals(self, u: Float[Array, " dim"], c: Float[Array, " cond"]) -> Float[Array, " all"]:
        misfit = (self.network(u) - c) / self.noise_sd
        return jnp.concatenate([misfit, u]) if self.with_prior else misfit

    def _step(self, state: SearchState, c: Float[Array, " cond"]) -> SearchState:
        u, loss, _ = state.end
        residuals = self._residuals(u, c)
        jacobian = jax.jacfwd(self._residuals)(u, c)
        normal = jacobian.T @ jacobian
        size = jnp.trace(normal) / len(u)
        # Where nothing depends on u there is no step; the last term keeps it from being 0 / 0.
        damped = normal + (state.damping * size + jnp.finfo(u.dtype).tiny) * jnp.eye(len(u))
        step = -_solved(damped, jacobian.T @ residuals)
        proposed_loss = self.loss(u + step, c)
        is_better = proposed_loss < loss
        # A step that only damping makes short says nothing.
        has_converged = (jnp.linalg.norm(step) < self.tolerance) & (
            state.damping <= _MOST_DAMPING_TO_STOP
        )
        shrunk = jnp.maximum(state.damping * _LESS, _LEAST_DAMPING)
        return SearchState(
            SearchEnd(
                jnp.where(is_better, u + step, u),
                jnp.where(is_better, proposed_loss, loss),
                has_converged,
            ),
            jnp.where(is_better, shrunk, state.damping * _MORE),
            state.num_steps + 1,
        )


def _solved(matrix: Float[Array, "dim dim"], right: Float[Array, " dim"]) -> Float[Array, " dim"]:
    """matrix^-1 right by elimination; a positive definite matrix needs no pivots.

    LAPACK's Cholesky would be called matrix by matrix, which takes longer for thousands of small
    ones, and in a loop on two cores its calls can wait for each other for ever (jaxlib 0.10).
    """

    def eliminate(i: Int[Array, ""], table: Float[Array, "dim wider"]) -> Float[Array, "dim wider"]:
        row = table[i] / table[i, i]
        return (table - table[:, i, None] * row).at[i].set(row)

    table = jnp.concatenate([matrix, right[:, None]], axis=1)
    return jax.lax.fori_loop(0, len(right), eliminate, table)[:, -1]


def search_from_many(
    search: GradientSearch,
    key: Key,
    c: Float[np.ndarray, "observations cond"],
    num_starts: int,
) -> SearchEnd:
    """Searches from `num_starts` starts for each observation, (observations, starts, ...).

    All run side by side. Most end soon: those that do not go on among themselves, so that they
    do not keep the others busy. Start i of an observation does not depend on how many are asked
    for.
    """
    num = len(c)
    rows = np.repeat(np.arange(num, dtype=np.int32), num_starts)
    starts = np.tile(np.arange(num_starts, dtype=np.int32), num)
    of_row = np.asarray(c, np.float32)[rows]
    state = in_blocks(lambda row, i, c: _begin_rows(search, key, row, i, c), rows, starts, of_row)
    going = np.arange(len(rows))
    for max_steps in (min(_FIRST_ROUND, search.max_steps), search.max_steps):
        if going.size:
            part = jax.tree.map(lambda column, going=going: column[going], state)
            moved = in_blocks(
                functools.partial(_proceed_rows, search, jnp.asarray(max_steps, jnp.int32)),
                *jax.tree.leaves(part),
                of_row[going],
            )
            for column, new in zip(jax.tree.leaves(state), jax.tree.leaves(moved), strict=True):
                column[going] = new
            going = np.flatnonzero(~state.end.has_converged)
    return SearchEnd(*(part.reshape(num, num_starts, *part.shape[1:]) for part in state.end))


@eqx.filter_jit
def _begin_rows(
    search: GradientSearch,
    key: Key,
    row: Int[Array, " rows"],
    start: Int[Array, " rows"],
    c: Float[Array, "rows cond"],
) -> SearchState:
    def one(row: Int[Array, ""], start: Int[Array, ""], c: Float[Array, " cond"]) -> SearchState:
        of_start = jr.fold_in(jr.fold_in(key, row), start)
        return search.begin(jr.normal(of_start, search.shape), c)

    return jax.vmap(one)(jnp.asarray(row), jnp.asarray(start), jnp.asarray(c))


@eqx.filter_jit
def _proceed_rows(
    search: GradientSearch,
    max_steps: Int[Array, ""],
    u: Float[Array, "rows dim"],
    loss: Float[Array, " rows"],
    has_converged: Bool[Array, " rows"],
    damping: Float[Array, " rows"],
    num_steps: Int[Array, " rows"],
    c: Float[Array, "rows cond"],
) -> SearchState:
    state = SearchState(SearchEnd(u, loss, has_converged), damping, num_steps)
    return jax.vmap(lambda state, c: search.proceed(state, c, max_steps))(state, c)
