"""One solver from its settings to its row: train, draw, measure."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from retrodict.comparison.against_problem import (
    AgainstProblem,
    HeldOut,
    against_problem,
    held_out_pairs,
    posterior_draws,
)
from retrodict.comparison.row import Row
from retrodict.diagnostics import c2st, calibration_error, simulation_based_calibration
from retrodict.errors import RetrodictError
from retrodict.problems.base import AbstractProblem
from retrodict.solvers.base import AbstractSolver
from retrodict.training import Progress
from retrodict.training.result import Outcome
from retrodict.variables import names_of

NUM_DRAWS = 300
NUM_SHOWN = 3
_NUM_TIMED_DRAWS = 1000
_TIMED_AGAIN = 3
_SLOW_SECONDS = 1.0


@dataclass(frozen=True)
class Budget:
    """What every solver of a comparison gets, and is judged by.

    Attributes:
        num_simulations: to learn from, the same ones for each solver.
        num_held_out: further simulations, for calibration; the first 200 of them are compared
            with the exact posterior.
        num_c2st: observations for the two-sample classifier, which takes seconds for each.
        seed: of everything.
    """

    num_simulations: int = 100_000
    num_held_out: int = 1000
    num_c2st: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Judged:
    """A row, and what its pictures are drawn from.

    Attributes:
        row: the numbers.
        draws: for the first observations; None after a failure.
    """

    row: Row
    draws: Float[np.ndarray, "observations draws dim"] | None


def described(solver: AbstractSolver) -> dict[str, Any]:
    """The settings of a solver, as kept in its row: its class, and what is not None."""
    given = solver.get_params(deep=False)
    settings = {name: _plain(value) for name, value in given.items() if value is not None}
    return {"class": type(solver).__name__, **settings}


def judge(
    name: str,
    solver: AbstractSolver,
    problem: AbstractProblem,
    budget: Budget,
    *,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
    tell: Callable[[str], None] | None = None,
) -> Judged:
    """Train one solver and measure it. An error becomes the row's.

    Args:
        name: of the row.
        solver: not fitted yet.
        problem: to learn from.
        budget: the same for all solvers.
        progress: is told how training goes.
        checkpoint: file from which a killed training goes on.
        tell: is told what is done.

    Raises:
        KeyboardInterrupt: also where training itself caught it; the checkpoint stays.
    """
    empty = Row(name, described(solver))
    try:
        return _judged(empty, solver, problem, budget, progress, checkpoint, tell or _nobody)
    except RetrodictError as error:
        return Judged(replace(empty, error=_whole(error)), None)
    except Exception as error:
        # Any failure of one solver is a row; the others go on. Its traceback is kept.
        message = f"{type(error).__name__}: {error}"
        return Judged(replace(empty, error=message, traceback=traceback.format_exc()), None)


def _judged(
    row: Row,
    solver: AbstractSolver,
    problem: AbstractProblem,
    budget: Budget,
    progress: Progress | None,
    checkpoint: Path | None,
    tell: Callable[[str], None],
) -> Judged:
    start = time.perf_counter()
    solver.fit_problem(
        problem, num_simulations=budget.num_simulations, progress=progress, checkpoint=checkpoint
    )
    training_seconds = time.perf_counter() - start
    outcome = getattr(solver, "outcome_", None)
    if outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    history = getattr(solver, "history_", None)
    if history is not None:
        # What a resumed training took before it was cut short counts too.
        training_seconds = max(training_seconds, float(history["seconds"].iloc[-1]))

    tell(f"{row.name}: trained in {training_seconds:.0f} s; checking")
    start = time.perf_counter()
    held_out = held_out_pairs(problem, budget.num_held_out, budget.seed)
    compared = against_problem(solver, held_out, problem, budget.seed)
    row = replace(
        _with_calibration(row, solver, held_out, budget),
        outcome="" if outcome is None else outcome.value,
        mmd_mean=None if compared.mismatch is None else float(compared.mismatch.mean),
        mmd_median=None if compared.mismatch is None else float(compared.mismatch.median),
        c2st_mean=_c2st(compared, budget),
        resimulation_mean=float(compared.resimulation.mean),
        resimulation_median=float(compared.resimulation.median),
        training_seconds=training_seconds,
        seconds_per_1000_draws=_seconds_per_1000_draws(solver, held_out, budget.seed),
        num_parameters=getattr(solver, "num_parameters_", None),
    )
    row = replace(row, evaluation_seconds=time.perf_counter() - start)
    return Judged(row, np.asarray(compared.draws[:NUM_SHOWN]))


def _with_calibration(row: Row, solver: AbstractSolver, held_out: HeldOut, budget: Budget) -> Row:
    names = names_of(solver.parameters_)
    draws = posterior_draws(solver, held_out.y, NUM_DRAWS, budget.seed)
    calibration = calibration_error(draws, held_out.x, names=names)
    ranks = simulation_based_calibration(draws, held_out.x, names=names)
    return replace(
        row,
        calibration_error=float(calibration.error),
        width_68=float(np.mean(calibration.width_68)),
        sbc_p_value=float(ranks.p_values.min()),
        calibrated=bool(calibration.passed and ranks.passed),
    )


def _c2st(compared: AgainstProblem, budget: Budget) -> float | None:
    if compared.exact is None or not budget.num_c2st:
        return None
    pairs = zip(compared.exact[: budget.num_c2st], compared.draws, strict=False)
    return float(np.mean([c2st(exact, draws).accuracy for exact, draws in pairs]))


def _seconds_per_1000_draws(solver: AbstractSolver, held_out: HeldOut, seed: int) -> float:
    """For one observation, without compilation; the best of three where that is quick."""

    def once() -> float:
        start = time.perf_counter()
        posterior_draws(solver, held_out.y[:1], _NUM_TIMED_DRAWS, seed)
        return time.perf_counter() - start

    once()
    seconds = once()
    if seconds > _SLOW_SECONDS:
        return seconds
    return min(seconds, *(once() for _ in range(_TIMED_AGAIN - 1)))


def _whole(error: RetrodictError) -> str:
    return f"{error.message} {error.hint}".strip()


def _plain(value: object) -> Any:
    return value if isinstance(value, str | int | float | bool) else repr(value)


def _nobody(message: str) -> None:
    """Tells nobody."""
