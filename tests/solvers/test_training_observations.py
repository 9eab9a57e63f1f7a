"""A solver tells when an observation is unlike those that it has learned from."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import retrodict
from retrodict.errors import MisspecificationWarning, OutsideTrainingRangeWarning
from retrodict.solvers import RejectionABC
from retrodict.solvers.training_observations import (
    FEWEST_ROWS,
    MOST_OBSERVABLES,
    TrainingObservations,
)
from retrodict.variables import Variable

OBSERVABLES = [Variable(name) for name in ("first", "second", "third", "fourth")]
USUAL, ODD = [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, -0.5, 1.0]


def readings(num, seed):
    """Four thermometers of one room, with little noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num, 1))
    return x, x + 0.05 * rng.normal(size=(num, 4))


@pytest.fixture(scope="module")
def solver():
    return RejectionABC().fit(*readings(2_000, 0), observables=OBSERVABLES)


def told(solver, y):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solver.retrodict(y)
    return [str(warning.message) for warning in caught]


def test_instruments_that_disagree_are_told_although_each_alone_is_usual(solver):
    (sentence,) = told(solver, ODD)
    assert "(p = 0.005): `third` is -0.5 where 1.00" in sentence
    with pytest.warns(MisspecificationWarning) as caught:
        solver.retrodict(ODD)
    assert caught[0].filename == __file__
    assert told(solver, USUAL) == []


def test_far_outside_the_range_the_distance_is_told(solver):
    (sentence,) = told(solver, [0.0, 0.0, 0.0, 1e3])
    assert "fourth = 1000 is" in sentence
    assert "widths of it above" in sentence
    with pytest.warns(OutsideTrainingRangeWarning):
        solver.retrodict([0.0, 0.0, 0.0, 1e3])


def test_one_observation_in_a_hundred_like_those_of_training_is_called_odd(solver):
    _, y = readings(20_000, 1)
    share = solver.typical_observations_.test(y).is_odd.mean()
    # 1 % among 200 held-out ones, whose own place varies: Beta(2, 199).
    assert 0.002 < share < 0.03
    alone = np.mean([bool(told(solver, row)) for row in y[:500]])
    assert alone <= 0.03


def test_a_batch_is_warned_of_once_and_only_if_more_are_odd_than_by_chance(solver):
    _, y = readings(500, 2)
    assert told(solver, y) == []
    broken = y.copy()
    broken[:50, 2] += 1.0
    (sentence,) = told(solver, broken)
    assert "of 500 observations" in sentence
    assert "`third` stands out" in sentence


def test_a_single_value_far_outside_is_told_in_a_large_batch(solver):
    _, y = readings(500, 3)
    y[7, 0] = 100.0
    (sentence,) = told(solver, y)
    assert sentence.startswith("1 of 500 observations lies outside")


def test_with_few_rows_the_range_alone_is_told():
    few = RejectionABC().fit(*readings(FEWEST_ROWS - 1, 0))
    assert few.typical_observations_ is None
    assert told(few, ODD) == []
    (sentence,) = told(few, [0.0, 0.0, 0.0, 10.0])
    assert "outside the training range" in sentence
    enough = RejectionABC().fit(*readings(FEWEST_ROWS, 0))
    assert enough.typical_observations_ is not None


def test_observations_for_which_there_is_no_test():
    rng = np.random.default_rng(0)
    wide = TrainingObservations.fit(rng.normal(size=(FEWEST_ROWS, MOST_OBSERVABLES + 1)), [], 0)
    assert wide.typical is None
    constant = TrainingObservations.fit(np.full((FEWEST_ROWS, 1), 0.1), ["y"], 0)
    assert constant.typical is None
    assert constant.warning(np.array([[0.1]]), ["y"]) is None
    assert "y = 0.2 is 0.1 above" in str(constant.warning(np.array([[0.2]]), ["y"]))


def test_a_constant_simulated_in_single_precision_may_be_typed_in_full():
    rng = np.random.default_rng(0)
    y = np.stack([rng.normal(size=500), np.full(500, np.float32(0.1), float)], axis=1)
    seen = TrainingObservations.fit(y, ["y", "setting"], 0)
    assert seen.warning(np.array([[0.0, 0.1]]), ["y", "setting"]) is None
    assert "setting" in str(seen.warning(np.array([[0.0, 0.11]]), ["y", "setting"]))


def test_it_is_saved_and_loaded_with_the_solver(solver, tmp_path):
    retrodict.save(solver, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    _, y = readings(50, 4)
    before, after = (s.typical_observations_.test(y) for s in (solver, loaded))
    assert_array_equal(before.p_values, after.p_values)
    for y in (ODD, [0.0, 0.0, 0.0, 1e3]):
        assert told(loaded, y) == told(solver, y)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "columns",
    [
        lambda rng, z: rng.standard_cauchy(z.shape) ** 5,
        lambda rng, z: z * 1e300,
        lambda rng, z: z * [1e-200, 1.0, 1e200],
        lambda rng, z: z * 1e-310,
        lambda rng, z: (z > 2.5).astype(float),
        lambda rng, z: rng.poisson(0.3, z.shape).astype(float),
        lambda rng, z: z[:, [0, 0, 0]] + [0.0, 1e12, -5.0],
        lambda rng, z: np.concatenate([z[:, :1], 1 + 1e-15 * z[:, 1:]], axis=1),
        lambda rng, z: np.exp(50 * z),
        lambda rng, z: np.where(rng.random(z.shape) < 0.97, 0.0, z),
        lambda rng, z: z @ rng.normal(size=(3, 450)),
    ],
    ids=[
        "heavy tails", "huge", "of all sizes", "denormal", "rarely another value", "counts",
        "equal columns", "nearly constant", "skewed", "mostly zero", "more columns than rows",
    ],
)  # fmt: skip
def test_whatever_can_be_trained_on_can_be_looked_at(columns):
    rng = np.random.default_rng(5)
    y = columns(rng, rng.normal(size=(800, 3)))
    names = [f"y{i}" for i in range(y.shape[1])]
    seen = TrainingObservations.fit(y[:FEWEST_ROWS], names, 0)
    found = seen.typical.test(y)
    assert np.isfinite(found.p_values).all()
    assert str(found)
    own = found.is_odd[:FEWEST_ROWS].mean()
    assert own <= 0.05
