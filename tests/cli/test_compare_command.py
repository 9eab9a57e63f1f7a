"""`compare`: stdout carries the table only, and the exit code says whether all went well."""

import json

import pytest

from retrodict.problems.base import AbstractJaxProblem

TINY = ("compare", "two-moons", "-n", "300", "--num-held-out", "20", "--num-c2st", "0",
        "--max-epochs", "1")  # fmt: skip


def test_the_table_is_the_answer_and_the_folder_holds_it(retrodict, tmp_path):
    words = (*TINY, "--solver", "abc", "--solver", "mixture-density", "--output", "here")
    answer = retrodict(*words)
    assert answer.code == 0, answer.err
    here = tmp_path / "here"
    assert answer.out == (here / "table.md").read_text()
    files = {path.name for path in here.iterdir()}
    assert files == {
        "comparison.json", "solvers", "table.md", "table.csv", "table.json", "report.html",
    }  # fmt: skip
    assert f"retrodict {' '.join(words)}" in (here / "report.html").read_text()
    assert "begins" in answer.err

    again = retrodict(*words, "--resume", "--json")
    assert again.code == 0
    assert "begins" not in again.err
    table = json.loads(again.out)
    assert {row["name"] for row in table["rows"]} == {"abc", "mixture-density"}
    assert table["rows"][0]["mmd_mean"] <= table["rows"][1]["mmd_mean"]
    assert table["rows"][0]["c2st_mean"] is None
    assert table["num_simulations"] == 300

    changed = retrodict(*words, "--resume", "--seed", "3")
    assert changed.code == 2
    assert "seed: 0 then, 3 now" in changed.err
    assert changed.out == ""


def test_a_solver_that_cannot_is_a_row_and_the_exit_code_says_so(retrodict):
    answer = retrodict(
        *TINY[:1], "inverse-kinematics", *TINY[2:], "--solver", "abc", "--solver", "mcmc", "--json"
    )
    assert answer.code == 1
    rows = json.loads(answer.out)["rows"]
    assert [row["name"] for row in rows] == ["abc", "mcmc"]
    assert rows[0]["error"] == ""
    assert "likelihood" in rows[1]["error"]


def test_nothing_but_failures_is_no_answer(retrodict):
    answer = retrodict(*TINY[:1], "inverse-kinematics", *TINY[2:], "--solver", "mcmc")
    assert answer.code == 2
    assert "failed" in answer.out


@pytest.mark.parametrize(
    "words",
    [
        ("--solver", "abc", "--solver", "conditional-flow:mafia"),
        ("--solver", "no-such-solver"),
        ("--processes", "0"),
    ],
)
def test_mistakes_are_refused_before_anything_is_simulated(retrodict, tmp_path, monkeypatch, words):
    def simulated(*args, **kwargs):
        raise AssertionError("simulated")

    monkeypatch.setattr(AbstractJaxProblem, "simulations", simulated)
    answer = retrodict(*TINY, *words)
    assert answer.code == 2
    assert answer.err.startswith("error: ")
    assert "hint: " in answer.err
    assert not (tmp_path / "runs").exists()
