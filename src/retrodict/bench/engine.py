"""The benchmark itself: every fit judged against reference posteriors, nothing done twice."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sklearn.base import clone

from retrodict.bench.fit import fit_and_draw
from retrodict.bench.folder import BenchFolder, open_folder
from retrodict.bench.judge import Failure, Judges, judges
from retrodict.bench.result import Bench
from retrodict.bench.row import Judgement, Row
from retrodict.bench.settings import Case, Settings
from retrodict.comparison import get_method
from retrodict.comparison.judge import described
from retrodict.datasets import SBIBM_TASKS, SbibmReference, sbibm_published, sbibm_reference
from retrodict.datasets.sbibm import NUM_DRAWS, NUM_OBSERVATIONS
from retrodict.errors import ConfigurationError, OutputError
from retrodict.solvers.base import AbstractSolver
from retrodict.training import Progress

OBSERVATIONS = tuple(range(1, NUM_OBSERVATIONS + 1))
_Value = TypeVar("_Value", int, str)


class BenchInterrupted(KeyboardInterrupt):
    """Ctrl-C: how far it got.

    Attributes:
        num_finished, num_rows: observations judged, and to be judged.
    """

    def __init__(self, num_finished: int, num_rows: int) -> None:
        super().__init__()
        self.num_finished = num_finished
        self.num_rows = num_rows


def sbibm(
    solver: str | AbstractSolver = "conditional-flow",
    *,
    tasks: Sequence[str] | None = None,
    budgets: Sequence[int] = (1_000, 10_000, 100_000),
    observations: Sequence[int] = OBSERVATIONS,
    seeds: Sequence[int] = (1,),
    num_draws: int = NUM_DRAWS,
    fast_c2st: bool = False,
    processes: int = 1,
    folder: str | Path | None = None,
    force: bool = False,
    resume: bool = False,
    command: str = "",
    progress: Callable[[], Progress] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Bench:
    """Judges a solver by the tasks of sbibm (Lueckmann et al. 2021, arXiv:2101.04653).

    For each task, budget and seed a copy of the solver is fitted once, with all its defaults,
    and its posteriors of ten observations are compared with reference draws. A fit or a
    comparison that fails becomes rows with its error; the others go on.

    Args:
        solver: a name as `retrodict compare` takes it, or any solver; it stays as it is.
        tasks: our names; all six by default.
        budgets: numbers of simulations.
        observations: those that are judged, of 1 to 10.
        seeds: of simulations, fit and draws; one fit for each.
        num_draws: from each posterior; published numbers compare 10,000.
        fast_c2st: judge by `diagnostics.fast_c2st`, which agrees with the classifier of the
            published numbers to about .01 in a fraction of its time.
        processes: observations that are compared at a time. Fits have the machine to themselves.
            As always with processes, a script must call this below
            `if __name__ == "__main__":`.
        folder: keeps the draws of each fit and each judged observation as soon as it is done,
            and trainings under way.
        force: replace an older benchmark in that folder.
        resume: go on with the benchmark in that folder; tasks, budgets, observations and seeds
            may be added.
        command: what repeats the benchmark, for its page.
        progress: makes the listener of each training.
        tell: is told what is done.

    Raises:
        ConfigurationError, TooFewRowsError: settings that cannot work, or that differ from
            those of the benchmark to resume.
        DataError, CapabilityError: a reference file is missing or damaged. All are read before
            anything is trained.
        OutputExistsError, OutputNotWritableError: the folder is not empty, or nothing can be
            written there.
        BenchInterrupted: Ctrl-C; what is finished is in the folder.
    """
    settings = Settings(
        tasks=_each_once(SBIBM_TASKS if tasks is None else tasks),
        budgets=_each_once(budgets),
        observations=_each_once(observations),
        seeds=_each_once(seeds),
        num_draws=num_draws,
        fast=fast_c2st,
    )
    settings.check()
    if processes < 1:
        raise ConfigurationError(f"Draws are compared in processes; got {processes}.", "Use 1.")
    fresh = get_method(solver) if isinstance(solver, str) else clone(solver)
    fresh.check_settings()
    tell = tell or _nobody
    tell("reading the reference posteriors")
    published = sbibm_published()
    references = {
        task: [sbibm_reference(task, number) for number in OBSERVATIONS] for task in settings.tasks
    }
    named = described(fresh)
    # Each case has a seed of its own.
    named.pop("random_state", None)
    record = {"solver": named, "num_draws": num_draws, "fast_c2st": fast_c2st}
    rows: list[Row] = []
    with _folder(folder, record, command, force=force, resume=resume) as kept:
        try:
            with judges(processes, fast=fast_c2st) as judged_by:
                for case in settings.cases():
                    of_case = _Run(case, settings, references[case.task], kept, judged_by, tell)
                    own = clone(fresh).set_params(random_state=case.seed)
                    rows += of_case.rows(own, progress)
        except KeyboardInterrupt:
            num = len(list(settings.cases())) * len(settings.observations)
            raise BenchInterrupted(_num_finished(kept, settings), num) from None
    return Bench(settings, tuple(rows), published, named, command)


class _Run:
    """One case from its fit to its rows, with what was done before."""

    def __init__(
        self,
        case: Case,
        settings: Settings,
        references: Sequence[SbibmReference],
        folder: BenchFolder,
        judged_by: Judges,
        tell: Callable[[str], None],
    ) -> None:
        self._case = case
        self._settings = settings
        self._references = references
        self._folder = folder
        self._judges = judged_by
        self._tell = tell

    def rows(
        self, solver: AbstractSolver, progress: Callable[[], Progress] | None
    ) -> Iterator[Row]:
        """A row for each observation."""
        empty = {number: Row.of(self._case, number) for number in self._settings.observations}
        training = self._folder.training(self._case)
        if training is None:
            try:
                self._fit(solver, None if progress is None else progress())
            except OutputError:
                # Nothing that follows could be kept either.
                raise
            except Exception as error:
                # Any failure of one fit is that of its rows; the other fits go on.
                failure = Failure.of(error)
                self._tell(f"{self._case}: failed: {failure.error}")
                for row in empty.values():
                    yield row.failed_with(failure.error, failure.traceback)
                return
            training = self._folder.training(self._case)
        found = dict(self._judged())
        accuracies = [one.c2st for one in found.values() if isinstance(one, Judgement)]
        if accuracies:
            self._tell(f"{self._case}: mean C2ST {np.mean(accuracies):.3f}")
        for number, row in empty.items():
            one = found[number]
            trained = row if training is None else row.trained(training)
            if isinstance(one, Failure):
                yield trained.failed_with(one.error, one.traceback)
            else:
                yield trained.judged(one)

    def _fit(self, solver: AbstractSolver, progress: Progress | None) -> None:
        self._tell(f"{self._case}: begins")
        self._folder.make(self._case)
        training, draws = fit_and_draw(
            solver,
            self._case,
            np.stack([reference.observation for reference in self._references]),
            self._settings.num_draws,
            progress=progress,
            checkpoint=self._folder.checkpoint(self._case),
        )
        self._folder.keep_fit(self._case, training, draws)
        self._tell(
            f"{self._case}: fitted in {training.fit_seconds:.1f} s, "
            f"{draws.shape[0] * draws.shape[1]:,} draws in {training.sampling_seconds:.1f} s"
        )

    def _judged(self) -> Iterator[tuple[int, Judgement | Failure]]:
        missing = []
        for number in self._settings.observations:
            judgement = self._folder.judgement(self._case, number)
            if judgement is None:
                missing.append(number)
            else:
                yield number, judgement
        if not missing:
            self._tell(f"{self._case}: finished already")
            return
        draws = self._folder.draws(self._case)
        pairs = {
            number: (
                self._references[number - 1].draws[: self._settings.num_draws],
                draws[number - 1],
            )
            for number in missing
        }
        for number, one in self._judges(pairs):
            if isinstance(one, Judgement):
                self._folder.keep_judgement(self._case, number, one)
                told = f"C2ST {one.c2st:.3f}, in {one.seconds:.0f} s"
            else:
                told = f"failed: {one.error}"
            self._tell(f"{self._case}, observation {number}: {told}")
            yield number, one


def _each_once(values: Iterable[_Value]) -> tuple[_Value, ...]:
    return tuple(dict.fromkeys(values))


def _num_finished(folder: BenchFolder, settings: Settings) -> int:
    return sum(
        folder.judgement(case, number) is not None
        for case in settings.cases()
        for number in settings.observations
    )


@contextmanager
def _folder(
    path: str | Path | None, record: Mapping[str, Any], command: str, *, force: bool, resume: bool
) -> Iterator[BenchFolder]:
    if path is not None:
        yield open_folder(Path(path), record, command, force=force, resume=resume)
        return
    if resume:
        raise ConfigurationError("There is no folder to resume from.", "Pass `folder`.")
    with tempfile.TemporaryDirectory() as temporary:
        yield open_folder(Path(temporary), record, command, force=False, resume=False)


def _nobody(message: str) -> None:
    """Tells nobody."""
