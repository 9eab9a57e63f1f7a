"""References made here, so that no test needs a file, and one small benchmark to read."""

from contextlib import contextmanager
from types import SimpleNamespace

import jax
import numpy as np
import pandas as pd
import pytest
from moons import Moons, reference

from retrodict.bench import engine, judge, sbibm

SMALL = {
    "tasks": ["two-moons"],
    "budgets": [60, 120],
    "observations": [1, 2],
    "num_draws": 60,
    "seeds": [1, 2],
}


def published_table():
    """NPE, SNPE and SMC-ABC at 60 simulations; NLE lacks an observation."""
    rng = np.random.default_rng(3)
    rows = [
        ("two-moons", 60, number, algorithm, c2st + 0.01 * number, rng.normal(), 2.0 * number)
        for algorithm, c2st in [("NPE", 0.7), ("SNPE", 0.6), ("NLE", 0.4), ("SMC-ABC", 0.9)]
        for number in range(1, 11)
        if (algorithm, number) != ("NLE", 2)
    ]
    table = pd.DataFrame(
        rows,
        columns=[
            "task", "num_simulations", "num_observation", "algorithm", "c2st", "mmd", "minutes",
        ],
    )  # fmt: skip
    table.loc[(table["algorithm"] == "SNPE") & (table["num_observation"] == 1), "minutes"] = np.nan
    table.loc[table["algorithm"] == "SMC-ABC", "minutes"] = np.nan
    return table


@pytest.fixture(scope="session")
def references():
    return [reference("two-moons", number) for number in range(1, 11)]


@pytest.fixture(scope="session")
def published():
    return published_table()


def share_inside(reference, draws):
    """In place of the classifier, which takes seconds: another number for swapped arguments."""
    away = np.abs(draws - reference.mean(axis=0)) / reference.std(axis=0)
    return SimpleNamespace(accuracy=float((away < 1).mean()))


@contextmanager
def nothing_slow(references, published):
    """Inside, no reference is read and no classifier is trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "sbibm_reference", lambda task, number: references[number - 1])
        patch.setattr(engine, "sbibm_published", lambda: published)
        patch.setattr(judge, "c2st", share_inside)
        # Programs of other tests stay compiled; what a cold start does is tested on its own.
        patch.setattr(jax, "clear_caches", lambda: None)
        yield


@pytest.fixture(autouse=True)
def _nothing_slow(references, published):
    with nothing_slow(references, published):
        yield


@pytest.fixture(autouse=True)
def _no_fits():
    Moons.fits.clear()


@pytest.fixture
def small():
    """What the small benchmark was asked for."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def made(references, published, tmp_path_factory):
    """A finished benchmark of the exact posterior and its folder; not to be changed."""
    folder = tmp_path_factory.mktemp("bench") / "moons"
    with nothing_slow(references, published):
        return sbibm(Moons(), **SMALL, folder=folder, command="retrodict bench x"), folder
