"""`retrodict curve`: a table on stdout, a folder to go on from."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from retrodict.budget import Point

ARGUMENTS = ("two-moons", "--solver", "abc", "--size", "150", "--size", "300")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("curve") / "moons"


def again_as_json(retrodict, folder):
    again = retrodict(
        "curve", *ARGUMENTS, "--num-held-out", "40", "-o", folder, "--resume", "--json"
    )
    assert again.code == 0
    assert "150 pairs: finished already" in again.err
    assert [p["num_pairs"] for p in json.loads(again.out)["points"]] == [150, 300]
    return again.out


def test_a_curve_and_its_resumption(retrodict, folder):
    first = retrodict("curve", *ARGUMENTS, "--num-held-out", "40", "-o", folder)
    assert first.code == 0
    lines = first.out.splitlines()
    assert lines[0].startswith("| simulations |")
    assert [line.split("|")[1].strip() for line in lines[2:4]] == ["150", "300"]
    assert lines[-1] == json.loads(again_as_json(retrodict, folder))["projection"]
    for name in ("curve.md", "curve.csv", "curve.png", "curve.json"):
        assert (folder / name).is_file()


def test_mistakes_are_explained(retrodict, folder, tmp_path):
    answer = retrodict("curve", *ARGUMENTS, "--wanted", "2", "-o", tmp_path / "other")
    assert answer.code == 2
    assert "between 0 and 1" in answer.err
    assert retrodict("curve", "two-moonz", "-o", tmp_path / "other").code == 2


def kept_points(folder, solver, errors):
    """A curve as `retrodict curve` leaves it, without the training."""
    (folder / "points").mkdir(parents=True)
    record = {"solver": {"class": solver}, "schema_version": 1}
    (folder / "curve.json").write_text(json.dumps(record))
    for num, error in errors.items():
        point = Point(num, error, 0.004, None, 0.5, "do not trust", 1.0, "")
        (folder / "points" / f"{num}.json").write_text(json.dumps(point.to_dict()))
    return folder


def test_a_check_with_a_curve_says_how_many_simulations_help(
    retrodict, copied, moons, monkeypatch, tmp_path
):
    compared = sys.modules["retrodict.comparison.against_problem"]
    monkeypatch.setattr(compared, "NUM_COMPARED_DRAWS", 200)
    errors = {1000: 0.08, 2000: 0.056, 4000: 0.04, 8000: 0.028}
    curve = kept_points(tmp_path / "curve", "ConditionalFlow", errors)
    run = copied(moons)
    held_out = pd.read_parquet(run / "held_out.parquet")
    # True causes at random: the posteriors are much too narrow for them.
    rng = np.random.default_rng(0)
    held_out[["x1", "x2"]] = rng.uniform(-1, 1, (len(held_out), 2))
    held_out.to_parquet(run / "held_out.parquet")
    answer = retrodict("check", run, "--curve", curve)
    assert answer.code == 1
    assert "A calibration error of 1.00% is projected at about" in answer.out
    other = kept_points(tmp_path / "other", "RejectionABC", errors)
    refused = retrodict("check", run, "--curve", other)
    assert refused.code == 2
    assert "is of RejectionABC; this model is a ConditionalFlow" in refused.err
    missing = retrodict("check", run, "--curve", tmp_path)
    assert missing.code == 2
    assert "holds no learning curve" in missing.err
