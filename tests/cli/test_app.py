"""What every command has in common: help, mistakes, exit codes, clean streams."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
import typer

from retrodict import __version__, cli
from retrodict.cli import app as application
from retrodict.errors import OutsideTrainingRangeWarning

COMMANDS = (
    "problems", "run", "fit", "embed", "sample", "check", "report", "compare", "curve", "bench",
)  # fmt: skip


def fail_with(monkeypatch, error):
    """Make `retrodict problems` raise `error`."""

    def broken(*args, **kwargs):
        raise error

    monkeypatch.setattr("retrodict.problems.get_problem", broken)


def test_the_version(retrodict):
    assert retrodict("--version").out == f"retrodict {__version__}\n"


def test_no_command_shows_the_help(retrodict):
    answer = retrodict()
    assert answer.code == 0
    assert all(command in answer.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_the_docstring_with_examples_kept_line_by_line(retrodict, command):
    answer = retrodict(command, "--help")
    assert answer.code == 0
    docstring = getattr(getattr(cli, command), command).__doc__
    assert docstring.splitlines()[0] in answer.out
    examples = re.findall(r"^ +(retrodict .*)$", docstring, flags=re.MULTILINE)
    assert examples
    assert all(f"{example}\n" in answer.out for example in examples)


def test_help_needs_no_jax():
    """One process for all: what one command imports stays, so the first to do it is named."""
    program = f"""
import sys
from retrodict.cli import main
for command in {COMMANDS}:
    code = main([command, "--help"])
    slow = {{"jax", "matplotlib"}} & set(sys.modules)
    if code or slow:
        sys.exit(f"{{command}}: exit code {{code}}, imported {{slow}}")
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("Usage:") == len(COMMANDS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("problem",), "Did you mean 'problems'"),
        (("run",), "PROBLEM"),
        (("run", "two-moons", "--max-epochs", "some"), "--max-epochs"),
        (("run", "two-moons", "--no-such-option"), "--no-such-option"),
        (("run", "two-mons"), "two-moons"),
        (("run", "two-moons", "--flow", "splin-coupling"), "spline-coupling"),
        (("check", "nowhere"), "nowhere"),
        (("report", "nowhere"), "nowhere"),
        (("sample", "nowhere", "--y", "y1=0,y2=0"), "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_an_error_line_and_a_hint(retrodict, words, said):
    answer = retrodict(*words)
    assert answer.code == 2
    assert answer.out == ""
    error, blank, hint = answer.err.splitlines()
    assert error.startswith("error: ")
    assert blank == ""
    assert hint.startswith("hint: ")
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_bug_keeps_its_traceback_and_is_not_the_answer_no(retrodict, monkeypatch):
    fail_with(monkeypatch, ZeroDivisionError("a bug"))
    answer = retrodict("problems")
    assert answer.code == 2
    assert "Traceback" in answer.err
    assert "error: retrodict itself failed" in answer.err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()], ids=["ctrl-c", "abort"])
def test_ctrl_c_is_130(retrodict, monkeypatch, error):
    fail_with(monkeypatch, error)
    answer = retrodict("problems")
    assert answer.code == 130
    assert "Traceback" not in answer.err


def test_a_warning_is_one_line(retrodict, monkeypatch):
    import warnings

    monkeypatch.setattr(
        "retrodict.problems.get_problem",
        lambda name: warnings.warn(OutsideTrainingRangeWarning("far\naway"), stacklevel=1),
    )
    assert "warning: far away\n" in retrodict("problems").err


def test_a_closed_pipe_is_no_error():
    program = "import sys; from retrodict.cli import main; sys.exit(main(['problems']))"
    reader, writer = os.pipe()
    os.close(reader)
    answer = subprocess.run(
        [sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert answer.returncode == 128 + signal.SIGPIPE
    assert "Traceback" not in answer.stderr
    assert "Broken" not in answer.stderr


def test_problems_as_text(retrodict):
    header, *rows = retrodict("problems").out.splitlines()
    assert header.split()[:3] == ["name", "causes", "effects"]
    assert any(re.match(r"inverse-kinematics +4 +2 +yes +", row) for row in rows)


def test_problems_as_json(retrodict):
    problems = {
        problem["name"]: problem for problem in json.loads(retrodict("problems", "--json").out)
    }
    moons = problems["two-moons"]
    assert moons["has_exact_posterior"]
    assert [parameter["lower"] for parameter in moons["parameters"]] == [-1, -1]
    gaussian = problems["linear-gaussian"]
    assert [parameter["lower"] for parameter in gaussian["parameters"]] == [None] * 10


def test_every_command_is_registered():
    registered = {command.name for command in application.app.registered_commands}
    assert registered == set(COMMANDS)
