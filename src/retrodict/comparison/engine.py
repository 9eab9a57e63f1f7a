"""The comparison itself: every solver on the same simulations, judged in the same way."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sklearn.base import clone

from retrodict.comparison.folder import ComparisonFolder, create, resume as resume_folder
from retrodict.comparison.judge import Budget, Judged, described, judge
from retrodict.comparison.processes import in_processes
from retrodict.comparison.result import Comparison
from retrodict.errors import ConfigurationError
from retrodict.problems.base import AbstractProblem
from retrodict.solvers.base import AbstractSolver
from retrodict.training import Progress


class ComparisonInterrupted(KeyboardInterrupt):
    """Ctrl-C: what was finished until then.

    Attributes:
        finished: the comparison of the solvers that were done.
    """

    def __init__(self, finished: Comparison) -> None:
        super().__init__()
        self.finished = finished


def compare(
    problem: AbstractProblem,
    solvers: Mapping[str, AbstractSolver],
    *,
    num_simulations: int = 100_000,
    num_held_out: int = 1000,
    num_c2st: int = 5,
    seed: int = 0,
    folder: str | Path | None = None,
    force: bool = False,
    resume: bool = False,
    processes: int = 1,
    command: str = "",
    progress: Callable[[], Progress] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Comparison:
    """Trains solvers on the same simulations of a problem and measures them alike.

    Each solver gets a copy of its own with `random_state=seed`, so that all draw the same
    simulations. A solver that fails becomes a row with its error; the others go on.

    Args:
        problem: prior and simulator; rows are compared with its exact posterior if it has one.
        solvers: by the names that their rows shall have; they stay as they are.
        num_simulations: to learn from.
        num_held_out: further simulations to check with, at least 20; the first 200 of them
            are compared with the exact posterior, 1,000 draws each.
        num_c2st: observations for the two-sample classifier; 0 leaves it out.
        seed: of everything.
        folder: keeps each row as soon as it is finished, and trainings under way.
        force: replace an older comparison in that folder.
        resume: go on with the comparison in that folder; rows that failed are tried again,
            and further solvers may be added.
        processes: solvers at a time, each in an interpreter of its own when more than one; the
            numbers are the same but for the times, which then share the machine. As always
            with processes, a script must call this below `if __name__ == "__main__":`.
        command: what repeats the comparison, for its page.
        progress: makes the listener of each training, where there is one process.
        tell: is told what is done.

    Raises:
        ConfigurationError: settings that cannot work, or that differ from those of the
            comparison to resume.
        OutputExistsError: the folder is not empty.
        ComparisonInterrupted: Ctrl-C; it holds the finished rows.
    """
    if not solvers:
        raise ConfigurationError("There is no solver to compare.", "Name at least one.")
    if num_held_out < 20 or num_c2st < 0 or processes < 1:
        raise ConfigurationError(
            "A comparison needs at least 20 held-out simulations, one process, and no negative "
            f"number of observations for the classifier; got {num_held_out}, {processes} and "
            f"{num_c2st}.",
            "Use the defaults.",
        )
    budget = Budget(num_simulations, num_held_out, num_c2st, seed)
    fresh = {name: clone(solver).set_params(random_state=seed) for name, solver in solvers.items()}
    for solver in fresh.values():
        solver.check_settings()
    record = {
        "settings": {"problem": problem.name, **asdict(budget)},
        "solvers": {name: described(solver) for name, solver in fresh.items()},
        "command": command,
    }
    tell = tell or _nobody
    with _folder(folder, record, force=force, resume=resume) as kept:
        done = _finished(kept, fresh, tell)
        missing = {name: solver for name, solver in fresh.items() if name not in done}

        def comparison() -> Comparison:
            return Comparison.of(problem, budget, [done[n] for n in fresh if n in done], command)

        try:
            for judged in _rows(missing, problem, budget, kept, processes, progress, tell):
                done[judged.row.name] = judged
                tell(_told(judged))
        except KeyboardInterrupt:
            raise ComparisonInterrupted(comparison()) from None
        return comparison()


def _rows(
    solvers: Mapping[str, AbstractSolver],
    problem: AbstractProblem,
    budget: Budget,
    folder: ComparisonFolder,
    num_processes: int,
    progress: Callable[[], Progress] | None,
    tell: Callable[[str], None],
) -> Iterator[Judged]:
    for name in solvers:
        folder.of(name).mkdir(parents=True, exist_ok=True)
    if num_processes > 1:
        yield from in_processes(
            solvers, problem, budget, folder, num_processes=num_processes, tell=tell
        )
        return
    for name, solver in solvers.items():
        tell(f"{name}: begins")
        judged = judge(
            name,
            solver,
            problem,
            budget,
            progress=None if progress is None else progress(),
            checkpoint=folder.checkpoint(name),
            tell=tell,
        )
        folder.keep(judged)
        yield judged


@contextmanager
def _folder(
    path: str | Path | None, record: Mapping[str, Any], *, force: bool, resume: bool
) -> Iterator[ComparisonFolder]:
    if path is None:
        if resume:
            raise ConfigurationError("There is no folder to resume from.", "Pass `folder`.")
        with tempfile.TemporaryDirectory() as temporary:
            yield create(Path(temporary), record, force=False)
    elif resume:
        yield resume_folder(Path(path), record)
    else:
        yield create(Path(path), record, force=force)


def _finished(
    folder: ComparisonFolder, solvers: Mapping[str, AbstractSolver], tell: Callable[[str], None]
) -> dict[str, Judged]:
    done: dict[str, Judged] = {}
    for name in solvers:
        judged = folder.kept(name)
        if judged is None:
            continue
        if judged.row.failed:
            folder.forget(name)
            tell(f"{name}: failed before, tried again")
        else:
            done[name] = judged
            tell(f"{name}: finished already")
    return done


def _told(judged: Judged) -> str:
    row = judged.row
    if row.failed:
        return f"{row.name}: failed: {row.error}"
    mismatch = "" if row.mmd_mean is None else f"MMD^2 {row.mmd_mean:.4f}, "
    return (
        f"{row.name}: {mismatch}re-simulation {row.resimulation_mean:.4f}, trained in "
        f"{row.training_seconds:.0f} s, checked in {row.evaluation_seconds:.0f} s"
    )


def _nobody(message: str) -> None:
    """Tells nobody."""
