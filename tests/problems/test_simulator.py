"""NumPy simulators as problems: every way to call them, every way they fail."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import jax
import numpy as np
import numpy_simulators as simulators
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from retrodict.distributions import Normal, Uniform
from retrodict.errors import ConfigurationError, NonFiniteError, ShapeError, SimulationError
from retrodict.problems import IndependentMarginals, SimulatorProblem
from retrodict.variables import Variable

PRIOR = {"speed": stats.uniform(1, 9), "angle": stats.beta(2, 3)}


def problem(function=simulators.throw_row, **settings):
    return SimulatorProblem(function, prior=PRIOR, observables=["range", "rise"], **settings)


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        yield executor


@pytest.fixture(params=["processes", "threads"])
def executor(request):
    if request.param == "processes":
        yield request.getfixturevalue("processes")
    else:
        with ThreadPoolExecutor(2) as threads:
            yield threads


@pytest.mark.parametrize(
    ("function", "settings"),
    [
        (simulators.throw, {"by_name": True}),
        (simulators.throw_batch, {"batched": True}),
        (lambda speed, angle: np.stack(simulators.throw(speed, angle), axis=1),
         {"batched": True, "by_name": True}),
    ],
    ids=["by name", "batched", "batched by name"],
)  # fmt: skip
def test_every_way_to_call_gives_the_same(function, settings, key):
    x, y = problem().simulations(key, 150)
    again, same = problem(function, **settings).simulations(key, 150)
    assert_array_equal(again, x)
    assert_allclose(same, y, rtol=1e-12)
    assert_allclose(y[:, 0], x[:, 0] ** 2 * np.sin(2 * x[:, 1]) / 9.81)


def test_an_executor_changes_nothing(executor, key):
    here = problem(simulators.throw_in_wind, stochastic=True)
    there = problem(simulators.throw_in_wind, stochastic=True, executor=executor)
    smaller = problem(simulators.throw_in_wind, stochastic=True, chunk_size=7)
    _, y = here.simulations(key, 130)
    assert_array_equal(there.simulations(key, 130)[1], y)
    assert_array_equal(smaller.simulations(key, 130)[1], y)
    assert len(np.unique(y, axis=0)) == 130


def test_noise_is_new_with_every_key_and_row(key):
    noisy = problem(simulators.throw_in_wind, stochastic=True)
    x = np.tile([5.0, 0.5], (2000, 1))
    y = noisy.simulate_rows(key, x)
    other = noisy.simulate_rows(jax.random.fold_in(key, 1), x)
    assert not np.intersect1d(y, other).size
    noise = y - simulators.throw_row(x[0])
    assert_allclose(noise.mean(axis=0), 0, atol=5 / np.sqrt(2000))
    assert_allclose(noise.std(axis=0), 1, atol=5 / np.sqrt(4000))


def test_the_first_rows_that_raise_are_named(executor, key):
    failing = problem(simulators.throw_below_nine, executor=executor)
    x = np.array([[5.0, 0.1], [9.5, 0.2], [8.0, 0.3], [9.25, 0.4]])
    with pytest.raises(SimulationError, match=r"row 1 \(speed=9.5, angle=0.2\) raised") as caught:
        failing.simulate_rows(key, x)
    assert isinstance(caught.value.__cause__, ArithmeticError)


def test_an_exception_that_cannot_travel_still_arrives(processes, key):
    with pytest.raises(SimulationError, match=r"AwkwardError: no throw at 5\.0") as caught:
        problem(simulators.throw_awkwardly, executor=processes).simulate_rows(
            key, np.array([[5.0, 0.1]])
        )
    assert "throw_awkwardly" in caught.value.__cause__.__notes__[0]


@pytest.mark.parametrize(
    ("function", "settings", "message"),
    [
        (simulators.throw_to_nowhere, {}, r"row 1 \(.*\) returned \[nan, 1.0\]"),
        (simulators.throw_too_much, {}, r"row 0 .* returned the shape \(3,\) instead of \(2,\)"),
        (lambda x: ["far", "high"], {}, "returned <U4 instead of numbers"),
        (simulators.throw_batch_below_nine, {"batched": True, "chunk_size": 3}, r"row 1 .*raised"),
        (lambda x: np.where(x > 9, np.inf, x), {"batched": True, "chunk_size": 3},
         r"row 1 \(speed=9.5, angle=0.2\) returned \[inf, 0.2\]"),
        (lambda x: x[:2], {"batched": True, "chunk_size": 3},
         r"the rest of its batch returned the shape \(2, 2\) instead of \(3, 2\)"),
    ],
)  # fmt: skip
def test_what_a_simulator_should_not_return(function, settings, message, key):
    x = np.array([[5.0, 0.1], [9.5, 0.2], [8.0, 0.3]])
    with pytest.raises(SimulationError, match=message):
        problem(function, **settings).simulate_rows(key, x)


def test_a_function_that_workers_cannot_import(processes, key):
    with pytest.raises(SimulationError, match="executor could not run") as caught:
        problem(lambda x: x, executor=processes).simulations(key, 2)
    assert "top level of a module" in caught.value.hint


def test_a_simulator_that_writes_into_its_input_changes_nothing(key):
    x = np.ones((2, 2))
    problem(simulators.scribble).simulate_rows(key, x)
    assert_array_equal(x, 1)


def test_unusable_parameters_are_refused(key):
    with pytest.raises(ShapeError, match=r"2 parameters \(speed, angle\); got 3"):
        problem().simulate_rows(key, np.ones((1, 3)))
    with pytest.raises(NonFiniteError, match=r"first rows: \[1\]"):
        problem().simulate_rows(key, np.array([[1.0, 1.0], [np.nan, 1.0]]))


def test_names_and_bounds_come_from_the_prior(key):
    speed, angle = problem().parameters
    assert (speed.name, speed.lower, speed.upper) == ("speed", 1, 10)
    assert (angle.name, angle.lower, angle.upper) == ("angle", 0, 1)
    box = SimulatorProblem(lambda x: x.sum(), prior=Uniform(np.zeros(2), np.ones(2)), observables=1,
                           parameters=["a", Variable("b", "m")])  # fmt: skip
    assert box.parameters == (Variable("a", lower=0.0, upper=1.0), Variable("b", "m"))
    x, y = box.simulations(key, 5)
    assert_allclose(y[:, 0], x.sum(axis=1), rtol=1e-6)


def test_the_prior_is_the_product_of_its_marginals(key):
    prior, num = IndependentMarginals(PRIOR), 20_000
    x = prior.sample_rows(np.random.default_rng(3), num)
    for column, marginal in zip(x.T, PRIOR.values(), strict=True):
        assert stats.kstest(column, marginal.cdf).pvalue > 1e-4
    assert abs(np.corrcoef(x.T)[0, 1]) < 5 / np.sqrt(num)
    expected = np.log(1 / 9) + stats.beta(2, 3).logpdf(0.25)
    assert_allclose(problem().prior_log_prob(np.array([[2.0, 0.25], [0.0, 0.25]])),
                    [expected, -np.inf])  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prior": {}}, "at least one parameter"),
        ({"prior": {"a": stats.poisson(3)}}, "prior of `a` must be a frozen continuous"),
        ({"prior": {"a": 3.0}}, "got float"),
        ({"prior": Normal(0.0, 1.0)}, "distribution of one vector"),
        ({"chunk_size": 0}, "at least 1; got 0"),
        ({"observables": []}, "at least one observable"),
        ({"parameters": ["speed"]}, "2 parameters; 1 were named"),
        ({"parameters": ["angle", "speed"]}, "names its parameters"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    arguments = {"function": simulators.throw_row, "prior": PRIOR, "observables": 2} | settings
    with pytest.raises(ConfigurationError, match=message):
        SimulatorProblem(arguments.pop("function"), **arguments)
