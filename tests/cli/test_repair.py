"""`check --repair` keeps what makes draws calibrated, and `sample --repaired` uses it."""

import contextlib
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from retrodict import Variable, cli
from retrodict.bundle import load, save
from retrodict.cli.repaired import fit_repair, sentences_about
from retrodict.cli.run_folder import RunFolder, create

THROW = ("--y", "distance=20,time=1.5")
NAMES = ["speed", "angle", "distance", "time"]


def with_truth(run, spread, num, shift=0.0):
    """Held-out pairs whose truth is `spread` times as far from the middle as the draws say."""
    model = load(run / "model")
    y = pd.read_parquet(run / "held_out.parquet")[["distance", "time"]].to_numpy()
    y = np.tile(y, (num // len(y) + 1, 1))[:num]
    draws = model.retrodict(y).sample(400, random_state=77)
    truth = draws[np.arange(num), np.random.default_rng(5).integers(400, size=num)]
    middle = np.median(draws, axis=1)
    truth = middle + spread * (truth - middle) + shift * draws.std(axis=1)
    # Within the bounds of the model.
    truth = np.clip(truth, [1e-6, 1e-6], [np.inf, 90 - 1e-6])
    pd.DataFrame(np.c_[truth, y], columns=NAMES).to_parquet(run / "held_out.parquet")


@pytest.fixture(scope="module")
def made(throws, tmp_path_factory):
    """A run that is too sure of itself, with its repair, and what making that said."""
    run = tmp_path_factory.mktemp("repaired") / "throws"
    shutil.copytree(throws, run)
    with_truth(run, 1.6, 300)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert cli.main(["check", str(run), "--repair"]) == 0  # with the repair that it kept
    return run, said.getvalue()


@pytest.fixture
def repaired(made):
    """The folder of that run; not to be changed."""
    return made[0]


def test_a_repair_says_what_it_did(made):
    _, said = made
    assert said.startswith("Trust with repair: ")
    assert "Repaired `speed`, `angle`: the " in said
    assert "parameter  50% before  after  80% before  after  95% before  after" in said
    assert "Intervals up to 99.3 % are guaranteed by 300 pairs" in said
    assert "up to 0.66 points more" in said


def test_a_repair_in_json_and_how_to_get_one(retrodict, repaired, copied):
    run = copied(repaired)
    shutil.rmtree(run / "repair")
    answer = retrodict("check", run, "--repair", "--json")
    assert answer.code == 0
    assert answer.err == f"repair: {run / 'repair'}\n"
    assert (run / "repair").is_dir()
    numbers = json.loads(answer.out)
    without = retrodict("check", run)
    assert without.code == 1
    assert without.err == f"To repair it: retrodict check {run} --repair\n"
    assert not numbers["passed"]
    assert numbers["repair"]["passed"]
    assert numbers["repair"]["needed"] == {"all": {"speed": True, "angle": True}}
    assert numbers["repair"]["num_observations"] == 300
    assert numbers["repair"]["highest_level"] == pytest.approx(1 - 2 / 301)
    before, after = (np.array(list(numbers["repair"][k].values())) for k in ("before", "after"))
    levels = np.array(numbers["repair"]["levels"])
    assert (before < levels - 0.04).all()
    assert (np.abs(after - levels) < 4 * np.sqrt(levels * (1 - levels) * 2 / 300)).all()


def test_repaired_draws_are_those_of_the_calibration(retrodict, repaired):
    model, kept = load(repaired / "model"), load(repaired / "repair")
    own = model.retrodict({"distance": 20, "time": 1.5}).sample(500)
    answer = retrodict("sample", repaired, *THROW, "--repaired", "--num-draws", "500")
    assert answer.code == 0
    assert answer.err == "repaired by 300 held-out pairs\n"
    draws = pd.read_csv(io.StringIO(answer.out))
    np.testing.assert_allclose(draws, kept.calibration.apply(own[None])[0], rtol=1e-12)
    wider = draws.std() / own.std(axis=0)
    assert (wider > 1.2).all()
    assert draws["angle"].between(0, 90).all()
    few = retrodict("sample", repaired, *THROW, "--repaired", "--num-draws", "4")
    assert len(pd.read_csv(io.StringIO(few.out))) == 4


def test_intervals_of_a_repaired_summary_hold_what_they_say(retrodict, repaired, tmp_path):
    """Of pairs that the repair has not seen."""
    run = tmp_path / "fresh"
    shutil.copytree(repaired, run)
    held_out = pd.read_parquet(run / "held_out.parquet")
    with_truth(run, 1.6, 420)
    fresh = pd.read_parquet(run / "held_out.parquet")[300:]
    assert len(held_out) == 300
    fresh.to_csv(tmp_path / "fresh.csv", index=False)
    words = ("sample", run, "--observations", "fresh.csv", "--repaired", "--summary")
    table = pd.read_csv(io.StringIO(retrodict(*words).out))
    assert list(table.columns[-7:]) == ["low50", "high50", "low80", "high80", "low95", "high95",
                                        "unit"]  # fmt: skip
    truth = fresh[["speed", "angle"]].to_numpy().ravel()
    for level in (0.5, 0.8, 0.95):
        name = f"{100 * level:g}"
        share = ((table[f"low{name}"] <= truth) & (truth <= table[f"high{name}"])).mean()
        # Two parameters of one observation are not two observations.
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) * (1 / 300 + 1 / 120))


