"""The engine: complete rows, failures that cost one row, and going on where it stopped."""

import json
import shutil
import signal
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from odd_solvers import Odd
from small_comparison import BUDGET, small

from retrodict.cli.evaluate import evaluate
from retrodict.comparison import Budget, ComparisonInterrupted, compare, engine
from retrodict.comparison.against_problem import AgainstProblem, held_out_pairs
from retrodict.comparison.folder import ComparisonFolder
from retrodict.diagnostics import resimulation_error
from retrodict.errors import (
    BundleCorruptedError,
    BundleNotFoundError,
    ConfigurationError,
    OutputExistsError,
    OutputNotWritableError,
)
from retrodict.training.progress import SilentProgress

judging = sys.modules["retrodict.comparison.judge"]

# Of one row, but for how long things took.
NUMBERS = (
    "mmd_mean",
    "mmd_median",
    "c2st_mean",
    "resimulation_mean",
    "resimulation_median",
    "calibration_error",
    "width_68",
    "sbc_p_value",
    "num_parameters",
)


def numbers(comparison, name):
    [row] = [row for row in comparison.rows if row.name == name]
    return [getattr(row, key) for key in NUMBERS]


@pytest.fixture
def copied(made, tmp_path):
    return shutil.copytree(made[1], tmp_path / "copied")


@pytest.fixture
def nothing_is_judged(monkeypatch):
    def judged(name, *args, **kwargs):
        raise AssertionError(f"{name} was judged again")

    monkeypatch.setattr(engine, "judge", judged)


def test_every_solver_has_its_row_best_first_and_failures_last(made):
    rows = made[0].rows
    assert {row.name for row in rows[:2]} == {"flow", "table"}
    assert rows[0].mmd_mean <= rows[1].mmd_mean
    for row in rows[:2]:
        values = [row.training_seconds, row.seconds_per_1000_draws, row.evaluation_seconds]
        values += [
            getattr(row, key) for key in NUMBERS if key not in ("num_parameters", "c2st_mean")
        ]
        assert np.isfinite(values).all()
        assert row.training_seconds > 0
        assert row.seconds_per_1000_draws > 0
        assert row.c2st_mean is None
        assert row.error == ""
    [flow] = [row for row in rows if row.name == "flow"]
    assert flow.num_parameters > 100
    assert flow.settings["max_epochs"] == 3


def test_the_row_of_a_solver_that_fails_says_why(made):
    refusing, broken = ([row for row in made[0].failed if row.name == n] for n in
                        ("refusing", "broken"))  # fmt: skip
    assert refusing[0].error == "This solver cannot do it. Take another."
    assert refusing[0].traceback == ""
    assert broken[0].error.startswith("ValueError: bad | luck")
    assert "odd_solvers.py" in broken[0].traceback
    assert refusing[0].mmd_mean is None


def test_numbers_are_those_of_a_check(made, moons):
    """The same solver, trained and judged as `run` does it."""
    solver = small(random_state=0).fit_problem(moons, num_simulations=300)
    evaluation = evaluate(solver, held_out_pairs(moons, 20, 0), moons)
    expected = [
        evaluation.comparison.mismatch.mean,
        evaluation.comparison.mismatch.median,
        evaluation.comparison.resimulation.mean,
        evaluation.calibration.error,
        evaluation.ranks.p_values.min(),
    ]
    [row] = [row for row in made[0].rows if row.name == "flow"]
    ours = [row.mmd_mean, row.mmd_median, row.resimulation_mean, row.calibration_error]
    np.testing.assert_allclose([*ours, row.sbc_p_value], expected, rtol=1e-12)


@pytest.mark.parametrize("num", [0, 1, 2])
def test_the_classifier_compares_the_first_observations(rng, num, monkeypatch):
    def classified(first, second):
        return SimpleNamespace(accuracy=(first - second).mean())

    monkeypatch.setattr(judging, "c2st", classified)
    exact, draws = rng.normal(size=(2, 3, 60, 2))
    again = resimulation_error(draws, draws[:, 0])
    compared = AgainstProblem(draws, exact, None, draws, again)
    accuracy = judging._c2st(compared, Budget(num_c2st=num))
    if num == 0:
        assert accuracy is None
        return
    each = [(exact[i] - draws[i]).mean() for i in range(num)]
    assert accuracy == pytest.approx(np.mean(each))
    assert judging._c2st(replace(compared, exact=None), Budget(num_c2st=num)) is None


def test_solvers_stay_as_they_are(made, solvers):
    assert not solvers["flow"].__sklearn_is_fitted__()


@pytest.mark.usefixtures("nothing_is_judged")
def test_a_finished_comparison_is_read_not_repeated(made, moons, solvers, copied):
    wanted = {name: solvers[name] for name in ("flow", "table")}
    for odd in ("refusing", "broken"):
        record = json.loads((copied / "comparison.json").read_text())
        del record["solvers"][odd]
        (copied / "comparison.json").write_text(json.dumps(record))
    again = compare(moons, wanted, **BUDGET, folder=copied, resume=True)
    for name in wanted:
        assert numbers(again, name) == numbers(made[0], name)
        np.testing.assert_array_equal(again.draws[name], made[0].draws[name])


