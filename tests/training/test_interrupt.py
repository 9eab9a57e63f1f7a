import os
import signal
import threading
import time

import pytest

from retrodict.training import Outcome, TrainingConfig, train
from retrodict.training.interrupt import deferred_interrupt

CONFIG = TrainingConfig(batch_size=16, learning_rate=0.1, max_epochs=10**6, patience=None)


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


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


def test_ctrl_c_returns_the_best_model(regression, key, recorder):
    handler = signal.getsignal(signal.SIGINT)
    progress = recorder(lambda self: press_ctrl_c() if len(self.updates) == 30 else None)
    result = fit(regression, key, progress=progress)
    assert result.outcome is Outcome.INTERRUPTED
    assert len(progress.updates) == 30
    assert progress.stopped == [Outcome.INTERRUPTED]
    losses = [record.validation_loss for record in result.history]
    assert result.best_validation_loss == min(losses) < losses[0]
    assert signal.getsignal(signal.SIGINT) is handler


def test_ctrl_c_inside_an_epoch_counts_what_was_trained_of_it(regression, key, recorder):
    # One epoch that would take for ever: 12 steps, one per call, stopped after 8.
    config = TrainingConfig(
        batch_size=16, learning_rate=0.1, max_epochs=1, warmup_fraction=0.0, steps_per_call=1
    )
    progress = recorder(lambda self: press_ctrl_c() if len(self.updates) == 9 else None)
    result = fit(regression, key, config, progress=progress)
    assert result.outcome is Outcome.INTERRUPTED
    assert progress.updates[-1][2] == pytest.approx(8 / 12)
    assert [record.epoch for record in result.history] == [0, 1]
    assert result.best_epoch == 1


def test_ctrl_c_from_outside_while_the_device_works(regression, key):
    timer = threading.Timer(4.0, press_ctrl_c)
    timer.start()
    started = time.monotonic()
    try:
        result = fit(regression, key)
    finally:
        timer.join()
    assert result.outcome is Outcome.INTERRUPTED
    assert time.monotonic() - started < 20


def test_the_second_ctrl_c_stops_at_once(regression, key, recorder):
    handler = signal.getsignal(signal.SIGINT)

    def twice(self):
        if len(self.updates) == 5:
            press_ctrl_c()
            press_ctrl_c()

    progress = recorder(twice)
    with pytest.raises(KeyboardInterrupt):
        fit(regression, key, progress=progress)
    assert progress.stopped == [None]
    assert signal.getsignal(signal.SIGINT) is handler


def test_training_works_in_another_thread(regression, key):
    results = []
    config = TrainingConfig(batch_size=16, max_epochs=2)
    thread = threading.Thread(target=lambda: results.append(fit(regression, key, config)))
    thread.start()
    thread.join()
    assert results[0].outcome is Outcome.EXHAUSTED


def test_a_process_that_ignores_ctrl_c_goes_on_ignoring_it():
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred_interrupt() as interrupt:
            press_ctrl_c()
        assert not interrupt.requested
    finally:
        signal.signal(signal.SIGINT, previous)
