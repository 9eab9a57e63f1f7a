"""What many searches found: distinct solutions, how often, and how much of a posterior."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from retrodict.errors import ConfigurationError, ShapeError
from retrodict.solvers.gradient_search import SearchEnd
from retrodict.solvers.scaling import Scaling
from retrodict.tables import as_matrix
from retrodict.typing import Array
from retrodict.variables import Variable, names_of

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)


@dataclass(frozen=True)
class Solutions:
    """Distinct causes that searches from many starts ended at, for each observation.

    The best end of an observation is a solution, and all ends within `radius` of it are the
    same; so is the best of the others, until none is left. Distances are those of whitened
    causes, in prior standard deviations. Only searches that converged count as ends.

    Solutions of all observations stand one below the other, each observation's best first.

    Attributes:
        x: the solutions in the user's units.
        observation: to which observation each belongs, counted from 0.
        loss: of each, in nats: half its squared misfit in units of the noise, and with a prior
            half its squared distance from the prior's mean.
        share: of all starts of its observation that ended at it.
        share_not_converged: of the starts of each observation that were given up.
        num_starts: for each observation.
        radius: within which ends are the same solution.
        parameters: the columns of x.
    """

    x: Float[np.ndarray, "solutions dim"]
    observation: Int[np.ndarray, " solutions"]
    loss: Float[np.ndarray, " solutions"]
    share: Float[np.ndarray, " solutions"]
    share_not_converged: Float[np.ndarray, " observations"]
    num_starts: int
    radius: float
    parameters: tuple[Variable, ...]
    _u: Float[np.ndarray, "solutions dim"] = field(repr=False)
    _scaling: Scaling = field(repr=False)

    @property
    def num_solutions(self) -> Int[np.ndarray, " observations"]:
        """How many distinct solutions each observation has."""
        return np.bincount(self.observation, minlength=len(self.share_not_converged))

    def coverage(
        self, exact_draws: Any, *, distance: float | None = None
    ) -> Float[np.ndarray, " observations"]:
        """Share of each exact posterior that lies near some solution.

        What is missing is what optimisation does not see of the posterior.

        Args:
            exact_draws: draws x from the exact posteriors in the user's units, (observations,
                draws, dim), or (draws, dim) for one observation.
            distance: how near, in prior standard deviations; `radius` if left out.

        Returns:
            A number from 0 to 1 for each observation.

        Raises:
            ConfigurationError: a distance that is not positive.
            ShapeError: draws for another number of observations or parameters.
            DataError: NaN, or values outside the bounds.
        """
        distance = self.radius if distance is None else distance
        if not distance > 0:
            raise ConfigurationError(
                f"`distance` must be positive; got {distance}.", "Leave it out to use `radius`."
            )
        num, dim = len(self.share_not_converged), len(self.parameters)
        shape = np.shape(exact_draws)
        if len(shape) == 2:
            shape = (1, *shape)
        if len(shape) != 3 or shape[0] != num or shape[2] != dim:
            raise ShapeError(
                f"Expected draws of shape ({num}, draws, {dim}); got {np.shape(exact_draws)}.",
                "Give draws for each observation that solutions were asked for.",
            )
        flat = as_matrix(np.reshape(exact_draws, (-1, dim)), "x", self.parameters).values
        masses = self._scaling.point_masses
        u = self._scaling.whiten(masses.spread(flat, np.random.default_rng(0)))
        if not len(self._u):
            return np.zeros(num)
        # One tree for all: as a further coordinate, observations lie out of each other's reach.
        apart = 2 * distance
        tree = KDTree(np.column_stack([self._u, apart * self.observation]))
        of_draw = np.repeat(np.arange(num), shape[1])
        nearest, _ = tree.query(
            np.column_stack([u, apart * of_draw]), distance_upper_bound=distance
        )
        return np.isfinite(nearest).reshape(num, -1).mean(axis=1)

    def to_dataframe(self) -> "pandas.DataFrame":
        """One row per solution: its observation, the parameters, loss and share of starts."""
        import pandas as pd

        frame = pd.DataFrame(self.x, columns=names_of(self.parameters))
        frame.insert(0, "observation", self.observation)
        return frame.assign(loss=self.loss, share=self.share)

    def __str__(self) -> str:
        counts = self.num_solutions
        fewest, most = counts.min(), counts.max()
        found = f"{fewest} distinct solution{'s' if fewest != 1 else ''}"
        if fewest < most:
            found = f"{fewest} to {most} distinct solutions (median {np.median(counts):g})"
        if len(counts) > 1:
            found += f" for each of {len(counts)} observations"
        return (
            f"{self.num_starts:,} starts found {found}, counted within {self.radius:g} prior "
            f"standard deviations; {self.share_not_converged.mean():.1%} of the searches did not "
            "converge."
        )


def find_solutions(
    ends: SearchEnd,
    c: Float[np.ndarray, "observations cond"],
    *,
    radius: float,
    scaling: Scaling,
    parameters: tuple[Variable, ...],
) -> Solutions:
    """Distinct solutions among the ends of searches.

    Args:
        ends: of all searches, (observations, starts, ...).
        c: the scaled observations.
        radius: within which ends are the same solution.
        scaling: of causes.
        parameters: the columns of x.
    """
    u, loss, has_converged = map(np.asarray, ends)
    num, num_starts, dim = u.shape
    order = np.argsort(np.where(has_converged, loss, np.inf), axis=1)
    in_order = np.take_along_axis(u, order[..., None], axis=1)
    counts = np.take_along_axis(has_converged, order, axis=1)
    joined = np.asarray(_leaders(jnp.asarray(in_order), jnp.asarray(counts), radius))
    # The end that leads a solution has joined itself.
    sizes = np.zeros((num, num_starts), int)
    np.add.at(sizes, (np.arange(num)[:, None], np.maximum(joined, 0)), counts)
    observation, position = np.nonzero(sizes)
    start = order[observation, position]
    best = np.asarray(u[observation, start], float).reshape(-1, dim)
    return Solutions(
        x=scaling.inverse(best, np.asarray(c, float)[observation]),
        observation=observation,
        loss=np.asarray(loss[observation, start], float),
        share=sizes[observation, position] / num_starts,
        share_not_converged=1 - has_converged.mean(axis=1),
        num_starts=num_starts,
        radius=radius,
        parameters=parameters,
        _u=best,
        _scaling=scaling,
    )


@eqx.filter_jit
def _leaders(
    u: Float[Array, "observations starts dim"],
    counts: Bool[Array, "observations starts"],
    radius: float,
) -> Int[Array, "observations starts"]:
    """For each end, in order of loss, the end whose solution it joins; -1 if it does not count."""

    def of_one(u: Float[Array, "starts dim"], counts: Bool[Array, " starts"]) -> Array:
        def free(joined: Array) -> Array:
            return counts & (joined < 0)

        def next_solution(joined: Array) -> Array:
            leader = jnp.argmax(free(joined))
            is_near = jnp.linalg.norm(u - u[leader], axis=1) <= radius
            return jnp.where(free(joined) & is_near, leader, joined)

        nobody = jnp.full(len(u), -1)
        return jax.lax.while_loop(lambda joined: free(joined).any(), next_solution, nobody)

    return jax.lax.map(lambda one: of_one(*one), (u, counts))
