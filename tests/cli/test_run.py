"""`run`, `check` and `report`: what is left behind, and what the exit code says."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from retrodict import load
from retrodict.cli import run_folder
from retrodict.problems import get_problem


def change_held_out(run, change):
    path = run / "held_out.parquet"
    change(pd.read_parquet(path)).to_parquet(path)


def test_a_run_leaves_everything_behind(moons):
    names = {path.name for path in moons.iterdir()}
    assert names == {
        "model",
        "metrics.json",
        "report.html",
        "history.csv",
        "held_out.parquet",
        "run.json",
    }
    assert list(pd.read_csv(moons / "history.csv")["epoch"]) == [0, 1, 2, 3]
    solver = load(moons / "model")
    assert solver.history_["epoch"].max() == 3
    assert solver.num_members == 1
    metrics = json.loads((moons / "metrics.json").read_text())
    assert {"calibration_error", "resimulation_error", "posterior_mismatch"} <= set(metrics)
    assert metrics["training"]["num_epochs"] == 3
    page = (moons / "report.html").read_text()
    assert "retrodict run two-moons" in page
    assert "--force" not in page


def test_held_out_pairs_are_none_of_those_trained_on(moons):
    x, _ = get_problem("two-moons").simulations(__import__("jax").random.key(0), 2000)
    held_out = pd.read_parquet(moons / "held_out.parquet")
    assert len(held_out) == 50
    assert not np.isin(held_out["x1"].to_numpy().astype(np.float32), x[:, 0]).any()


def test_the_record_says_how_to_repeat_the_run(moons):
    record = run_folder.RunFolder(moons).read_record()
    assert record.command.startswith("retrodict run two-moons -n 2000 ")
    assert record.settings["seed"] == 0
    assert record.versions["jax"]
    assert record.state is run_folder.State.FINISHED


def test_an_older_run_is_not_overwritten(retrodict, moons, moons_words):
    before = (moons / "metrics.json").stat().st_mtime_ns
    answer = retrodict(*moons_words, "--output", moons)
    assert answer.code == 2
    assert "--force" in answer.err
    assert (moons / "metrics.json").stat().st_mtime_ns == before


def test_a_finished_run_is_not_repeated(retrodict, moons, moons_words):
    answer = retrodict(*moons_words, "--output", moons, "--resume", "--json")
    assert answer.code == 0
    assert "finished already" in answer.err
    assert json.loads(answer.out)["training"]["num_epochs"] == 3


def test_resuming_something_else_is_refused(retrodict, moons, moons_words):
    answer = retrodict(*moons_words, "--seed", "1", "--output", moons, "--resume")
    assert answer.code == 2
    assert "seed: 0 then, 1 now" in answer.err


def test_forcing_replaces_a_run_and_prints_its_folder(retrodict, copied, moons, moons_words):
    run = copied(moons)
    (run / "metrics.json").unlink()
    answer = retrodict(*moons_words, "--output", run, "--force")
    assert answer.code == 0
    assert answer.out == f"{run}\n"
    assert (run / "metrics.json").is_file()
    assert "held-out loss" in answer.err or "epochs" in answer.err


def test_an_unwritable_place_is_named(retrodict, moons_words, tmp_path):
    (tmp_path / "file").touch()
    answer = retrodict(*moons_words, "--output", tmp_path / "file" / "run")
    assert answer.code == 2
    assert answer.err.startswith("error: ")
    assert "cannot be written" in answer.err


def test_a_failure_before_training_leaves_no_folder(retrodict, moons_words, tmp_path):
    answer = retrodict(*moons_words, "-n", "10", "--output", tmp_path / "run")
    assert answer.code == 2
    assert "error: " in answer.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("center", "spread", "code"),
    [(0.0, 1.0, 0), (0.0, 0.5, 1), (0.0, 2.0, 1), (0.5, 1.0, 1)],
    ids=["calibrated", "too wide", "too narrow", "shifted"],
)
def test_the_exit_code_of_check_is_its_answer(
    retrodict, copied, moons, monkeypatch, center, spread, code
):
    """Held-out pairs drawn from the model itself are calibrated; changed ones are not."""
    compared = sys.modules["retrodict.comparison.against_problem"]
    monkeypatch.setattr(compared, "NUM_COMPARED_DRAWS", 200)
    run = copied(moons)
    model = load(run / "model")
    rng = np.random.default_rng(5)
    y = pd.read_parquet(run / "held_out.parquet")[["y1", "y2"]].to_numpy()
    y = np.concatenate([y, y, y, y])
    draws = model.retrodict(y).sample(500, random_state=77)
    truth = draws[np.arange(len(y)), rng.integers(500, size=len(y))]
    middle, width = draws.mean(axis=1), draws.std(axis=1)
    truth = middle + spread * (truth - middle) + center * width
    # Reflected at the bounds of the prior, beyond which there is no true cause.
    truth = np.where(np.abs(truth) > 1, 2 * np.sign(truth) - truth, truth)
    frame = pd.DataFrame(np.c_[truth, y], columns=["x1", "x2", "y1", "y2"])
    change_held_out(run, lambda _: frame)
    answer = retrodict("check", run, "--num-draws", "300")
    assert answer.code == code
    assert answer.out.startswith("Trust: ") == (code == 0)
    assert ("What is most likely to help:" in answer.out) == (code == 1)
    if code == 0:
        as_json = retrodict("check", run, "--num-draws", "300", "--json")
        assert as_json.code == code
        assert json.loads(as_json.out)["passed"]


def test_too_few_pairs_cannot_tell(retrodict, copied, moons):
    run = copied(moons)
    change_held_out(run, lambda frame: frame.head(10))
    answer = retrodict("check", run)
    assert answer.code == 2
    assert answer.out == ""
    assert "at least 20" in answer.err


def test_the_report_can_be_written_again(retrodict, copied, moons):
    run = copied(moons)
    before = json.loads((run / "metrics.json").read_text())
    (run / "report.html").unlink()
    (run / "metrics.json").unlink()
    answer = retrodict("report", run)
    assert answer.code == 0
    assert answer.out == f"{run / 'report.html'}\n"
    assert "<html" in (run / "report.html").read_text()
    assert json.loads((run / "metrics.json").read_text()) == before


def test_held_out_pairs_of_another_run_are_refused(retrodict, copied, moons):
    run = copied(moons)
    change_held_out(run, lambda frame: frame.rename(columns={"x1": "x9"}))
    answer = retrodict("check", run)
    assert answer.code == 2
    assert "x9" in answer.err


def test_a_damaged_model_is_named(retrodict, copied, moons):
    run = copied(moons)
    weights = run / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    for words in (("check", run), ("report", run), ("sample", run, "--y", "y1=0,y2=0")):
        answer = retrodict(*words)
        assert answer.code == 2
        assert answer.err.startswith("error: ")
        assert "Traceback" not in answer.err
