"""The engine: right measures, failures that cost their rows, and going on where it stopped."""

import json
import multiprocessing
import shutil
import signal
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from moons import Moons

from retrodict.bench import BenchInterrupted, engine, judge as judge_module, sbibm
from retrodict.bench.cold_start import cold_start
from retrodict.bench.judge import Failure, Judges, judge, judges
from retrodict.bench.row import Judgement
from retrodict.diagnostics import c2st
from retrodict.errors import (
    BundleCorruptedError,
    BundleNotFoundError,
    BundleVersionError,
    ConfigurationError,
    DataError,
    OutputExistsError,
    TooFewRowsError,
)

MEASURES = ["task", "num_simulations", "seed", "num_observation", "c2st", "mmd"]


def measures(bench):
    return bench.to_frame()[MEASURES].to_numpy().tolist()


@pytest.fixture
def copied(made, tmp_path):
    return shutil.copytree(made[1], tmp_path / "copied")


def case(folder, num=60, seed=1):
    return folder / "cases" / "two-moons" / str(num) / f"seed-{seed}"


def test_the_exact_posterior_passes_and_wide_and_narrow_ones_do_not():
    """By 500 draws: C2ST of exact draws has a standard error of about .5 / sqrt(1000)."""
    told = {"tasks": ["two-moons"], "budgets": [60], "num_draws": 500, "fast_c2st": True}
    found = {
        way: sbibm(Moons(way), observations=[1], **told).summaries[0]
        for way in ("exact", "wide", "narrow")
    }
    assert abs(found["exact"].c2st_mean - 0.5) < 4 * 0.5 / np.sqrt(1000)
    assert abs(found["exact"].mmd_mean) < 0.006
    for way in ("wide", "narrow"):
        assert found[way].c2st_mean > 0.7
        assert found[way].mmd_mean > 0.006


def test_measures_are_those_of_sbibm(rng, monkeypatch):
    """The classifier is tested where it is at home; MMD^2 here, beside its definition."""
    monkeypatch.setattr(judge_module, "c2st", c2st)
    reference, draws = rng.normal(size=(80, 1)), rng.normal(0.3, 1.5, size=(80, 1))
    found = judge(reference, draws, fast=False)
    assert found.c2st == c2st(reference, draws).accuracy != c2st(draws, reference).accuracy

    def distances(a, b):
        return np.linalg.norm(a[:, None] - b, axis=-1)

    bandwidth = np.median(distances(reference, reference)[np.triu_indices(80, 1)])
    within, other, between = (
        np.exp(-(distances(a, b) ** 2) / (2 * bandwidth**2))
        for a, b in [(reference, reference), (draws, draws), (reference, draws)]
    )
    off = ~np.eye(80, dtype=bool)
    squared = within[off].mean() + other[off].mean() - 2 * between.mean()
    assert found.mmd == pytest.approx(squared, rel=1e-3)
    assert found.seconds > 0


def test_a_row_is_about_its_own_observation(made, references):
    bench, folder = made
    with np.load(case(folder, 120, 2) / "draws.npz") as file:
        draws = file["draws"]
    assert draws.shape == (10, 60, 2)
    for number in (1, 2):
        [row] = [
            row
            for row in bench.rows
            if (row.num_simulations, row.seed, row.num_observation) == (120, 2, number)
        ]
        expected = judge(references[number - 1].draws[:60], draws[number - 1], fast=False)
        assert (row.c2st, row.mmd) == (expected.c2st, expected.mmd)
        assert row.fit_seconds > 0
        assert row.sampling_seconds > 0
        assert row.num_diverged == 0
        assert "jax" in row.machine


def test_cheap_fits_come_first_and_each_has_its_seed(small):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge_module, "judge", lambda *a, **k: Judgement(0.5, 0.0, 1.0))
        sbibm(Moons(), **small)
    assert Moons.fits == [(60, 1), (60, 2), (120, 1), (120, 2)]


def test_a_finished_benchmark_is_read_not_repeated(made, copied, small, monkeypatch):
    def repeated(*args, **kwargs):
        raise AssertionError("judged again")

    monkeypatch.setattr(judge_module, "judge", repeated)
    again = sbibm(Moons(), **small, folder=copied, resume=True)
    assert measures(again) == measures(made[0])
    assert Moons.fits == []


def test_ctrl_c_while_judging_loses_nothing(made, small, tmp_path, monkeypatch):
    real, calls = judge_module.judge, []

    def pressed(reference, draws, *, fast):
        calls.append(1)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return real(reference, draws, fast=fast)

    monkeypatch.setattr(judge_module, "judge", pressed)
    with pytest.raises(BenchInterrupted) as caught:
        sbibm(Moons(), **small, folder=tmp_path)
    assert (caught.value.num_finished, caught.value.num_rows) == (3, 8)
    assert Moons.fits == [(60, 1), (60, 2)]
    again = sbibm(Moons(), **small, folder=tmp_path, resume=True)
    assert Moons.fits == [(60, 1), (60, 2), (120, 1), (120, 2)]
    assert len(calls) == 4 + 5
    assert measures(again) == measures(made[0])


