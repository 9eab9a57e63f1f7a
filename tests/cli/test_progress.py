"""Training as people see it: a bar on a terminal, a few lines in a pipe."""

import io

import pytest
from rich.console import Console

from retrodict.cli import progress
from retrodict.training.result import EpochRecord, Outcome


def record(epoch: int) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        training_loss=-1.0,
        validation_loss=-1.2345678,
        learning_rate=1e-3,
        seconds=1.0,
        steps_per_second=1234.5,
        num_skipped=0,
    )


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test can move on."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def told(num_epochs: int, seconds_per_epoch: float, clock: list[float]) -> list[str]:
    """The lines that a whole training leaves in a pipe."""
    stream = io.StringIO()
    listener = progress.training_progress(Console(file=stream, width=200))
    listener.start(num_epochs, "training")
    for epoch in range(num_epochs + 1):
        listener.update(record(epoch), 125.0 - epoch, 0.0)
        clock[0] += seconds_per_epoch
    listener.stop(Outcome.EXHAUSTED)
    return stream.getvalue().splitlines()


def test_a_line_has_loss_rate_and_time_left(clock):
    lines = told(100, 1.0, clock)
    assert (
        "training: 10%, epoch 10/100, held-out loss -1.235, 1,234 steps/s, at most 1:55 left"
        in lines
    )


@pytest.mark.parametrize(
    ("num_epochs", "seconds_per_epoch", "num_lines"),
    [(100, 1.0, 10), (100, 0.001, 0), (10, 60.0, 10), (100, 10.0, 40)],
    ids=["one per tenth", "quick", "slow epochs", "long run"],
)
def test_a_pipe_is_not_flooded(num_epochs, seconds_per_epoch, num_lines, clock):
    first, *lines, last = told(num_epochs, seconds_per_epoch, clock)
    assert first == f"training: at most {num_epochs} epochs"
    assert last == Outcome.EXHAUSTED.sentence
    assert len(lines) == num_lines


def test_an_error_needs_no_closing_sentence(clock):
    stream = io.StringIO()
    listener = progress.training_progress(Console(file=stream))
    listener.start(3, "training")
    listener.stop(None)
    assert stream.getvalue() == "training: at most 3 epochs\n"


def test_a_terminal_gets_a_bar():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80)
    listener = progress.training_progress(console)
    listener.start(4, "training")
    listener.update(record(1), 61.0, 0.5)
    listener._bar.refresh()
    listener.stop(Outcome.CONVERGED)
    text = stream.getvalue()
    assert "38 %" in text
    assert "1/4, loss -1.235, 1234 steps/s, 1:01 left" in text
    assert Outcome.CONVERGED.sentence in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(5.2, "0:05"), (125, "2:05"), (3600, "1:00:00"), (59.9, "1:00")]
)
def test_durations(seconds, text):
    assert progress.duration(seconds) == text
