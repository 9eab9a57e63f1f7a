"""Solvers that train nothing: `run` says so, and nothing is left behind."""

import pytest

from retrodict.cli.trainable import get_trainable
from retrodict.errors import CapabilityError


@pytest.mark.parametrize("name", ["abc", "mcmc"])
def test_run_refuses_a_solver_without_a_network(retrodict, tmp_path, name):
    answer = retrodict("run", "two-moons", "--solver", name, "--output", tmp_path / "run")
    assert answer.code == 2
    assert "trains no network" in answer.err
    assert "retrodict compare" in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["abc", "mcmc"])
def test_the_error_is_a_named_one(name):
    with pytest.raises(CapabilityError, match=name):
        get_trainable(name)
