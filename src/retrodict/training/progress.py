"""Who is told how training goes."""

from typing import Protocol, runtime_checkable

from retrodict.training.result import EpochRecord, Outcome


@runtime_checkable
class Progress(Protocol):
    """Listens to training. Called on the host, at most once per call of the compiled loop.

    The share of the work that is done is `(record.epoch + fraction) / total_epochs`.
    """

    def start(self, total_epochs: int | None, description: str) -> None:
        """Training begins, or goes on from a checkpoint.

        Args:
            total_epochs: how many at most; None where time decides how many there will be.
            description: of the run.
        """

    def update(self, record: EpochRecord, time_left_seconds: float | None, fraction: float) -> None:
        """Training got further.

        Args:
            record: the latest finished epoch; number 0 is the model as it came.
            time_left_seconds: estimate of the most it can still take; None while unknown.
                Early stopping may end it sooner.
            fraction: how far the epoch after `record` is, from 0 to below 1.
        """

    def stop(self, outcome: Outcome | None) -> None:
        """Training ended; None if by an error."""


class SilentProgress:
    """Tells nobody."""

    def start(self, total_epochs: int | None, description: str) -> None:
        """Nothing to tell."""

    def update(self, record: EpochRecord, time_left_seconds: float | None, fraction: float) -> None:
        """Nothing to tell."""

    def stop(self, outcome: Outcome | None) -> None:
        """Nothing to tell."""