def test_ctrl_c_that_training_caught_leaves_its_checkpoint(small, tmp_path):
    with pytest.raises(BenchInterrupted) as caught:
        sbibm(Moons("interrupted", fails_at=120), **small, folder=tmp_path)
    assert caught.value.num_finished == 4
    assert (case(tmp_path, 120) / "checkpoint.safetensors").is_file()
    assert not (case(tmp_path, 120) / "training.json").exists()
    assert not (case(tmp_path, 60) / "checkpoint.safetensors").exists()


def test_more_may_be_asked_for_and_only_that_is_done(made, copied, small, monkeypatch):
    judged = []
    real = judge_module.judge
    monkeypatch.setattr(judge_module, "judge", lambda *a, **k: (judged.append(1), real(*a, **k))[1])
    more = small | {"observations": [2, 3], "budgets": [60]}
    bench = sbibm(Moons(), **more, folder=copied, resume=True)
    assert Moons.fits == []
    assert len(judged) == 2
    assert [row.num_observation for row in bench.rows] == [2, 3, 2, 3]
    kept = {tuple(row[:4]): row for row in measures(made[0])}
    for row in measures(bench):
        assert row == kept.get(tuple(row[:4]), row)


@pytest.mark.parametrize(
    ("change", "solver", "words"),
    [
        ({"num_draws": 61}, Moons(), "num_draws: 60 then, 61 now"),
        ({"fast_c2st": True}, Moons(), "fast_c2st: False then, True now"),
        ({}, Moons("wide"), "solver: .*'exact'.* then, .*'wide'.* now"),
    ],
    ids=["draws", "classifier", "solver"],
)
def test_other_settings_cannot_be_resumed(copied, small, change, solver, words):
    with pytest.raises(ConfigurationError, match=words) as caught:
        sbibm(solver, **(small | change), folder=copied, resume=True)
    assert caught.value.hint.endswith("retrodict bench x --resume")
    assert Moons.fits == []


def test_a_fit_that_fails_costs_its_rows_only_and_is_tried_again(small, tmp_path):
    told = []
    small["seeds"] = [1]
    bench = sbibm(Moons("breaks", 120), **small, folder=tmp_path, tell=told.append)
    assert [row.num_simulations for row in bench.failed] == [120, 120]
    assert bench.failed[0].error == "ValueError: bad | luck\n<b>"
    assert "moons.py" in bench.failed[0].traceback
    assert bench.summaries[0].c2st_mean is not None
    assert bench.summaries[1].c2st_mean is None
    assert bench.summaries[1].beats_all is None
    assert any("failed: ValueError: bad" in line for line in told)
    Moons.fits.clear()
    sbibm(Moons("breaks", 120), **small, folder=tmp_path, resume=True)
    assert Moons.fits == [(120, 1)]


def test_an_error_on_purpose_is_told_with_its_hint_and_without_traceback(small):
    bench = sbibm(Moons("refuses"), **small)
    assert len(bench.failed) == len(bench.rows) == 8
    assert bench.failed[0].error == "This solver cannot do it. Take another."
    assert bench.failed[0].traceback == ""


def test_draws_that_cannot_be_judged_cost_their_row_and_the_mean(small, tmp_path):
    small |= {"budgets": [60], "seeds": [1]}
    bench = sbibm(Moons("half"), **small, folder=tmp_path)
    good, bad = bench.rows
    assert good.c2st is not None
    assert "2 NaN or infinite values in 1 of 60" in bad.error
    assert bad.fit_seconds > 0
    assert bench.summaries[0].c2st_mean is None
    assert not (case(tmp_path) / "observation-2.json").exists()


def test_references_are_checked_before_anything_is_trained(small, tmp_path, monkeypatch):
    def damaged(task, number):
        if number == 10:
            raise DataError("`number 10` is damaged.", "Delete it.")
        return engine_reference(task, number)

    engine_reference = engine.sbibm_reference
    monkeypatch.setattr(engine, "sbibm_reference", damaged)
    with pytest.raises(DataError, match="number 10"):
        sbibm(Moons(), **small, folder=tmp_path / "new")
    assert Moons.fits == []
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"tasks": ["two_moon"]}, ConfigurationError, "no task `two_moon`(.|\n)*`two-moons`"),
        ({"tasks": []}, ConfigurationError, "at least one entry in `tasks`"),
        ({"observations": [1, 11]}, ConfigurationError, "1 to 10; got 11"),
        ({"budgets": [60, 49]}, TooFewRowsError, "at least 50 simulations.* got 49"),
        ({"num_draws": 49}, ConfigurationError, "50 to 10,000 draws.* got 49"),
        ({"num_draws": 10_001}, ConfigurationError, "got 10,001"),
        ({"seeds": [-1]}, ConfigurationError, "not negative"),
        ({"processes": 0}, ConfigurationError, "got 0"),
        ({"resume": True}, ConfigurationError, "no folder to resume"),
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(small, change, error, words):
    with pytest.raises(error, match=words):
        sbibm(Moons(), **(small | change))
    assert Moons.fits == []


