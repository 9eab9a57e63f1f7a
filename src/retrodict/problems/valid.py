"""Simulations that ended: those that diverged are left out, counted and told."""

from collections.abc import Sequence

import numpy as np

from retrodict.errors import DivergedSimulationsWarning, SimulationError, warn
from retrodict.problems.base import AbstractProblem
from retrodict.typing import Bool, Float, Key
from retrodict.variables import Variable

# Leaving out a share s of the simulations replaces the prior by one at a total variation of s
# from it, which multiplies every density by up to 1 / (1 - s). Beyond a tenth the posterior
# would answer for another prior than the one that was stated, and stating it is the user's.
MOST_DIVERGED = 0.1
_ROWS_NAMED = 3


def valid_simulations(
    problem: AbstractProblem, key: Key, num: int
) -> tuple[Float[np.ndarray, "valid dim"], Float[np.ndarray, "valid cond"], int]:
    """Simulated pairs to learn from, without those whose simulation diverged.

    Args:
        problem: prior and simulator.
        key: of the simulations.
        num: how many to simulate.

    Returns:
        x and y of the simulations that ended, and the number of those that did not.

    Warns:
        DivergedSimulationsWarning: some gave NaN or infinity.

    Raises:
        SimulationError: more than a tenth did.
    """
    x, y = problem.simulations(key, num)
    diverged = has_diverged(y)
    tell_diverged(problem, x[diverged], num)
    return x[~diverged], y[~diverged], int(diverged.sum())


def has_diverged(y: Float[np.ndarray, "rows cond"]) -> Bool[np.ndarray, " rows"]:
    """Which rows hold NaN or infinity."""
    return ~np.isfinite(y).all(axis=1)


def tell_diverged(problem: AbstractProblem, x: Float[np.ndarray, "diverged dim"], num: int) -> None:
    """Warns of simulations that are left out, and refuses to leave out too many.

    Args:
        problem: whose simulations diverged.
        x: where they did; the first rows are named.
        num: simulations in all.

    Warns:
        DivergedSimulationsWarning: `x` has rows.

    Raises:
        SimulationError: they are more than a tenth of all.
    """
    if not len(x):
        return
    found = (
        f"{len(x):,} of {num:,} simulations of `{problem.name}` ({100 * len(x) / num:.2g} %) "
        "ended in NaN or infinity"
    )
    where = "; ".join(f"({described(problem.parameters, row)})" for row in x[:_ROWS_NAMED])
    if len(x) > MOST_DIVERGED * num:
        raise SimulationError(
            f"{found}, first at {where}; no more than {MOST_DIVERGED:.0%} may be left out.",
            "Narrow the prior to where the simulator is defined, or make the simulator sturdier: "
            "smaller steps, a stiff ODE solver, the logarithm of what must stay positive. Where "
            "nature has an outcome, such as extinction, return that instead of NaN.",
        )
    warn(
        DivergedSimulationsWarning(
            f"{found} and are left out, first at {where}. The posterior answers for causes whose "
            "simulation ends; those for which it diverges get no probability. That is right if "
            "nature cannot do it either, and wrong if only the simulator failed."
        )
    )


def described(parameters: Sequence[Variable], x: Float[np.ndarray, " dim"]) -> str:
    """A row of parameters in words: `speed=9.5, angle=0.2`."""
    named = zip(parameters, x.tolist(), strict=True)
    return ", ".join(f"{parameter.name}={value:.6g}" for parameter, value in named)
