"""The layers contract of `pyproject.toml`: imports point down only, and no file grows too long."""

from pathlib import Path

from importlinter import cli

import retrodict

PACKAGE = Path(retrodict.__file__).parent
LONGEST_FILE = 400


def test_imports_point_down_only(monkeypatch):
    monkeypatch.chdir(PACKAGE.parents[1])
    assert cli.lint_imports(no_cache=True) == cli.EXIT_STATUS_SUCCESS


def test_every_file_stays_short():
    lengths = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    too_long = {
        str(path.relative_to(PACKAGE)): n for path, n in lengths.items() if n > LONGEST_FILE
    }
    assert not too_long
