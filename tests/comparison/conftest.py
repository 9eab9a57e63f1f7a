"""One small comparison, shared by the tests that only read it."""

import pytest
from odd_solvers import Odd
from small_comparison import BUDGET, small

from retrodict.comparison import compare
from retrodict.problems import get_problem
from retrodict.solvers.registry import get_solver


@pytest.fixture(scope="session")
def moons():
    return get_problem("two-moons")


@pytest.fixture(scope="session")
def solvers():
    return {
        "refusing": Odd(),
        "flow": small(),
        "table": get_solver("abc"),
        "broken": Odd("breaks"),
    }


@pytest.fixture(scope="session")
def made(moons, solvers, tmp_path_factory):
    """A finished comparison and its folder; not to be changed."""
    folder = tmp_path_factory.mktemp("comparisons") / "moons"
    return compare(moons, solvers, **BUDGET, folder=folder, command="retrodict compare x"), folder
