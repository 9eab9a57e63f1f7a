"""The Python of the README and of the documentation runs, and the shell commands exist."""

import functools
import re
import shlex
from pathlib import Path

import pytest

import retrodict
from retrodict.cli.app import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path.stem: path for path in sorted((ROOT / "docs").glob("*.md"))}


def blocks(language, text=README):
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_python_blocks_run(monkeypatch, tmp_path):
    """One after the other, as a reader would type them, but for a few epochs only."""
    monkeypatch.chdir(tmp_path)
    small = retrodict.flows.RealNVP(num_layers=2, width=16)
    quick = functools.partial(retrodict.ConditionalFlow, small, max_epochs=1)
    monkeypatch.setattr(retrodict, "ConditionalFlow", quick)
    assert blocks("python")
    namespace = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)  # noqa: S102 (our own text)
    assert retrodict.load("two-moons-model").parameters_[0].name == "x1"


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_of_a_page_run_and_print_what_it_says(page, monkeypatch, tmp_path, capsys):
    """A comment after a `print` is what it prints, up to a colon."""
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks("python", PAGES[page].read_text(encoding="utf-8")):
        exec(compile(block, f"{page}.md", "exec"), namespace)  # noqa: S102 (our own text)
        said = re.findall(r"^print\(.*\)\s+# (.*?)(?:: .*)?$", block, flags=re.MULTILINE)
        printed = capsys.readouterr().out.splitlines()
        assert not said or printed == said


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_links_to_exist(page):
    links = re.findall(r"\]\(([^)#:]+)\)", PAGES[page].read_text(encoding="utf-8"))
    assert [link for link in links if not (PAGES[page].parent / link).is_file()] == []


def test_every_architecture_is_in_the_table_of_its_page():
    page = PAGES["architectures"].read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z-]+)` \|", page, flags=re.MULTILINE)
    assert sorted(listed) == sorted(retrodict.flows.ARCHITECTURES)


def commands():
    lines = "".join(blocks("sh")).splitlines()
    return [line for line in lines if line.startswith("retrodict ")]


@pytest.mark.parametrize("line", commands())
def test_shell_lines_name_commands_and_options_that_exist(line):
    from typer.main import get_command

    words = shlex.split(line.split("#")[0].split(">")[0])
    command = get_command(app).commands[words[1]]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_files_that_the_readme_links_to_exist():
    root = Path(__file__).parents[1]
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert any(link.startswith("docs/images/") for link in links)
    assert [link for link in links if not (root / link).is_file()] == []
