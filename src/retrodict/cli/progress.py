"""How training goes, on stderr: a bar on a terminal, now and then a line in a log."""

import math
import time

from rich.console import Console
from rich.progress import BarColumn, Progress as Bar, TaskID, TextColumn

from retrodict.cli.console import stderr_console
from retrodict.training.progress import Progress
from retrodict.training.result import EpochRecord, Outcome

_FEWEST_SECONDS_BETWEEN_LINES = 2.0
_MOST_SECONDS_BETWEEN_LINES = 30.0


def training_progress(console: Console | None = None) -> Progress:
    """A bar where a person looks on, plain lines in a pipe or a file."""
    console = console or stderr_console()
    return TrainingBar(console) if console.is_terminal else TrainingLines(console)


class TrainingBar:
    """One line that is drawn anew, with loss, rate and time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._share = _Share(1)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[status]}"),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def start(self, total_epochs: int | None, description: str) -> None:
        """Draws the empty bar."""
        self._share = _Share(total_epochs)
        self._task = self._bar.add_task(description, total=1.0, status="compiling")
        self._bar.start()

    def update(self, record: EpochRecord, time_left_seconds: float | None, fraction: float) -> None:
        """Moves the bar."""
        if self._task is not None:
            self._bar.update(
                self._task,
                completed=self._share.of(record, time_left_seconds, fraction),
                status=_short_status(record, self._share.total_epochs, time_left_seconds),
            )

    def stop(self, outcome: Outcome | None) -> None:
        """Takes the bar away and says how training ended."""
        self._bar.stop()
        _say_outcome(self._console, outcome)


class TrainingLines:
    """A line every tenth of the way, or every half minute where that takes longer."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._share = _Share(1)
        self._described = ""
        self._last_time = time.monotonic()
        self._last_tenth = 0

    def start(self, total_epochs: int | None, description: str) -> None:
        """Says what begins."""
        self._share = _Share(total_epochs)
        self._described = description
        limit = (
            "until its time is used" if total_epochs is None else f"at most {total_epochs} epochs"
        )
        self._console.print(f"{description}: {limit}")

    def update(self, record: EpochRecord, time_left_seconds: float | None, fraction: float) -> None:
        """Says how far it is, unless the last line has just said it."""
        share = self._share.of(record, time_left_seconds, fraction)
        waited = time.monotonic() - self._last_time
        tenth = math.floor(10 * share + 1e-9)
        if waited < _FEWEST_SECONDS_BETWEEN_LINES or (
            waited < _MOST_SECONDS_BETWEEN_LINES and tenth == self._last_tenth
        ):
            return
        self._last_time, self._last_tenth = time.monotonic(), tenth
        status = _status(record, self._share.total_epochs, time_left_seconds)
        self._console.print(f"{self._described}: {share:.0%}, {status}")

    def stop(self, outcome: Outcome | None) -> None:
        """Says how training ended."""
        _say_outcome(self._console, outcome)


class _Share:
    """How much of the work is done: of the epochs, or of the time where time decides."""

    def __init__(self, total_epochs: int | None) -> None:
        self.total_epochs = total_epochs
        self._started = time.monotonic()

    def of(self, record: EpochRecord, time_left_seconds: float | None, fraction: float) -> float:
        """From 0 to 1."""
        if self.total_epochs is not None:
            return (record.epoch + fraction) / self.total_epochs
        used = time.monotonic() - self._started
        return used / max(used + (time_left_seconds or 0.0), 1e-9)


def _epochs(record: EpochRecord, total_epochs: int | None) -> str:
    return str(record.epoch) if total_epochs is None else f"{record.epoch}/{total_epochs}"


def _status(record: EpochRecord, total_epochs: int | None, time_left_seconds: float | None) -> str:
    parts = [
        f"epoch {_epochs(record, total_epochs)}",
        f"held-out loss {record.validation_loss:.4g}",
    ]
    if record.steps_per_second > 0:
        parts.append(f"{record.steps_per_second:,.0f} steps/s")
    if time_left_seconds is not None:
        parts.append(f"at most {duration(time_left_seconds)} left")
    return ", ".join(parts)


def _short_status(
    record: EpochRecord, total_epochs: int | None, time_left_seconds: float | None
) -> str:
    """The same in what eighty columns leave beside the bar."""
    left = "" if time_left_seconds is None else f", {duration(time_left_seconds)} left"
    return (
        f"{_epochs(record, total_epochs)}, loss {record.validation_loss:.4g}, "
        f"{record.steps_per_second:.0f} steps/s{left}"
    )


def duration(seconds: float) -> str:
    """Minutes and seconds, `2:05`, with hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _say_outcome(console: Console, outcome: Outcome | None) -> None:
    if outcome is not None:
        console.print(outcome.sentence)
