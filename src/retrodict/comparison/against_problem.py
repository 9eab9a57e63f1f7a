"""A posterior against the problem it was learned from: the same numbers wherever they appear."""

import warnings
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float

from retrodict.diagnostics import (
    MaximumMeanDiscrepancyPerObservation,
    ResimulationError,
    mmd_per_observation,
    resimulation_error,
)
from retrodict.errors import (
    DivergedSimulationsWarning,
    MisspecificationWarning,
    SimulationError,
    warn,
)
from retrodict.problems.base import AbstractProblem, AbstractReferencePosterior
from retrodict.problems.valid import has_diverged
from retrodict.solvers.base import AbstractSolver
from retrodict.typing import Key

NUM_COMPARED = 200
NUM_COMPARED_DRAWS = 1000
NUM_RESIMULATED_DRAWS = 100
_HELD_OUT = 0x0DD


@dataclass(frozen=True)
class HeldOut:
    """Pairs that training has never seen.

    Attributes:
        x: true causes.
        y: what was observed.
    """

    x: Float[np.ndarray, "rows dim"]
    y: Float[np.ndarray, "rows cond"]


@dataclass(frozen=True)
class AgainstProblem:
    """Posterior against the problem it was learned from, for the first held-out observations.

    Attributes:
        draws: of the model.
        exact: draws from the exact posterior; None where the problem has none.
        mismatch: how far the two are apart.
        resimulated: what the draws simulate, fewer draws than in `draws`.
        resimulation: how far that is from what was observed.
    """

    draws: Float[np.ndarray, "observations draws dim"]
    exact: Float[np.ndarray, "observations draws dim"] | None
    mismatch: MaximumMeanDiscrepancyPerObservation | None
    resimulated: Float[np.ndarray, "observations fewer_draws cond"]
    resimulation: ResimulationError


def held_out_pairs(problem: AbstractProblem, num: int, seed: int) -> HeldOut:
    """Simulations for the check, none of those that training draws from the same seed.

    Args:
        problem: prior and simulator.
        num: how many, less those whose simulation diverges.
        seed: of the run that is checked.
    """
    x, y = problem.simulations(jax.random.fold_in(jax.random.key(seed), _HELD_OUT), num)
    # As in training, which has told what that means.
    ended = ~has_diverged(y)
    x, y = x[ended], y[ended]
    # In double precision, as they would be read back from a file.
    return HeldOut(x.astype(float), y.astype(float))


def posterior_draws(
    estimator: AbstractSolver, y: Float[np.ndarray, "rows cond"], num_draws: int, seed: int
) -> Float[np.ndarray, "rows draws dim"]:
    """Draws from the posterior of each row of `y`."""
    with warnings.catch_warnings():
        # These come from where the training data came; a few are odd by chance.
        warnings.simplefilter("ignore", MisspecificationWarning)
        posterior = estimator.retrodict(y)
    return np.asarray(posterior.sample(num_draws, random_state=seed))


def simulated_again(
    problem: AbstractProblem, key: Key, draws: Float[np.ndarray, "observations draws dim"]
) -> Float[np.ndarray, "observations draws cond"]:
    """What each draw simulates.

    A network may put a little probability where the simulation diverges. Such a draw has no
    distance to the observation, so the next that has one stands for it, and a warning tells how
    many there were.

    Args:
        problem: the simulator.
        key: of the simulations.
        draws: of the posteriors.

    Warns:
        DivergedSimulationsWarning: some ended in NaN or infinity.

    Raises:
        SimulationError: all draws of an observation did.
    """
    flat = problem.simulate_rows(key, draws.reshape(-1, draws.shape[-1]))
    simulated = flat.reshape(*draws.shape[:2], -1)
    diverged = has_diverged(flat).reshape(draws.shape[:2])
    if not diverged.any():
        return simulated
    hopeless = np.flatnonzero(diverged.all(axis=1))
    if hopeless.size:
        raise SimulationError(
            f"The simulations of all {draws.shape[1]:,} draws ended in NaN or infinity for "
            f"{hopeless.size} of {len(draws)} observations; first: {hopeless[:5].tolist()}.",
            "The posterior lies where the simulator is not defined: train on more simulations, "
            "or narrow the prior to where it is.",
        )
    warn(
        DivergedSimulationsWarning(
            f"{diverged.sum():,} of {diverged.size:,} posterior draws, simulated again, ended in "
            "NaN or infinity; other draws of the same observations stand for them."
        )
    )
    ended_first = np.argsort(diverged, axis=1, kind="stable")
    turn = (np.cumsum(diverged, axis=1) - 1) % (~diverged).sum(axis=1, keepdims=True)
    substitutes = np.take_along_axis(ended_first, turn, axis=1)
    taken = np.where(diverged, substitutes, np.arange(draws.shape[1]))
    return np.take_along_axis(simulated, taken[..., None], axis=1)


def against_problem(
    estimator: AbstractSolver, held_out: HeldOut, problem: AbstractProblem, seed: int
) -> AgainstProblem:
    """Compare the posteriors of the first held-out observations with what the problem knows.

    Args:
        estimator: fitted.
        held_out: pairs; the first 200 are used, with 1,000 draws each.
        problem: the simulator, and the exact posterior where there is one.
        seed: of all draws.
    """
    y = held_out.y[:NUM_COMPARED]
    draws = posterior_draws(estimator, y, NUM_COMPARED_DRAWS, seed + 1)
    key_exact, key_again = jax.random.split(jax.random.key(seed))
    again = draws[:, :NUM_RESIMULATED_DRAWS]
    resimulated = simulated_again(problem, key_again, again)
    exact = mismatch = None
    if isinstance(problem, AbstractReferencePosterior):
        exact = problem.exact_posterior_rows(key_exact, y, NUM_COMPARED_DRAWS)
        mismatch = mmd_per_observation(draws, exact)
    return AgainstProblem(
        draws=draws,
        exact=exact,
        mismatch=mismatch,
        resimulated=resimulated,
        resimulation=resimulation_error(resimulated, y),
    )
