"""A run opened again: its model, its held-out pairs, and the problem it came from."""

from dataclasses import dataclass
from pathlib import Path

from retrodict.bundle import load
from retrodict.cli.held_out import read_held_out
from retrodict.cli.run_folder import Record, RunFolder
from retrodict.comparison.against_problem import HeldOut
from retrodict.problems import get_problem
from retrodict.problems.base import AbstractProblem
from retrodict.solvers import AbstractTrainedSolver


@dataclass(frozen=True)
class TrainedRun:
    """What a run folder holds.

    Attributes:
        folder: where it is.
        record: how it was made.
        estimator: the trained model.
        held_out: pairs that the model has not seen.
        problem: the simulator; None where the data came as a table.
    """

    folder: RunFolder
    record: Record
    estimator: AbstractTrainedSolver
    held_out: HeldOut
    problem: AbstractProblem | None


def open_run(path: Path) -> TrainedRun:
    """Load everything that a run left behind.

    Raises:
        BundleError: this is no run folder, or it is damaged.
    """
    folder = RunFolder(path)
    record = folder.read_record()
    estimator = load(folder.model)
    name = record.settings.get("problem")
    return TrainedRun(
        folder=folder,
        record=record,
        estimator=estimator,
        held_out=read_held_out(folder, estimator),
        problem=None if name is None else get_problem(name),
    )
