"""`sample`: data and nothing else on stdout."""

import io
import json

import numpy as np
import pandas as pd
import pytest

THROW = ("--y", "distance=20,time=1.5")


def test_draws_are_csv_on_stdout(retrodict, throws):
    answer = retrodict("sample", throws, *THROW, "--num-draws", "40")
    assert answer.code == 0
    draws = pd.read_csv(io.StringIO(answer.out))
    assert list(draws.columns) == ["speed", "angle"]
    assert len(draws) == 40
    assert draws["angle"].between(0, 90).all()
    assert (draws["speed"] >= 0).all()


def test_draws_are_json_on_stdout(retrodict, throws):
    answer = retrodict("sample", throws, *THROW, "--num-draws", "3", "--json")
    draws = json.loads(answer.out)
    assert [set(draw) for draw in draws] == [{"speed", "angle"}] * 3


def test_the_seed_decides(retrodict, throws):
    first, again, other = (
        retrodict("sample", throws, *THROW, "--num-draws", "5", "--seed", seed).out
        for seed in (3, 3, 4)
    )
    assert first == again != other


def test_many_observations_are_numbered(retrodict, throws, tmp_path):
    frame = pd.DataFrame({"time": [1.5, 2.0], "other": ["a", "b"], "distance": [20.0, 30.0]})
    frame.to_csv(tmp_path / "wanted.csv", index=False)
    answer = retrodict("sample", throws, "--observations", "wanted.csv", "--num-draws", "4")
    draws = pd.read_csv(io.StringIO(answer.out))
    assert list(draws["observation"]) == [0, 0, 0, 0, 1, 1, 1, 1]


def test_a_summary_instead_of_draws(retrodict, throws):
    summary = pd.read_csv(io.StringIO(retrodict("sample", throws, *THROW, "--summary").out))
    assert list(summary["parameter"]) == ["speed", "angle"]


@pytest.mark.parametrize("name", ["draws.csv", "draws.tsv", "draws.parquet", "draws.npz"])
def test_a_file_gets_what_stdout_would(retrodict, throws, tmp_path, name):
    from retrodict.tables import read_table

    words = ("sample", throws, *THROW, "--num-draws", "6")
    shown = pd.read_csv(io.StringIO(retrodict(*words).out))
    answer = retrodict(*words, "--output", name)
    assert answer.code == 0
    assert answer.out == ""
    assert name in answer.err
    np.testing.assert_allclose(read_table(tmp_path / name), shown, rtol=1e-12)
    assert retrodict(*words, "--output", name).code == 2
    assert retrodict(*words, "--output", name, "--force").code == 0


@pytest.mark.parametrize(
    ("name", "start"), [("mixes.png", b"\x89PNG"), ("mixes.svg", b"<?xml")], ids=["png", "svg"]
)
def test_a_picture(retrodict, throws, tmp_path, name, start):
    answer = retrodict("sample", throws, *THROW, "--num-draws", "200", "--picture", name)
    assert answer.code == 0
    assert (tmp_path / name).read_bytes().startswith(start)
    assert len(pd.read_csv(io.StringIO(answer.out))) == 200


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "distance=...,time=..."),
        ((*THROW, "--observations", "wanted.csv"), "--observations"),
        (("--y", "distance=20"), "`time`"),
        (("--y", "distance=20,tim=1"), "`time`"),
        (("--y", "distance=20,time=1,mass=3"), "mass"),
        (("--y", "distance=far,time=1"), "far"),
        (("--y", "distance=nan,time=1"), "finite"),
        (("--y", "20,1"), "name=..."),
        (("--observations", "nothing.csv"), "nothing.csv"),
        ((*THROW, "--output", "draws.docx"), ".csv"),
        ((*THROW, "--output", "nowhere/draws.csv"), "nowhere"),
        ((*THROW, "--picture", "mixes.gif"), ".png"),
        ((*THROW, "--num-draws", "0"), "--num-draws"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes(retrodict, throws, words, said):
    answer = retrodict("sample", throws, *words)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert "\nhint: " in answer.err
    assert said in answer.err


def test_a_picture_of_many_posteriors_is_refused(retrodict, throws, tmp_path):
    pd.DataFrame({"time": [1.5, 2.0], "distance": [20.0, 30.0]}).to_csv(
        tmp_path / "wanted.csv", index=False
    )
    answer = retrodict("sample", throws, "--observations", "wanted.csv", "--picture", "a.png")
    assert answer.code == 2
    assert "one observation" in answer.err


def test_far_from_the_training_data_there_is_a_warning(retrodict, throws):
    answer = retrodict("sample", throws, "--y", "distance=2000,time=1.5", "--num-draws", "5")
    assert answer.code == 0
    assert answer.err.startswith("warning: ")
    assert "distance" in answer.err
    assert len(pd.read_csv(io.StringIO(answer.out))) == 5
