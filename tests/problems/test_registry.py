"""Laws that every registered problem obeys, and a registry that is complete."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from retrodict import problems
from retrodict.errors import ConfigurationError
from retrodict.problems import PROBLEMS, AbstractReferencePosterior, get_problem
from retrodict.problems.base import AbstractJaxProblem

WITH_REFERENCE = [
    name for name in PROBLEMS if isinstance(get_problem(name), AbstractReferencePosterior)
]


def test_problems_without_an_exact_posterior_are_known():
    assert set(PROBLEMS) - set(WITH_REFERENCE) == {"slcp", "sir", "lotka-volterra"}


def test_simulations_in_blocks_are_those_at_once(key, monkeypatch):
    problem = get_problem("two-moons")
    x, y = problem.simulations(key, 10)
    again = problem.simulate_rows(key, x)
    monkeypatch.setattr("retrodict.problems.base._SIMULATIONS_AT_ONCE", 4)
    for found, expected in zip(problem.simulations(key, 10), (x, y), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(problem.simulate_rows(key, x), again, rtol=1e-5)
    assert [rows.shape for rows in problem.simulations(key, 0)] == [(0, 2), (0, 2)]


@pytest.mark.parametrize("num", [4, 5, 10, 100])
def test_one_program_makes_all_simulations(num, key, monkeypatch):
    problem = get_problem("two-moons")
    shapes = set()

    def simulations(problem, keys):
        shapes.add(len(keys))
        return np.zeros((len(keys), 2)), np.ones((len(keys), 2))

    monkeypatch.setattr("retrodict.problems.base._simulations", simulations)
    monkeypatch.setattr("retrodict.problems.base._SIMULATIONS_AT_ONCE", 1_000)
    x, y = problem.simulations(key, 500 * num)
    assert x.shape == y.shape == (500 * num, 2)
    assert len(shapes) == 1
    assert max(shapes) <= 1_000


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_describes_itself(name, key):
    problem = get_problem(name)
    x, y = problem.simulations(key, 50)
    assert problem.name == name
    assert problem.description.endswith(".")
    assert x.shape == (50, len(problem.parameters)) == (50, *problem.prior.shape)
    assert y.shape == (50, len(problem.observables))
    for rows, variables in ((x, problem.parameters), (y, problem.observables)):
        assert (rows >= [v.lower for v in variables]).all()
        assert (rows <= [v.upper for v in variables]).all()


@pytest.mark.parametrize("name", PROBLEMS)
def test_simulations_are_repeatable_and_independent(name, key):
    problem = get_problem(name)
    x, y = problem.simulations(key, 20)
    for again, first in zip(problem.simulations(key, 20), (x, y), strict=True):
        np.testing.assert_array_equal(again, first)
    assert len(np.unique(x, axis=0)) == 20
    assert not np.array_equal(problem.simulations(jax.random.fold_in(key, 1), 20)[0], x)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_prior_is_the_same_one_by_one(name, key):
    problem = get_problem(name)
    x = problem.sample_prior(key, 7)
    expected = [problem.prior.log_prob(row) for row in jnp.asarray(x)]
    np.testing.assert_allclose(problem.prior_log_prob(x), np.array(expected), rtol=1e-5)


@pytest.mark.parametrize("name", WITH_REFERENCE)
def test_posteriors_in_blocks_are_those_one_by_one(name, key):
    problem = get_problem(name)
    _, y = problem.simulations(key, 27)
    blocks = problem.exact_posterior_rows(key, y, 4)
    one = jax.jit(lambda key, y: problem.exact_posterior(key, y, 4))
    last = one(jax.random.split(key, 27)[-1], jnp.asarray(y[-1]))
    assert blocks.shape == (27, 4, len(problem.parameters))
    np.testing.assert_allclose(blocks[-1], last, rtol=1e-3, atol=1e-3)


def test_the_registry_is_complete():
    classes = {
        value
        for value in vars(problems).values()
        if inspect.isclass(value)
        and issubclass(value, AbstractJaxProblem)
        and not value.__name__.startswith("Abstract")
    }
    assert {type(get_problem(name)) for name in PROBLEMS} == classes


@pytest.mark.parametrize("name", ["two_moons", "Two-Moons", "two-moon"])
def test_a_misspelt_name_gets_an_offer(name):
    with pytest.raises(ConfigurationError, match="Did you mean `two-moons`"):
        get_problem(name)


def test_an_unknown_name_gets_the_list():
    with pytest.raises(ConfigurationError, match="inverse-kinematics, linear-gaussian"):
        get_problem("qqq")
