"""Nested subsets, kept points, and going on where a curve stopped."""

import json

import numpy as np
import pandas as pd
import pytest

from retrodict.budget import LearningCurve, Point, curve, learning_curve
from retrodict.comparison.against_problem import HeldOut
from retrodict.diagnostics import calibration_error
from retrodict.errors import (
    BundleCorruptedError,
    BundleNotFoundError,
    ConfigurationError,
    OutputExistsError,
    OutputNotWritableError,
    TooFewRowsError,
)
from retrodict.solvers import RejectionABC

SIZES = (100, 200, 400)


def pairs(seed, num):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num, 1))
    return x, x + 0.5 * rng.normal(size=(num, 1))


HELD_OUT = HeldOut(*pairs(1, 60))
X, Y = pairs(0, 400)


def measured(**settings):
    return learning_curve(RejectionABC(), X, Y, HELD_OUT, sizes=SIZES, **settings)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves") / "curve"
    return measured(folder=folder), folder


@pytest.fixture
def copied(made, tmp_path):
    import shutil

    return shutil.copytree(made[1], tmp_path / "copied")


def test_each_point_is_the_solver_on_the_first_rows(made):
    assert [point.num_pairs for point in made[0].points] == list(SIZES)
    last = made[0].points[-1]
    solver = RejectionABC(random_state=0).fit(X, Y)
    draws = solver.retrodict(HELD_OUT.y).sample(300, random_state=0)
    assert last.calibration_error == pytest.approx(calibration_error(draws, HELD_OUT.x).error)
    assert last.log_score is None
    assert 0.2 < last.rmse < 0.7
    assert last.trust in {"trust", "trust with repair", "do not trust"}


def test_table_and_sentences_hold_the_numbers(made, tmp_path):
    result = made[0]
    picture = result.write(tmp_path)
    assert picture.read_bytes().startswith(b"\x89PNG")
    read = pd.read_csv(tmp_path / "curve.csv")
    assert read["num_pairs"].tolist() == list(SIZES)
    text = (tmp_path / "curve.md").read_text()
    assert text.count("\n|") == 4
    assert str(result.projection) in text
    answer = json.loads(json.dumps(result.to_dict()))
    assert len(answer["points"]) == 3
    assert answer["projection"] == str(result.projection)
    assert answer["solver"].startswith("RejectionABC(")


def test_the_gain_by_doubling_is_per_doubling():
    points = [Point(n, 0.1, 0.05, s, 0.5, "trust", 1.0, "") for n, s in ((100, -2.0), (800, -1.4))]
    result = LearningCurve(tuple(points), 0.01, "solver", 100)
    assert result.gain_by_doubling == pytest.approx(0.2)
    assert "0.200 nats" in str(result)
    assert LearningCurve(tuple(points[:1]), 0.01, "solver", 100).gain_by_doubling is None


def test_a_cut_curve_goes_on_and_gives_the_same(made, copied, monkeypatch):
    (copied / "points" / "400.json").unlink()
    begun = []
    point = curve._point

    def counted(solver, x, *others):
        begun.append(len(x))
        return point(solver, x, *others)

    monkeypatch.setattr(curve, "_point", counted)
    again = measured(folder=copied, resume=True)
    assert begun == [400]
    for ours, theirs in zip(again.points, made[0].points, strict=True):
        assert ours.calibration_error == theirs.calibration_error


def test_further_sizes_may_be_added(copied):
    result = learning_curve(
        RejectionABC(), X, Y, HELD_OUT, sizes=[100, 300], folder=copied, resume=True
    )
    assert [point.num_pairs for point in result.points] == [100, 300]
    assert (copied / "points" / "300.json").is_file()
    assert (copied / "points" / "400.json").is_file()


@pytest.mark.parametrize("settings", [{"seed": 1}, {"wanted": 1.0}], ids=str)
def test_other_settings_are_not_resumed(copied, settings):
    with pytest.raises(ConfigurationError):
        measured(folder=copied, resume=True, **settings)


def test_other_data_are_not_resumed(copied):
    with pytest.raises(ConfigurationError, match="data"):
        learning_curve(RejectionABC(), X + 1, Y, HELD_OUT, folder=copied, resume=True)


def test_an_older_curve_is_replaced_only_on_request(copied, tmp_path):
    with pytest.raises(OutputExistsError, match="--resume"):
        measured(folder=copied)
    (copied / "mine.txt").write_text("keep")
    learning_curve(RejectionABC(), X, Y, HELD_OUT, sizes=[200], folder=copied, force=True)
    assert (copied / "mine.txt").exists()
    assert [path.name for path in (copied / "points").iterdir()] == ["200.json"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("keep")
    with pytest.raises(OutputNotWritableError, match="not a learning curve"):
        measured(folder=other, force=True)
    with pytest.raises(BundleNotFoundError):
        measured(folder=other, resume=True)


@pytest.mark.parametrize("damage", ["{", "[]", '{"num_pairs": 100}'])
def test_a_damaged_point_is_refused(copied, damage):
    (copied / "points" / "100.json").write_text(damage)
    with pytest.raises(BundleCorruptedError):
        measured(folder=copied, resume=True)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sizes": [500]}, "there are 400"),
        ({"sizes": [10]}, "at least"),
        ({"sizes": []}, "at least"),
        ({"held_out": HeldOut(HELD_OUT.x[:10], HELD_OUT.y[:10])}, "at least 20 held-out"),
    ],
    ids=["more than there are", "too few", "none", "few held out"],
)
def test_too_few_pairs_are_refused(settings, says):
    arguments = {"held_out": HELD_OUT} | settings
    with pytest.raises(TooFewRowsError, match=says):
        learning_curve(RejectionABC(), X, Y, **arguments)


def test_sizes_are_halves_of_halves_by_default():
    assert curve._sizes(None, 1600) == (100, 200, 400, 800, 1600)
    assert min(curve._sizes(None, 400)) >= 50
