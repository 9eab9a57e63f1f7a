"""One tiny run and one tiny fit, shared by all tests of the command line."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retrodict import cli

TINY = ("--max-epochs", "3", "--batch-size", "256", "--flow", "real-nvp", "--num-members", "1")
MOONS = ("run", "two-moons", "-n", "2000", "--num-held-out", "50", *TINY)


@dataclass(frozen=True)
class Answer:
    """What a command leaves on the terminal."""

    code: int
    out: str
    err: str


@pytest.fixture
def retrodict(capfd, tmp_path, monkeypatch) -> Callable[..., Answer]:
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def command(*words: object) -> Answer:
        capfd.readouterr()
        code = cli.main([str(word) for word in words])
        return Answer(code, *capfd.readouterr())

    return command


@pytest.fixture
def copied(tmp_path) -> Callable[[Path], Path]:
    """Copies a run, for tests that change it."""

    def copy(run: Path) -> Path:
        return Path(shutil.copytree(run, tmp_path / "copied"))

    return copy


@pytest.fixture
def moons_words() -> tuple[str, ...]:
    """The command that made `moons`, without its folder."""
    return MOONS


@pytest.fixture(scope="session")
def moons(tmp_path_factory) -> Path:
    """A finished run of two-moons; not to be changed."""
    return _made(
        tmp_path_factory.mktemp("runs") / "moons",
        MOONS,
    )


@pytest.fixture(scope="session")
def table(tmp_path_factory) -> Path:
    """Throws of a ball: speed and angle, distance and time of flight."""
    rng = np.random.default_rng(3)
    speed, angle = rng.uniform(5, 25, 600), rng.uniform(5, 85, 600)
    frame = pd.DataFrame(
        {
            "speed": speed,
            "angle": angle,
            "distance": speed**2 * np.sin(2 * np.radians(angle)) / 9.81 + rng.normal(0, 0.5, 600),
            "time": 2 * speed * np.sin(np.radians(angle)) / 9.81 + rng.normal(0, 0.02, 600),
        }
    )
    path = tmp_path_factory.mktemp("tables") / "throws.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def throws(table, tmp_path_factory) -> Path:
    """A finished fit of the table; not to be changed."""
    return _made(
        tmp_path_factory.mktemp("fits") / "throws",
        ("fit", str(table), "--x", "speed[m/s],angle[deg]", "--y", "distance[m],time[s]",
         "--bounds", "angle=0:90,speed=0:", *TINY),
    )  # fmt: skip


def _made(folder: Path, words: Sequence[str]) -> Path:
    assert cli.main([*words, "--output", str(folder)]) == 0
    return folder
