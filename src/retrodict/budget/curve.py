"""The learning curve: one solver on nested subsets of the same pairs."""

import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import clone

from retrodict.budget.folder import CurveFolder, open_folder
from retrodict.budget.point import Point
from retrodict.budget.result import LearningCurve
from retrodict.comparison.against_problem import HeldOut, posterior_draws
from retrodict.comparison.judge import described
from retrodict.diagnostics import calibration_error, recovery
from retrodict.errors import (
    CapabilityError,
    ConfigurationError,
    MisspecificationWarning,
    TooFewRowsError,
)
from retrodict.judgement import verdict
from retrodict.solvers.base import FEWEST_ROWS, AbstractSolver
from retrodict.training import Outcome, Progress
from retrodict.variables import Variable, names_of

NUM_DRAWS = 300
FEWEST_HELD_OUT = 20


def learning_curve(
    solver: AbstractSolver,
    x: Float[np.ndarray, "rows dim"],
    y: Float[np.ndarray, "rows cond"],
    held_out: HeldOut,
    *,
    sizes: Sequence[int] | None = None,
    wanted: float = 0.01,
    seed: int = 0,
    parameters: Sequence[Variable] | None = None,
    observables: Sequence[Variable] | None = None,
    folder: str | Path | None = None,
    force: bool = False,
    resume: bool = False,
    command: str = "",
    progress: Callable[[], Progress] | None = None,
    tell: Callable[[str], None] | None = None,
) -> LearningCurve:
    """Trains a solver on more and more of the same pairs, and judges each on held-out ones.

    The subsets are nested: every point has the pairs of the one before, and others. Their
    order is that of the rows, which therefore have to be in no order of their own, as
    simulations are.

    Args:
        solver: any; each point trains a copy with `random_state=seed`.
        x: causes.
        y: effects, one row for each cause.
        held_out: pairs from the same place, at least 20, better a thousand.
        sizes: of the subsets; by default halves of halves of all rows, up to five.
        wanted: calibration error whose budget is projected.
        seed: of everything.
        parameters: names, units and bounds of the columns of x.
        observables: the same for y.
        folder: keeps each point as soon as it is finished.
        force: replace an older curve in that folder.
        resume: go on with the curve in that folder; further sizes may be added.
        command: what repeats the curve.
        progress: makes the listener of each training.
        tell: is told what is done.

    Raises:
        TooFewRowsError: more pairs asked for than there are, or too few to train or judge on.
        ConfigurationError: settings that cannot work, or differ from those of the curve to
            resume.
        OutputExistsError: the folder is not empty.
        KeyboardInterrupt: also where training itself caught it; finished points are kept.
    """
    chosen = _sizes(sizes, len(x))
    if not 0 < wanted < 1:
        raise ConfigurationError(
            f"`wanted` is a calibration error between 0 and 1; got {wanted}.", "Use 0.01."
        )
    if len(held_out.x) < FEWEST_HELD_OUT:
        raise TooFewRowsError(
            f"A point is judged on at least {FEWEST_HELD_OUT} held-out pairs; got "
            f"{len(held_out.x)}.",
            "Hold out a thousand where they can be had.",
        )
    tell = tell or _nobody
    fresh = clone(solver).set_params(random_state=seed)
    fresh.check_settings()
    record: dict[str, Any] = {
        "solver": described(fresh),
        "num_held_out": len(held_out.x),
        "seed": seed,
    }
    kept = open_folder(folder, record, x, y, held_out, force=force, resume=resume)
    points = []
    for num in chosen:
        point = None if kept is None else kept.point(num)
        if point is None:
            tell(f"{num:,} pairs: begins")
            point = _point(
                clone(fresh), x[:num], y[:num], held_out, seed, parameters, observables, kept,
                None if progress is None else progress(),
            )  # fmt: skip
            if kept is not None:
                kept.keep(point)
        else:
            tell(f"{num:,} pairs: finished already")
        points.append(point)
        tell(f"{num:,} pairs: calibration error {point.calibration_error:.2%}, {point.trust}")
    return LearningCurve(
        points=tuple(points),
        wanted=wanted,
        solver=_in_words(record["solver"]),
        num_held_out=len(held_out.x),
        command=command,
    )


def _point(
    solver: AbstractSolver,
    x: Float[np.ndarray, "rows dim"],
    y: Float[np.ndarray, "rows cond"],
    held_out: HeldOut,
    seed: int,
    parameters: Sequence[Variable] | None,
    observables: Sequence[Variable] | None,
    folder: CurveFolder | None,
    progress: Progress | None,
) -> Point:
    started = time.perf_counter()
    solver.fit(
        x,
        y,
        parameters=parameters,
        observables=observables,
        progress=progress,
        checkpoint=None if folder is None else folder.checkpoint(len(x)),
    )
    seconds = time.perf_counter() - started
    outcome = getattr(solver, "outcome_", None)
    if outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    names = names_of(solver.parameters_)
    draws = posterior_draws(solver, held_out.y, NUM_DRAWS, seed)
    calibration = calibration_error(draws, held_out.x, names=names)
    recovered = recovery(draws, held_out.x, names=names)
    judged = verdict(draws, held_out.x, held_out.y, names=names, seed=seed)
    return Point(
        num_pairs=len(x),
        calibration_error=calibration.error,
        error_if_exact=calibration.error_if_exact,
        log_score=_log_score(solver, held_out),
        rmse=float(np.mean(recovered.rmse / held_out.x.std(axis=0))),
        trust=judged.trust.value,
        training_seconds=seconds,
        outcome="" if outcome is None else outcome.value,
    )


def _log_score(solver: AbstractSolver, held_out: HeldOut) -> float | None:
    with warnings.catch_warnings():
        # These come from where the training data came; a few are odd by chance.
        warnings.simplefilter("ignore", MisspecificationWarning)
        posterior = solver.retrodict(held_out.y)
    try:
        return float(np.mean(posterior.log_prob(held_out.x[:, None])))
    except CapabilityError:
        return None


def _sizes(sizes: Sequence[int] | None, num_rows: int) -> tuple[int, ...]:
    if sizes is None:
        halves = [num_rows // 2**i for i in range(5)]
        sizes = [half for half in halves if half >= FEWEST_ROWS]
    chosen = tuple(sorted(set(sizes)))
    if not chosen or chosen[0] < FEWEST_ROWS:
        raise TooFewRowsError(
            f"Every point needs at least {FEWEST_ROWS} pairs to learn from; got "
            f"{list(chosen) or num_rows}.",
            "Use more pairs.",
        )
    if chosen[-1] > num_rows:
        raise TooFewRowsError(
            f"The largest point needs {chosen[-1]:,} pairs; there are {num_rows:,}.",
            "Simulate more, or leave that point out.",
        )
    return chosen


def _in_words(settings: dict[str, Any]) -> str:
    others = [f"{name}={value}" for name, value in settings.items() if name != "class"]
    return f"{settings['class']}({', '.join(others)})"


def _nobody(message: str) -> None:
    """Tells nobody."""