def test_solvers_may_be_named(small):
    with pytest.raises(ConfigurationError, match="Unknown solver"):
        sbibm("no-such-solver", **small)


def test_an_older_benchmark_is_kept_unless_forced(copied, small):
    small |= {"budgets": [60], "seeds": [1], "observations": [1]}
    with pytest.raises(OutputExistsError, match="exists already"):
        sbibm(Moons(), **small, folder=copied)
    (copied / "mine.txt").touch()
    sbibm(Moons("wide"), **small, folder=copied, force=True)
    assert not case(copied, 120).exists()
    assert (copied / "mine.txt").exists()


def test_damage_is_named(copied, small, tmp_path):
    def resumed():
        return sbibm(Moons(), **small, folder=copied, resume=True)

    observation = case(copied) / "observation-1.json"
    kept = observation.read_text()
    observation.write_text(kept[:9])
    with pytest.raises(BundleCorruptedError, match=r"observation-1\.json"):
        resumed()
    observation.write_text('{"c2st": 0.5}')
    with pytest.raises(BundleCorruptedError, match="another version"):
        resumed()
    observation.unlink()
    (case(copied) / "draws.npz").write_bytes(b"PK")
    with pytest.raises(BundleCorruptedError, match=r"draws\.npz"):
        resumed()
    record = copied / "bench.json"
    stored = json.loads(record.read_text())
    record.write_text(json.dumps(stored | {"schema_version": 2}))
    with pytest.raises(BundleVersionError, match="schema 2"):
        resumed()
    record.write_text("[]")
    with pytest.raises(BundleCorruptedError, match=r"bench\.json"):
        resumed()
    with pytest.raises(BundleNotFoundError, match="holds no benchmark"):
        sbibm(Moons(), **small, folder=tmp_path / "nothing", resume=True)


class StopError(Exception):
    """Leaves a block."""


def test_processes_give_the_same_and_end_with_whoever_waits_for_them(rng, monkeypatch):
    monkeypatch.setattr(judge_module, "c2st", c2st)
    pairs = {key: tuple(rng.normal(key, 1, size=(2, 60, 1))) for key in (3, 5)}
    pairs[5][1][0, 0] = np.nan
    takes_minutes = tuple(rng.normal(size=(2, 4000, 5)))
    expected = {key: judge(*pair, fast=False) for key, pair in pairs.items()}
    before = set(multiprocessing.active_children())
    with suppress(StopError), judges(2, fast=False) as elsewhere:
        found = dict(elsewhere(pairs))
        judged = elsewhere({1: takes_minutes, 2: pairs[3], 3: takes_minutes})
        assert next(judged)[0] == 2
        running = set(multiprocessing.active_children()) - before
        raise StopError
    assert (found[3].c2st, found[3].mmd) == (expected[3].c2st, expected[3].mmd)
    assert found[5] == expected[5]
    assert isinstance(found[5], Failure)
    assert len(running) == 2
    # Not by `join`, which the pool's own thread has begun.
    deadline = time.monotonic() + 20
    while any(process.is_alive() for process in running) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(process.is_alive() for process in running)


class BrokenPool(ProcessPoolExecutor):
    """One of its processes was killed."""

    def __init__(self):
        self.asked = 0

    def submit(self, function, /, *args, **kwargs):
        self.asked += 1
        future = Future()
        future.set_exception(BrokenProcessPool("terminated abruptly"))
        return future


def test_a_process_that_dies_is_told_with_what_helps(rng):
    pool = BrokenPool()
    pair = tuple(rng.normal(size=(2, 60, 1)))
    with pytest.raises(ConfigurationError, match="has died") as caught:
        dict(Judges(pool, fast=False)({1: pair, 2: pair}))
    assert "--resume" in caught.value.hint
    assert pool.asked == 2


def test_a_cold_start_compiles_everything_anew(monkeypatch, tmp_path):
    cleared = []
    monkeypatch.setattr(jax, "clear_caches", lambda: cleared.append(1))
    settings = {
        "jax_compilation_cache_dir": str(tmp_path),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    try:
        for name, value in settings.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        jax.jit(lambda x: 3 * x + 1)(1.0)
        kept = set(tmp_path.iterdir())
        with suppress(StopError), cold_start():
            jax.jit(lambda x: 5 * x - 2)(1.0)
            kept_inside = set(tmp_path.iterdir())
            raise StopError
        jax.jit(lambda x: 7 * x - 3)(1.0)
        kept_after = set(tmp_path.iterdir())
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
    assert cleared == [1]
    assert kept
    assert kept_inside == kept < kept_after
