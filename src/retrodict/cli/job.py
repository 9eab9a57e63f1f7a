"""The main job, the same for `run` and `fit`: train, keep, judge, report."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typer

from retrodict.cli import EXIT_INTERRUPTED, run_folder
from retrodict.cli.console import answer, say, to_json
from retrodict.cli.evaluate import Evaluation
from retrodict.cli.interrupts import postponed_interrupts
from retrodict.cli.run_folder import Record, RunFolder, State
from retrodict.cli.typed import command
from retrodict.comparison.against_problem import HeldOut
from retrodict.problems.base import AbstractProblem
from retrodict.solvers import AbstractTrainedSolver
from retrodict.training.progress import Progress

_LIBRARIES = ("retrodict", "jax", "equinox", "numpy", "scipy", "scikit-learn", "pandas")


@dataclass(frozen=True)
class Job:
    """What `run` and `fit` do differently.

    Attributes:
        settings: everything that decides the result, as kept in `run.json`.
        estimator: not trained yet.
        train: trains it, given who is told and where the checkpoint is kept.
        held_out: makes the pairs that training never sees.
        problem: the simulator, where there is one.
    """

    settings: dict[str, Any]
    estimator: AbstractTrainedSolver
    train: Callable[[Progress, Path], AbstractTrainedSolver]
    held_out: Callable[[], HeldOut]
    problem: AbstractProblem | None = None


def carry_out(job: Job, path: Path, *, force: bool, resume: bool, json: bool) -> None:
    """Do the job in the folder `path`.

    Args:
        job: what to do.
        path: of the run folder.
        force: replace an older run.
        resume: go on with a run that was cut short.
        json: answer with the metrics rather than with the path.
    """
    record = Record(command(), job.settings, versions=_versions())
    if resume:
        folder, state = run_folder.resume(path, record)
    else:
        folder, state = run_folder.create(path, record, force=force), State.TRAINING
    if state is State.FINISHED:
        say(f"{path} is finished already.")
    else:
        with _no_trace_without_training(folder):
            held_out = job.held_out()
            estimator = _trained(job, folder, record, held_out, state)
        with _model_is_safe(folder):
            judge(folder, record, estimator, held_out, job.problem)
            folder.write_record(replace(record, state=State.FINISHED))
    if json:
        answer(folder.metrics.read_text(encoding="utf-8"))
    else:
        answer(str(path))


def judge(
    folder: RunFolder,
    record: Record,
    estimator: AbstractTrainedSolver,
    held_out: HeldOut,
    problem: AbstractProblem | None,
) -> Evaluation:
    """Check a trained model and write what comes out: numbers and report."""
    from retrodict.cli.evaluate import evaluate
    from retrodict.cli.reporting import metrics_of, write_report

    say(f"checking against {len(held_out.x):,} held-out pairs")
    evaluation = evaluate(estimator, held_out, problem)
    folder.write_text(folder.metrics, to_json(metrics_of(estimator, evaluation)))
    write_report(folder, record, estimator, evaluation, problem)
    for sentence in evaluation.sentences:
        say(sentence)
    say(f"report: {folder.report}")
    return evaluation


def _trained(
    job: Job, folder: RunFolder, record: Record, held_out: HeldOut, state: State
) -> AbstractTrainedSolver:
    from retrodict.bundle import load, save
    from retrodict.cli.held_out import write_held_out
    from retrodict.cli.progress import training_progress
    from retrodict.tables import write_table
    from retrodict.training.result import Outcome

    if state is State.TRAINED:
        return load(folder.model)
    estimator = job.train(training_progress(), folder.checkpoint)
    interrupted = estimator.outcome_ is Outcome.INTERRUPTED
    state = State.INTERRUPTED if interrupted else State.TRAINED
    with postponed_interrupts():
        save(estimator, folder.model, overwrite=True)
        write_table(estimator.history_, folder.history, force=True)
        write_held_out(folder, estimator, held_out)
        folder.write_record(replace(record, state=state))
        if not interrupted:
            folder.remove_checkpoint()
    if interrupted:
        say(f"interrupted; the best model so far is in {folder.model}")
        say(f"To continue: {record.command} --resume")
        raise typer.Exit(EXIT_INTERRUPTED)
    return estimator


@contextmanager
def _no_trace_without_training(folder: RunFolder) -> Iterator[None]:
    """Inside, Ctrl-C or an error before training has left anything behind removes the folder."""
    try:
        yield
    except BaseException as error:
        if folder.model.exists():
            raise
        if folder.checkpoint.exists():
            say(f"Training can be continued: {folder.read_record().command} --resume")
        else:
            run_folder.discard(folder)
            if isinstance(error, KeyboardInterrupt):
                say("interrupted before there was a model; nothing was saved")
                raise typer.Exit(EXIT_INTERRUPTED) from None
        raise


@contextmanager
def _model_is_safe(folder: RunFolder) -> Iterator[None]:
    """Inside, Ctrl-C says what there is already."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted; the trained model is in {folder.model}")
        say(f"To check it and write the report: retrodict report {shlex.quote(str(folder.path))}")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _LIBRARIES}
