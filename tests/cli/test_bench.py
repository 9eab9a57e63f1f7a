"""`bench`: stdout carries the table only; what is finished is never done again."""

import json
import signal

import jax
import numpy as np
import pandas as pd
import pytest

from retrodict.bench import engine, judge
from retrodict.cli import bench
from retrodict.datasets import SbibmReference
from retrodict.errors import ConfigurationError, DataError

TINY = ("bench", "sbibm", "--tasks", "two-moons", "--budgets", "60,1.2e2", "--observations", "1-2",
        "--solver", "abc", "--num-draws", "50", "--processes", "1", "--output", "here")  # fmt: skip


def reference(task, number):
    """Far from every posterior, which the classifier learns quickly."""
    draws = np.random.default_rng(number).normal(9, 1, (10_000, 2))
    return SbibmReference(task, number, np.full(2, -0.01 * number), np.zeros(2), draws)


@pytest.fixture(autouse=True)
def _references_of_our_own(monkeypatch):
    rows = [("two-moons", 60, i, name, 0.9, 0.1, 3.0) for i in (1, 2) for name in ("NPE", "SNLE")]
    columns = [
        "task", "num_simulations", "num_observation", "algorithm", "c2st", "mmd", "minutes",
    ]  # fmt: skip
    monkeypatch.setattr(engine, "sbibm_reference", reference)
    monkeypatch.setattr(engine, "sbibm_published", lambda: pd.DataFrame(rows, columns=columns))
    # Programs of other tests stay compiled.
    monkeypatch.setattr(jax, "clear_caches", lambda: None)


def test_the_table_is_the_answer_and_the_folder_holds_it(retrodict, tmp_path, monkeypatch):
    first = retrodict(*TINY)
    assert first.code == 0, first.err
    here = tmp_path / "here"
    assert first.out == (here / "table.md").read_text()
    lines = [[cell.strip() for cell in line.split("|")] for line in first.out.splitlines()]
    assert lines[0][1:7] == ["task", "simulations", "C2ST", "median", "NPE", "best published"]
    assert lines[2][1:8] == [
        "two-moons", "60", "1.000 ± 0.000", "1.000", "0.900", "0.900 (NPE)", "neither",
    ]  # fmt: skip
    assert lines[3][5:8] == ["–", "–", "–"]
    assert {path.name for path in here.iterdir()} == {
        "bench.json", "cases", "table.md", "results.csv", "results.json", "index.html",
    }  # fmt: skip
    assert f"retrodict {' '.join(TINY)}" in (here / "index.html").read_text()
    assert "two-moons, 60 simulations, seed 1: begins" in first.err

    monkeypatch.setattr(judge, "c2st", None)
    again = retrodict(*TINY, "--resume", "--json")
    assert again.code == 0
    assert "begins" not in again.err
    assert "finished already" in again.err
    found = json.loads(again.out)
    assert [row["num_observation"] for row in found["rows"]] == [1, 2, 1, 2]
    assert [summary["c2st_mean"] for summary in found["summaries"]] == [1.0, 1.0]
    assert found["summaries"][0]["beats_npe"] is False
    assert found["rows"] == json.loads((here / "results.json").read_text())["rows"]
    table = pd.read_csv(here / "results.csv")
    assert list(table["num_simulations"]) == [60, 60, 120, 120]
    assert list(table["mmd"]) == [row["mmd"] for row in found["rows"]]

    changed = retrodict(*TINY, "--resume", "--fast-c2st")
    assert changed.code == 2
    assert "fast_c2st: False then, True now" in changed.err
    assert changed.out == ""


def test_ctrl_c_says_how_to_go_on(retrodict, monkeypatch):
    def pressed(*args, **kwargs):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(judge, "c2st", pressed)
    answer = retrodict(*TINY)
    assert answer.code == 130
    assert answer.out == ""
    assert "interrupted; 0 of 4 observations are finished" in answer.err
    assert f"To continue: retrodict {' '.join(TINY)} --resume" in answer.err


def test_failures_are_told_and_the_exit_code_says_so(retrodict, monkeypatch):
    def refusing(first, second):
        if first[0, 0] == reference("two-moons", 2).draws[0, 0]:
            raise DataError("They cannot be compared.", "Bring others.")
        return real(first, second)

    real = judge.c2st
    monkeypatch.setattr(judge, "c2st", refusing)
    some = retrodict(*TINY[:4], "--budgets", "60", *TINY[6:])
    assert some.code == 1
    assert "- two-moons, 60: failed: They cannot be compared. Bring others." in some.out
    monkeypatch.setattr(
        judge, "c2st", lambda first, second: refusing(*[reference("", 2).draws] * 2)
    )
    every = retrodict(*TINY[:4], "--budgets", "60", *TINY[6:], "--force")
    assert every.code == 2
    assert "| failed |" in every.out


def test_a_missing_reference_is_told_before_anything_is_trained(retrodict, tmp_path, monkeypatch):
    def missing(task, number):
        raise DataError(f"`{task}/{number}` is missing.", "Fetch it.")

    monkeypatch.setattr(engine, "sbibm_reference", missing)
    answer = retrodict(*TINY)
    assert answer.code == 2
    assert answer.err.splitlines()[1:] == [
        "error: `two-moons/1` is missing.", "", "hint: Fetch it.",
    ]  # fmt: skip
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--budgets", "1e3,many"), "whole numbers of simulations; got `many`"),
        (("--budgets", "1.5"), "got `1.5`"),
        (("--budgets", "nan"), "got `nan`"),
        (("--budgets", "20"), "at least 50 simulations"),
        (("--observations", "0-3"), "1 to 10; got 0"),
        (("--observations", "3-1"), "numbers and ranges of them; got `3-1`"),
        (("--seeds", "first"), "`--seeds` takes numbers"),
        (("--tasks", "two_moons"), "Did you mean `two-moons`"),
        (("--tasks", ","), "at least one entry in `tasks`"),
        (("--solver", "conditional-flow:mafia"), "mafia"),
        (("--num-draws", "10001"), "50 to 10,000 draws"),
    ],
    ids=" ".join,
)
def test_mistakes_are_refused_before_anything_is_read(
    retrodict, tmp_path, monkeypatch, words, said
):
    def read(*args):
        raise AssertionError("read")

    monkeypatch.setattr(engine, "sbibm_reference", read)
    answer = retrodict(*TINY, *words)
    assert answer.code == 2
    assert answer.out == ""
    assert said in answer.err
    assert "hint: " in answer.err
    assert not (tmp_path / "here").exists()


def test_another_benchmark_is_unknown(retrodict):
    answer = retrodict("bench", "sbi")
    assert answer.code == 2
    assert "no benchmark named `sbi`" in answer.err


def test_numbers_and_budgets_are_read_as_typed():
    assert bench._numbers("--seeds", "1-3, 7,2") == [1, 2, 3, 7, 2]
    assert [bench._budget(word) for word in ("1e3", "2500", "1.5e4")] == [1000, 2500, 15_000]
    with pytest.raises(ConfigurationError, match="got `1-1001`"):
        bench._numbers("--seeds", "1-1001")
