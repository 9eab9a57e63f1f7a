"""Simulations that diverge: counted, told, left out, and refused when they are too many."""

import re
import warnings

import jax
import numpy as np
import numpy_simulators as simulators
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from retrodict.errors import ConfigurationError, DivergedSimulationsWarning, SimulationError
from retrodict.problems import SimulatorProblem
from retrodict.problems.valid import MOST_DIVERGED, valid_simulations

PRIOR = {"speed": stats.uniform(0, 10), "angle": stats.beta(2, 3)}


def problem(function, **settings):
    settings = {"diverged": "exclude"} | settings
    return SimulatorProblem(
        function, prior=PRIOR, observables=["range", "rise"], name="throw", **settings
    )


def above(speed):
    """A batched simulator with a row of NaN and of infinity in turn where it is too fast."""

    def simulate(x):
        y = simulators.throw_batch(x)
        fast = np.flatnonzero(x[:, 0] > speed)
        y[fast[::2], 0] = np.nan
        y[fast[1::2], 1] = np.inf
        return y

    return simulate


def test_diverged_rows_are_left_out_and_told(key):
    found = problem(above(9.5), batched=True)
    every_x, every_y = found.simulations(key, 1000)
    fast = every_x[:, 0] > 9.5
    first = every_x[fast][0]
    message = (
        rf"^{fast.sum()} of 1,000 simulations of `throw` \({fast.mean() * 100:.2g} %\) ended in "
        rf"NaN or infinity and are left out, first at \(speed={first[0]:.6g}, angle="
    )
    with pytest.warns(DivergedSimulationsWarning, match=message) as caught:
        x, y, num_diverged = valid_simulations(found, key, 1000)
    assert "get no probability" in str(caught[0].message)
    assert num_diverged == fast.sum() > 20
    assert_array_equal(x, every_x[~fast])
    assert_array_equal(y, simulators.throw_batch(x))
    assert_array_equal(every_y[~fast], y)
    assert np.isnan(every_y[fast]).all()


def test_nothing_is_said_where_all_simulations_end(key):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x, y, num_diverged = valid_simulations(problem(above(10), batched=True), key, 100)
    assert (len(x), len(y), num_diverged) == (100, 100, 0)


@pytest.mark.parametrize(("speed", "passes"), [(9.3, True), (8.7, False)])
def test_too_many_are_refused(speed, passes, key):
    """A share of .07 passes, of .13 does not."""
    found = problem(above(speed), batched=True)
    assert MOST_DIVERGED == 0.1
    if passes:
        with pytest.warns(DivergedSimulationsWarning):
            valid_simulations(found, key, 2000)
        return
    with pytest.raises(SimulationError, match="no more than 10% may be left out") as caught:
        valid_simulations(found, key, 2000)
    assert "Narrow the prior" in caught.value.hint


@pytest.mark.parametrize("batched", [False, True])
def test_rows_of_nan_are_the_same_however_the_simulator_is_called(batched, key):
    x = np.array([[5.0, 0.1], [9.75, 0.2], [8.0, 0.3], [9.6, 0.4]])
    function = above(9.5) if batched else lambda row: above(9.5)(row[None])[0]
    y = problem(function, batched=batched, chunk_size=3).simulate_rows(key, x)
    expected = np.where(x[:, :1] > 9.5, np.nan, simulators.throw_batch(x))
    assert_array_equal(y, expected)


def test_a_single_observable_may_be_a_bare_number(key):
    found = SimulatorProblem(
        lambda x: np.log(x[0] - 5) if x[0] > 5 else np.nan,
        prior=PRIOR, observables=1, diverged="exclude",
    )  # fmt: skip
    y = found.simulate_rows(key, np.array([[6.0, 0.1], [4.0, 0.1]]))
    assert_array_equal(y, [[0.0], [np.nan]])


@pytest.mark.parametrize("batched", [False, True])
def test_by_default_nan_is_an_error_that_names_the_way_out(batched, key):
    function = above(9.5) if batched else lambda row: above(9.5)(row[None])[0]
    with pytest.raises(SimulationError, match=r"row 1 .* returned \[nan") as caught:
        problem(function, batched=batched, diverged="raise").simulate_rows(
            key, np.array([[5.0, 0.1], [9.75, 0.2]])
        )
    assert 'diverged="exclude"' in caught.value.hint


@pytest.mark.parametrize("batched", [False, True])
def test_exceptions_and_wrong_shapes_are_raised_all_the_same(batched, key):
    failing = simulators.throw_batch_below_nine if batched else simulators.throw_below_nine
    x = np.array([[5.0, 0.1], [9.5, 0.2]])
    with pytest.raises(SimulationError, match=r"row 1 .* raised ArithmeticError"):
        problem(failing, batched=batched).simulate_rows(key, x)
    with pytest.raises(SimulationError, match="returned the shape"):
        problem(lambda x: np.append(x, x), batched=batched).simulate_rows(key, x)


def test_another_word_is_refused():
    with pytest.raises(ConfigurationError, match=re.escape('"raise" or "exclude"; got \'drop\'')):
        problem(simulators.throw_row, diverged="drop")


def test_a_jax_problem_hands_its_nan_on_to_be_counted(key):
    from retrodict.problems import LinearGaussian

    class Diverging(LinearGaussian):
        def simulate(self, key, x):
            y = LinearGaussian.simulate(self, key, x)
            return jax.numpy.where(x[0] > 1.7, jax.numpy.nan, y)

    with pytest.warns(DivergedSimulationsWarning, match=r"of 1,000 simulations .*x1="):
        x, _, num_diverged = valid_simulations(Diverging([[1.0]], 0.1), key, 1000)
    # The share of a standard normal beyond 1.7 is .0446.
    assert abs(num_diverged - 44.6) < 4 * np.sqrt(44.6)
    assert x.max() <= 1.7
    assert len(x) == 1000 - num_diverged