def test_failed_rows_are_tried_again_and_new_solvers_added(moons, solvers, copied, monkeypatch):
    tried = []
    judge = engine.judge

    def noted(name, *args, **kwargs):
        tried.append(name)
        return judge(name, *args, **kwargs)

    monkeypatch.setattr(engine, "judge", noted)
    more = {**solvers, "new": Odd("breaks")}
    again = compare(moons, more, **BUDGET, folder=copied, resume=True)
    assert tried == ["refusing", "broken", "new"]
    assert len(again.rows) == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "seed: 0 then, 1 now"),
        ({"num_simulations": 301}, "num_simulations: 300 then, 301 now"),
        ({"num_c2st": 1}, "num_c2st: 0 then, 1 now"),
    ],
)
@pytest.mark.usefixtures("nothing_is_judged")
def test_another_setting_cannot_be_resumed(moons, solvers, copied, change, words):
    with pytest.raises(ConfigurationError, match=words) as caught:
        compare(moons, solvers, **{**BUDGET, **change}, folder=copied, resume=True)
    assert caught.value.hint.endswith("retrodict compare x --resume")


@pytest.mark.usefixtures("nothing_is_judged")
def test_another_solver_under_the_same_name_cannot_be_resumed(moons, solvers, copied):
    changed = {**solvers, "flow": small(max_epochs=5)}
    with pytest.raises(ConfigurationError, match="solver flow"):
        compare(moons, changed, **BUDGET, folder=copied, resume=True)
    fewer = {"flow": solvers["flow"]}
    with pytest.raises(ConfigurationError, match=r"solver table: .* None now"):
        compare(moons, fewer, **BUDGET, folder=copied, resume=True)


class CtrlCAfterAnEpoch(SilentProgress):
    def update(self, record, time_left_seconds, fraction):
        if record.epoch == 1:
            signal.raise_signal(signal.SIGINT)


def test_an_interrupted_training_goes_on_to_the_same_numbers(made, moons, solvers, tmp_path):
    wanted = {name: solvers[name] for name in ("table", "flow")}
    with pytest.raises(ComparisonInterrupted) as caught:
        compare(moons, wanted, **BUDGET, folder=tmp_path, progress=CtrlCAfterAnEpoch)
    assert [row.name for row in caught.value.finished.rows] == ["table"]
    checkpoint = tmp_path / "solvers" / "flow" / "checkpoint.safetensors"
    assert checkpoint.is_file()
    again = compare(moons, wanted, **BUDGET, folder=tmp_path, resume=True)
    assert numbers(again, "flow") == numbers(made[0], "flow")
    assert not checkpoint.exists()


def test_processes_give_the_same_numbers_and_one_that_dies_costs_its_row_only(
    made, moons, solvers, tmp_path
):
    wanted = {"flow": solvers["flow"], "dying": Odd("dies")}
    comparison = compare(moons, wanted, **BUDGET, folder=tmp_path / "new", processes=2)
    assert numbers(comparison, "flow") == numbers(made[0], "flow")
    [dead] = comparison.failed
    assert dead.name == "dying"
    assert "exit code 3" in dead.error


def test_what_cannot_travel_to_a_process_is_named(moons, tmp_path):
    solver = small()
    solver.flow = lambda: None
    rows = engine.in_processes(
        {"local": solver},
        moons,
        Budget(),
        ComparisonFolder(tmp_path),
        num_processes=2,
        tell=lambda message: None,
    )
    with pytest.raises(ConfigurationError, match="local cannot be sent to another process"):
        next(rows)


def test_an_older_comparison_is_kept_unless_forced(made, moons, copied, tmp_path):
    odd = {"odd": Odd()}
    with pytest.raises(OutputExistsError, match="exists already"):
        compare(moons, odd, **BUDGET, folder=copied)
    (copied / "mine.txt").touch()
    assert len(compare(moons, odd, **BUDGET, folder=copied, force=True).rows) == 1
    assert not (copied / "solvers" / "flow").exists()
    assert (copied / "mine.txt").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    with pytest.raises(OutputNotWritableError, match="not a comparison"):
        compare(moons, odd, **BUDGET, folder=tmp_path / "other", force=True)


@pytest.mark.parametrize(
    "arguments",
    [{"num_held_out": 19}, {"num_c2st": -1}, {"processes": 0}, {"resume": True}],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(moons, arguments):
    with pytest.raises(ConfigurationError):
        compare(moons, {"odd": Odd()}, **{**BUDGET, **arguments})
    with pytest.raises(ConfigurationError, match="no solver"):
        compare(moons, {}, **BUDGET)


def test_damage_is_named(moons, solvers, copied, tmp_path):
    row = copied / "solvers" / "flow" / "row.json"
    row.write_text(row.read_text()[:50])
    with pytest.raises(BundleCorruptedError, match=r"row\.json"):
        compare(moons, solvers, **BUDGET, folder=copied, resume=True)
    row.write_text("{}")
    with pytest.raises(BundleCorruptedError, match="another version"):
        compare(moons, solvers, **BUDGET, folder=copied, resume=True)
    with pytest.raises(BundleNotFoundError, match="holds no comparison"):
        compare(moons, solvers, **BUDGET, folder=tmp_path / "nothing", resume=True)