def test_a_picture_shows_repaired_draws(retrodict, repaired, tmp_path):
    for name, words in (("own.png", ()), ("repaired.png", ("--repaired",))):
        answer = retrodict("sample", repaired, *THROW, *words, "--picture", name)
        assert answer.code == 0
    assert (tmp_path / "own.png").read_bytes() != (tmp_path / "repaired.png").read_bytes()


def test_a_good_posterior_is_left_alone(retrodict, throws, copied):
    run = copied(throws)
    with_truth(run, 1.0, 300)
    answer = retrodict("check", run, "--repair")
    assert answer.code == 0
    assert answer.out.startswith("Trust: ")
    assert "Draws are left alone" in answer.out
    own = retrodict("sample", run, *THROW, "--num-draws", "20")
    same = retrodict("sample", run, *THROW, "--num-draws", "20", "--repaired")
    # Drawn in blocks of another size, which may move the last digits.
    numbers, expected = (pd.read_csv(io.StringIO(answer.out)) for answer in (same, own))
    pd.testing.assert_frame_equal(numbers, expected, rtol=1e-12)
    assert same.err == "300 held-out pairs repaired nothing: the draws are as they were\n"


def test_what_cannot_be_repaired_stays_not_trusted(retrodict, throws, copied):
    run = copied(throws)
    with_truth(run, 1.0, 300)
    frame = pd.read_parquet(run / "held_out.parquet")
    # Too low for every second observation: right on the whole, wrong for each kind.
    far = frame["distance"] > frame["distance"].median()
    draws = load(run / "model").retrodict(frame[["distance", "time"]].to_numpy()).sample(200)
    frame["speed"] += np.where(far, 1.0, -0.4) * draws[..., 0].std(axis=1)
    frame["speed"] = frame["speed"].clip(lower=1e-6)
    frame.to_parquet(run / "held_out.parquet")
    answer = retrodict("check", run, "--repair")
    assert answer.code == 1
    assert answer.out.startswith("Do not trust: ")
    assert (run / "repair").is_dir()


def test_few_pairs_repair_at_the_levels_that_they_can():
    rng = np.random.default_rng(0)
    draws, truth = rng.normal(size=(25, 100, 1)), 5 * rng.normal(size=(25, 1))
    calibration = fit_repair(draws, truth, [Variable("a")])
    assert calibration.levels == [0.5, 0.8]
    assert calibration.needed_.all()
    assert "Intervals up to 92.3 % are guaranteed by 25 pairs" in sentences_about(calibration)[-1]
    assert "up to 7.7 points more" in sentences_about(calibration)[-1]


def test_parameters_with_a_point_mass_are_repaired():
    """Half of the mixes have no slag at all."""
    rng = np.random.default_rng(0)

    def drawn(num, deviation):
        slag = np.where(
            rng.random((300, num)) < 0.5, 0, np.exp(deviation * rng.normal(size=(300, num)))
        )
        return np.stack([slag, np.exp(rng.normal(size=slag.shape))], axis=-1)

    draws, truth = drawn(200, 0.3), drawn(1, 1.0)[:, 0]
    calibration = fit_repair(
        draws, truth, [Variable("slag", lower=0.0), Variable("water", lower=0.0)]
    )
    assert calibration.summary_.at_bound.tolist() == [True, False]
    assert calibration.needed_.tolist() == [[True, False]]
    about = sentences_about(calibration)[0]
    assert "Draws exactly at a bound of `slag` stay there" in about
    moved = calibration.apply(draws)
    assert ((moved[..., 0] == 0) == (draws[..., 0] == 0)).all()
    assert moved[..., 0].std() / draws[..., 0].std() > 2


def test_without_a_repair_there_is_a_hint(retrodict, throws):
    answer = retrodict("sample", throws, *THROW, "--repaired")
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err == (
        f"error: `{throws}` has no repair yet.\n\n"
        f"hint: Make one from its held-out pairs: retrodict check {throws} --repair\n"
    )


def test_the_repair_of_another_model_is_refused(retrodict, repaired, copied):
    run = copied(repaired)
    of_another = replace(load(run / "repair"), weights_sha256=64 * "0")
    save(of_another, run / "repair", overwrite=True)
    answer = retrodict("sample", run, *THROW, "--repaired")
    assert answer.code == 2
    assert "is the repair of another model" in answer.err
    assert f"retrodict check {run} --repair" in answer.err


@pytest.mark.parametrize(
    "damage",
    [
        lambda repair: (repair / "weights.safetensors").write_bytes(b"short"),
        lambda repair: (repair / "config.json").unlink(),
        lambda repair: shutil.copytree(repair.parent / "model", repair, dirs_exist_ok=True),
    ],
    ids=["truncated", "missing", "a model"],
)
def test_a_damaged_repair_is_named(retrodict, repaired, copied, damage):
    run = copied(repaired)
    damage(run / "repair")
    answer = retrodict("sample", run, *THROW, "--repaired")
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert "repair" in answer.err.split("\n")[0]
    assert f"retrodict check {run} --repair" in answer.err


def test_a_new_run_in_the_folder_removes_the_repair(repaired, copied):
    run = copied(repaired)
    record = RunFolder(run).read_record()
    create(run, record, force=True)
    assert not (run / "repair").exists()
