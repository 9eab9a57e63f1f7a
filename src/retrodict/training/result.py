"""What training returns: the model, how it ended, and its history."""

import enum
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from jaxtyping import PyTree

if TYPE_CHECKING:
    import pandas as pd


class Outcome(enum.Enum):
    """How training ended; none of these is an error."""

    CONVERGED = "converged"
    EXHAUSTED = "exhausted"
    TIME_OUT = "time-out"
    INTERRUPTED = "interrupted"

    @property
    def sentence(self) -> str:
        """What it means, for people."""
        return _SENTENCES[self]

    def __str__(self) -> str:
        return self.sentence


_SENTENCES = {
    Outcome.CONVERGED: "Training stopped because the held-out loss no longer improved.",
    Outcome.EXHAUSTED: "Training went through all its epochs.",
    Outcome.TIME_OUT: "Training used up its time; more may give a better model.",
    Outcome.INTERRUPTED: "Training was interrupted; this is the best model up to then.",
}


@dataclass(frozen=True)
class EpochRecord:
    """One line of the history.

    Attributes:
        epoch: 0 is the model as it came, before any step.
        training_loss: mean over the epoch's steps while they were taken, skipped ones left
            out; None where there were none.
        validation_loss: mean over the held-out rows after the epoch.
        learning_rate: of the epoch's last step.
        seconds: wall-clock time since training began, earlier parts of a resumed run included.
        steps_per_second: over the epoch, validation left out.
        num_skipped: steps of the epoch that were skipped because they were not finite.
        metrics: further means over the held-out rows, by name.
    """

    epoch: int
    training_loss: float | None
    validation_loss: float
    learning_rate: float
    seconds: float
    steps_per_second: float
    num_skipped: int
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingResult:
    """The best model, how training ended, and how it went.

    Attributes:
        model: with the parameters that had the lowest held-out loss.
        outcome: how training ended.
        history: one record per epoch, the first for the model as it came. Where training
            was cut inside an epoch, the last record is of that part.
        best_epoch: whose parameters the model has; 0 if nothing was better than the start.
        best_validation_loss: the held-out loss of the model.
        num_skipped_steps: steps that were skipped because they were not finite.
        seconds: wall-clock time, earlier parts of a resumed run included.
        num_steps: all steps taken, skipped ones included.
        num_left_out: simulations left out of their batches because they were not finite.
    """

    model: PyTree
    outcome: Outcome
    history: tuple[EpochRecord, ...]
    best_epoch: int
    best_validation_loss: float
    num_skipped_steps: int
    seconds: float
    num_steps: int
    num_left_out: int

    def to_frame(self) -> "pd.DataFrame":
        """The history as a table, one row per epoch, metrics after the other columns."""
        import pandas as pd

        own = [part.name for part in fields(EpochRecord) if part.name != "metrics"]
        rows = [{name: getattr(record, name) for name in own} for record in self.history]
        rows = [row | record.metrics for row, record in zip(rows, self.history, strict=True)]
        frame = pd.DataFrame(rows, columns=[*own, *self.history[0].metrics])
        return frame.astype({"training_loss": float})

    def __str__(self) -> str:
        skipped = (
            f" {self.num_skipped_steps} steps were skipped because they were not finite."
            if self.num_skipped_steps
            else ""
        )
        return (
            f"{self.outcome.sentence} Best held-out loss {self.best_validation_loss:.6g} "
            f"at epoch {self.best_epoch} of {self.history[-1].epoch}, "
            f"in {self.seconds:.1f} s.{skipped}"
        )
