"""`run --online`: simulations are made while training."""

import io
import json

import pandas as pd
import pytest
from rich.console import Console

from retrodict import load
from retrodict.cli import progress
from retrodict.cli.run_folder import RunFolder
from retrodict.solvers import online
from retrodict.training.result import EpochRecord, Outcome

WORDS = ("run", "two-moons", "--num-held-out", "50", "--batch-size", "256", "--flow", "real-nvp",
         "--num-members", "1")  # fmt: skip
RECORD = EpochRecord(
    epoch=2,
    training_loss=-1.0,
    validation_loss=-1.25,
    learning_rate=1e-3,
    seconds=1.0,
    steps_per_second=200.0,
    num_skipped=0,
)


def test_a_run_may_simulate_while_training(retrodict, monkeypatch, tmp_path):
    monkeypatch.setattr(online, "NUM_PILOT", 400)
    monkeypatch.setattr(online, "NUM_HELD_OUT", 200)
    run = tmp_path / "run"
    words = (*WORDS, "--online", "--max-steps", "7", "--output", run)
    answer = retrodict(*words)
    assert answer.code == 0
    assert "simulating two-moons while training" in answer.err
    settings = RunFolder(run).read_record().settings
    assert settings["online"] is True
    assert settings["max_steps"] == 7
    assert "num_simulations" not in settings
    assert load(run / "model").num_rows_ == 600 + 7 * 256
    assert list(pd.read_csv(run / "history.csv")["epoch"]) == [0, 1]
    assert "Trained on 2,392 simulated pairs" in (run / "report.html").read_text()
    again = retrodict(*words, "--resume", "--json")
    assert "finished already" in again.err
    assert json.loads(again.out)["training"]["outcome"] == "exhausted"
    other = retrodict(*words[:-2], "--seed", "1", "--output", run, "--resume")
    assert other.code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--online",), "exactly one limit"),
        (("--online", "--max-steps", "5", "-n", "5000"), "got num_simulations and max_steps"),
        (("--max-steps", "5"), "online"),
    ],
    ids=["no limit", "two limits", "not online"],
)
def test_limits_that_make_no_sense_are_refused(retrodict, tmp_path, words, said):
    answer = retrodict(*WORDS, *words, "--output", tmp_path / "run")
    assert answer.code == 2
    assert said in answer.err
    assert not (tmp_path / "run").exists()


def test_where_time_decides_progress_is_by_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    listener = progress.training_progress(Console(file=stream, width=200))
    listener.start(None, "training")
    now[0] += 15.0
    listener.update(RECORD, 45.0, 0.5)
    listener.stop(Outcome.TIME_OUT)
    assert stream.getvalue().splitlines() == [
        "training: until its time is used",
        "training: 25%, epoch 2, held-out loss -1.25, 200 steps/s, at most 0:45 left",
        Outcome.TIME_OUT.sentence,
    ]
