"""One fit of a benchmark: learn from simulations, draw for all ten observations."""

import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float

from retrodict.bench.cold_start import cold_start
from retrodict.bench.row import Training
from retrodict.bench.settings import Case
from retrodict.comparison.against_problem import posterior_draws
from retrodict.problems import get_problem
from retrodict.solvers.base import AbstractSolver
from retrodict.training import Outcome, Progress

_LIBRARIES = ("retrodict", "jax", "scikit-learn")


def fit_and_draw(
    solver: AbstractSolver,
    case: Case,
    observations: Float[np.ndarray, "observations cond"],
    num_draws: int,
    *,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> tuple[Training, Float[np.ndarray, "observations draws dim"]]:
    """Fits the solver and draws from the posterior of each observation.

    Args:
        solver: not fitted, with the seed of the case.
        case: which problem, how many simulations.
        observations: all ten, so that others may be judged later without another fit.
        num_draws: for each.
        progress: is told how training goes.
        checkpoint: file from which a killed training goes on.

    Raises:
        KeyboardInterrupt: also where training itself caught it; the checkpoint stays.
    """
    problem = get_problem(case.task)
    with cold_start():
        start = time.perf_counter()
        solver.fit_problem(
            problem,
            num_simulations=case.num_simulations,
            progress=progress,
            checkpoint=checkpoint,
        )
        fit_seconds = time.perf_counter() - start
        outcome = getattr(solver, "outcome_", None)
        if outcome is Outcome.INTERRUPTED:
            raise KeyboardInterrupt
        history = getattr(solver, "history_", None)
        if history is not None:
            # What a resumed training took before it was cut short counts too.
            fit_seconds = max(fit_seconds, float(history["seconds"].iloc[-1]))
        start = time.perf_counter()
        draws = posterior_draws(solver, observations, num_draws, case.seed)
        sampling_seconds = time.perf_counter() - start
    training = Training(
        fit_seconds=fit_seconds,
        sampling_seconds=sampling_seconds,
        outcome="" if outcome is None else outcome.value,
        num_parameters=getattr(solver, "num_parameters_", None),
        num_diverged=getattr(solver, "num_diverged_", 0),
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        machine=_machine(),
    )
    return training, draws


def _machine() -> str:
    devices = jax.devices()
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{platform.system()} {platform.machine()}, {len(devices)} {devices[0].device_kind} "
        f"device{'s' if len(devices) > 1 else ''}, Python {platform.python_version()}, {libraries}"
    )
