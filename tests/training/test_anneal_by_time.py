"""A learning rate that falls with the time, on a machine whose speed the test decides."""

import dataclasses
import os
import signal
import types

import pytest

from retrodict.errors import ConfigurationError
from retrodict.training import Outcome, TrainingConfig, pace, run, train

CONFIG = TrainingConfig(
    batch_size=32,
    learning_rate=0.1,
    max_epochs=1,
    max_seconds=60,
    anneal_by_time=True,
    patience=None,
)


@pytest.fixture
def machine(monkeypatch):
    """Runs training by a clock of its own: `seconds_per_step(now)`, and nothing else takes time."""
    run_steps = run.run_steps

    def with_speed(seconds_per_step):
        now = [0.0]

        def timed(program_and_window, state):
            _, _, start, stop = program_and_window
            for _ in range(int(stop) - int(start)):
                now[0] += seconds_per_step(now[0])
            return run_steps(program_and_window, state)

        clock = types.SimpleNamespace(perf_counter=lambda: now[0])
        monkeypatch.setattr(run, "time", clock)
        monkeypatch.setattr(pace, "time", clock)
        monkeypatch.setattr(run, "run_steps", timed)
        return now

    return with_speed


def fit(regression, key, config=CONFIG, **options):
    return train(
        regression.model,
        regression.loss,
        regression.data,
        regression.validation_data,
        key=key,
        config=config,
        **options,
    )


@pytest.mark.parametrize(
    ("seconds_per_step", "num_steps"),
    [
        (lambda now: 0.05, 1200),
        (lambda now: 0.2, 300),
        (lambda now: 0.05 if now < 30 else 0.2, 750),
        (lambda now: 0.2 if now < 30 else 0.05, 750),
        (lambda now: 0.05 if now else 20.0, 801),
    ],
    ids=["fast", "slow", "slower", "faster", "compiling"],
)
def test_the_learning_rate_is_low_when_the_time_is_over(
    regression, key, machine, seconds_per_step, num_steps
):
    now = machine(seconds_per_step)
    result = fit(regression, key)
    assert result.outcome is Outcome.TIME_OUT
    assert 59 < now[0] < 61
    assert result.num_steps == pytest.approx(num_steps, abs=4)
    rates = [record.learning_rate for record in result.history]
    lowest = CONFIG.final_learning_rate_fraction * CONFIG.learning_rate
    assert rates[-1] == pytest.approx(lowest, rel=0.02)
    assert max(rates) > 0.9 * CONFIG.learning_rate
    # Halfway through the time it is halfway down, however many steps that took.
    begun = seconds_per_step(0.0)
    halfway = begun + 0.525 * (60 - begun)
    middle = min(result.history, key=lambda record: abs(record.seconds - halfway))
    assert 0.3 < middle.learning_rate / CONFIG.learning_rate < 0.7


def test_its_end_is_that_of_the_schedule_over_as_many_steps(regression, key, machine):
    machine(lambda now: 0.05)
    by_time = fit(regression, key)
    by_steps = fit(
        regression,
        key,
        dataclasses.replace(CONFIG, anneal_by_time=False, max_steps=by_time.num_steps),
    )
    assert by_steps.num_steps == by_time.num_steps
    assert by_steps.outcome is Outcome.EXHAUSTED
    pairs = zip(by_time.history[10:], by_steps.history[10:], strict=True)
    for of_time, of_steps in pairs:
        assert of_time.learning_rate == pytest.approx(of_steps.learning_rate, rel=0.05)
    assert by_time.best_validation_loss == pytest.approx(by_steps.best_validation_loss, rel=0.01)


def test_a_resumed_run_has_the_time_that_is_left(regression, key, machine, recorder, tmp_path):
    machine(lambda now: 0.05)
    checkpoint = tmp_path / "run.checkpoint"
    whole = fit(regression, key)
    machine_stops = recorder(
        lambda self: os.kill(os.getpid(), signal.SIGINT) if len(self.updates) == 60 else None
    )
    part = fit(regression, key, checkpoint=checkpoint, progress=machine_stops)
    assert part.outcome is Outcome.INTERRUPTED
    rest = fit(regression, key, checkpoint=checkpoint)
    assert rest.outcome is Outcome.TIME_OUT
    assert rest.num_steps == pytest.approx(whole.num_steps, abs=4)
    assert rest.history[-1].learning_rate == pytest.approx(0.001, rel=0.02)


def test_progress_is_told_that_nobody_knows_how_many_epochs(regression, key, machine, recorder):
    machine(lambda now: 0.05)
    progress = recorder()
    fit(regression, key, progress=progress)
    assert progress.started == [(None, "training")]
    left = [time_left for _, time_left, _ in progress.updates]
    assert left[0] == pytest.approx(60)
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.1


def test_annealing_by_time_needs_a_time():
    with pytest.raises(ConfigurationError, match="anneal_by_time"):
        TrainingConfig(anneal_by_time=True)
