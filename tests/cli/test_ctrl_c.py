"""Ctrl-C at any moment: exit code 130, nothing learned is lost, and the run can go on."""

import gc
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from retrodict import load
from retrodict.cli import progress
from retrodict.cli.interrupts import postponed_interrupts, reliable_interrupts
from retrodict.training.result import Outcome


class CtrlCAfter:
    """Listens to training and presses Ctrl-C after an epoch."""

    def __init__(self, epoch, times=1):
        self.epoch = epoch
        self.times = times

    def start(self, total_epochs, description):
        pass

    def update(self, record, time_left_seconds, fraction):
        if record.epoch == self.epoch and self.times:
            self.times -= 1
            signal.raise_signal(signal.SIGINT)

    def stop(self, outcome):
        pass


def weights(run):
    _, arrays = load(run / "model").to_state()
    return arrays


def test_ctrl_c_in_training_keeps_the_best_model_and_resume_goes_on_exactly(
    retrodict, moons, moons_words, tmp_path, monkeypatch
):
    run = tmp_path / "run"
    monkeypatch.setattr(progress, "training_progress", lambda: CtrlCAfter(1))
    answer = retrodict(*moons_words, "--output", run)
    assert answer.code == 130
    assert f"{run / 'model'}" in answer.err
    assert "--resume" in answer.err
    assert load(run / "model").outcome_ is Outcome.INTERRUPTED
    assert load(run / "model").history_["epoch"].max() < 3

    monkeypatch.undo()
    answer = retrodict(*moons_words, "--output", run, "--resume")
    assert answer.code == 0
    assert (run / "report.html").is_file()
    uninterrupted, resumed = weights(moons), weights(run)
    assert uninterrupted.keys() == resumed.keys()
    for name, array in uninterrupted.items():
        np.testing.assert_array_equal(array, resumed[name])
    assert not (run / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("moment", ["simulations", "fit_problem"])
def test_ctrl_c_before_there_is_a_model_leaves_no_folder(
    retrodict, moons_words, tmp_path, monkeypatch, moment
):
    owner = {
        "simulations": "retrodict.problems.base.AbstractJaxProblem.simulations",
        "fit_problem": "retrodict.solvers.ConditionalFlow.fit_problem",
    }[moment]

    def pressed(*args, **kwargs):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(owner, pressed)
    answer = retrodict(*moons_words, "--output", tmp_path / "run")
    assert answer.code == 130
    assert "nothing was saved" in answer.err
    assert not (tmp_path / "run").exists()


def test_ctrl_c_in_the_check_says_where_the_model_is(
    retrodict, moons_words, tmp_path, monkeypatch, moons
):
    def pressed(*args, **kwargs):
        signal.raise_signal(signal.SIGINT)

    run = tmp_path / "run"
    monkeypatch.setattr("retrodict.cli.evaluate.evaluate", pressed)
    answer = retrodict(*moons_words, "--output", run)
    assert answer.code == 130
    assert str(run / "model") in answer.err
    assert "retrodict report" in answer.err
    monkeypatch.undo()
    assert retrodict("report", run).code == 0
    again, before = (json.loads((path / "metrics.json").read_text()) for path in (run, moons))
    # All but the time that training took.
    assert again.pop("training")["num_epochs"] == before.pop("training")["num_epochs"]
    assert again == before


def test_a_real_ctrl_c_in_a_real_process(tmp_path):
    """Pressed once training has begun, as seen on stderr."""
    run = tmp_path / "run"
    words = ("run", "two-moons", "-n", "2000", "--max-epochs", "100000", "--patience", "100000",
             "--batch-size", "256", "--flow", "real-nvp", "--num-members", "1")  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "retrodict.cli", *words, "--output", str(run)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    said = ""
    while "training" not in said and process.poll() is None:
        said += process.stderr.readline()
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, said + err
    assert out == ""
    assert "best model so far" in err
    assert "Traceback" not in err
    assert load(run / "model").outcome_ is Outcome.INTERRUPTED


def test_ctrl_c_inside_a_callback_of_the_garbage_collector_is_not_lost():
    def callback(phase, info):
        if phase == "start":
            signal.raise_signal(signal.SIGINT)

    @reliable_interrupts()
    def work():
        gc.callbacks.append(callback)
        try:
            gc.collect()
        finally:
            gc.callbacks.remove(callback)
        # In small pieces: a signal that another thread raises does not wake one that sleeps.
        for _ in range(500):
            time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        work()


def test_ctrl_c_waits_until_a_model_is_written():
    written = []

    @postponed_interrupts()
    def write():
        signal.raise_signal(signal.SIGINT)
        written.append("model")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert written == ["model"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
