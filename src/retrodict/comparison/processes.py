"""Solvers in interpreters of their own, several at a time."""

import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from retrodict.comparison.folder import ComparisonFolder
from retrodict.comparison.judge import Budget, Judged, described, judge
from retrodict.comparison.row import Row
from retrodict.errors import ConfigurationError
from retrodict.problems.base import AbstractProblem
from retrodict.solvers.base import AbstractSolver

_EXIT_INTERRUPTED = 130
_SECONDS_TO_STOP = 10.0


def in_processes(
    solvers: Mapping[str, AbstractSolver],
    problem: AbstractProblem,
    budget: Budget,
    folder: ComparisonFolder,
    *,
    num_processes: int,
    tell: Callable[[str], None],
) -> Iterator[Judged]:
    """Judge each solver in a fresh interpreter; yields the rows as they are finished.

    A process that dies, for want of memory say, costs its own row alone.

    Args:
        solvers: not fitted, by name.
        problem: to learn from.
        budget: the same for all.
        folder: where each process leaves its row.
        num_processes: at most so many at a time.
        tell: is told which solver begins.

    Raises:
        ConfigurationError: the problem or a solver cannot be sent to another process.
    """
    _refuse_what_cannot_travel(problem, solvers)
    context = multiprocessing.get_context("spawn")
    waiting = list(solvers.items())
    running: dict[str, BaseProcess] = {}
    try:
        while waiting or running:
            while waiting and len(running) < num_processes:
                name, solver = waiting.pop(0)
                tell(f"{name}: begins")
                process: BaseProcess = context.Process(
                    target=_work, args=(name, solver, problem, budget, folder.path)
                )
                process.start()
                running[name] = process
            wait([process.sentinel for process in running.values()])
            for name in [name for name, process in running.items() if not process.is_alive()]:
                ended = running.pop(name)
                ended.join()
                yield _result(name, solvers[name], ended.exitcode, folder)
    finally:
        _stop(list(running.values()))


def _work(
    name: str, solver: AbstractSolver, problem: AbstractProblem, budget: Budget, path: Path
) -> None:
    folder = ComparisonFolder(path)
    try:
        folder.keep(judge(name, solver, problem, budget, checkpoint=folder.checkpoint(name)))
    except KeyboardInterrupt:
        sys.exit(_EXIT_INTERRUPTED)


def _result(
    name: str, solver: AbstractSolver, exit_code: int | None, folder: ComparisonFolder
) -> Judged:
    if exit_code == _EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    finished = folder.kept(name)
    if finished is not None:
        return finished
    message = f"Its process ended with exit code {exit_code} before there was a result."
    failed = Row(name, described(solver), error=message)
    folder.keep_row(failed)
    return Judged(failed, None)


def _stop(processes: list[BaseProcess]) -> None:
    """Ask for an end as Ctrl-C does, so that checkpoints are whole; insist after a while."""
    for process in processes:
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGINT)
    for process in processes:
        process.join(_SECONDS_TO_STOP)
        if process.is_alive():
            process.terminate()
            process.join()


def _refuse_what_cannot_travel(
    problem: AbstractProblem, solvers: Mapping[str, AbstractSolver]
) -> None:
    for what, thing in (("The problem", problem), *solvers.items()):
        try:
            pickle.dumps(thing)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ConfigurationError(
                f"{what} cannot be sent to another process: {error}.",
                "Define its functions in a module rather than inside a function or as a "
                "lambda, or compare in one process.",
            ) from error
