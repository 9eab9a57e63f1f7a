"""Inversion by optimisation: closed forms, two solutions, and the forward network itself."""

import copy

import jax
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import r2_score

import retrodict
from retrodict.errors import (
    CapabilityError,
    ConfigurationError,
    ConstantColumnError,
    NotConvergedWarning,
    NotFittedError,
    OutsideTrainingRangeWarning,
    ShapeError,
)
from retrodict.problems import GaussianMixtureInverse, get_problem
from retrodict.solvers import GradientInversion, get_solver

NUM_STARTS = 256
MATRIX = np.array([[1.0, -0.5, 0.2], [0.3, 0.8, -1.0]])
NOISE_SD = 0.4
SPREAD = np.array([2.0, 0.5, 1.0])
SQUARED_AT = 1.5


def squares(num, seed=0):
    """y = x^2 + noise: two causes for each effect."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num, 1))
    return x, x**2 + 0.05 * rng.normal(size=(num, 1))


@pytest.fixture(scope="module")
def linear():
    """A fit of y = A x + noise with x ~ N(1, diag(SPREAD)^2)."""
    rng = np.random.default_rng(4)
    x = 1 + SPREAD * rng.normal(size=(6000, 3))
    y = x @ MATRIX.T + NOISE_SD * rng.normal(size=(6000, 2))
    table = pd.DataFrame(x, columns=["a", "b", "c"]), pd.DataFrame(y, columns=["p", "q"])
    return GradientInversion(16, 1, with_prior=True, max_epochs=30).fit(*table)


@pytest.fixture(scope="module")
def squared():
    return GradientInversion(32, 1, max_epochs=60, random_state=1).fit(*squares(3000))


def test_with_prior_the_solution_of_a_linear_problem_is_its_posterior_mean(linear):
    """The maximum of a Gaussian posterior, (A^T A / s^2 + S^-1)^-1 (A^T y / s^2 + S^-1 m)."""
    rng = np.random.default_rng(9)
    y = rng.normal(size=(5, 2)) + MATRIX @ np.ones(3)
    precision = MATRIX.T @ MATRIX / NOISE_SD**2 + np.diag(SPREAD**-2.0)
    target = (y @ MATRIX / NOISE_SD**2 + SPREAD**-2.0).T
    expected = np.linalg.solve(precision, target).T
    found = linear.solutions(y, num_starts=NUM_STARTS)
    assert found.num_solutions.tolist() == [1] * 5
    assert_allclose(found.share, 1)
    assert (np.abs(found.x - expected) < 0.12 * SPREAD).all()
    draws = linear.retrodict(y).sample(NUM_STARTS)
    assert_allclose(draws, np.repeat(found.x[:, None], NUM_STARTS, axis=1), atol=0.02)


def test_the_noise_is_taken_from_held_out_rows(linear):
    y_sd = np.sqrt((MATRIX**2) @ SPREAD**2 + NOISE_SD**2)
    expected = np.sqrt(np.mean((NOISE_SD / y_sd) ** 2))
    assert_allclose(linear._distribution().noise_sd, expected, rtol=0.1)
    given = copy.copy(linear).set_params(noise_sd=0.7)
    assert given._distribution().noise_sd == np.float32(0.7)


def test_both_causes_of_a_square_are_found_half_of_the_time(squared):
    found = squared.solutions([SQUARED_AT], num_starts=NUM_STARTS)
    assert found.num_solutions.tolist() == [2]
    order = np.argsort(found.x[:, 0])
    assert_allclose(found.x[order, 0], [-np.sqrt(SQUARED_AT), np.sqrt(SQUARED_AT)], atol=0.06)
    assert (np.abs(found.share - 0.5) < 4 * 0.5 / np.sqrt(NUM_STARTS)).all()
    assert (found.loss < 1e-4).all()
    assert found.share_not_converged == 0
    frame = found.to_dataframe()
    assert list(frame) == ["observation", "x1", "loss", "share"]
    assert "256 starts found 2 distinct solutions" in str(found)
    assert "0.0% of the searches did not converge" in str(found)


def test_draws_are_the_ends_that_solutions_counts(squared):
    y = np.array([[SQUARED_AT], [0.8]])
    draws = squared.retrodict(y).sample(NUM_STARTS)
    found = squared.solutions(y, num_starts=NUM_STARTS)
    assert draws.shape == (2, NUM_STARTS, 1)
    for i in (0, 1):
        mine = found.x[found.observation == i, 0]
        assert (np.abs(draws[i] - mine).min(axis=1) < 0.1 * draws.std()).all()
    again = squared.solutions(y, num_starts=NUM_STARTS, random_state=7)
    assert not np.array_equal(again.share, found.share)


def test_coverage_counts_what_optimisation_sees(squared):
    near = np.sqrt(SQUARED_AT) + np.array([0.0, 0.02, -0.03])
    draws = np.concatenate([near, -near, [0.0, 0.5]])[:, None]
    found = squared.solutions([SQUARED_AT], num_starts=NUM_STARTS)
    assert_allclose(found.coverage(draws, distance=0.15), 6 / 8)
    assert_allclose(found.coverage(draws[None], distance=10.0), 1)


def test_an_arm_is_inverted_with_and_without_prior():
    """Ends re-simulate to the observation; with the prior they see less of the posterior."""
    problem = get_problem("inverse-kinematics")
    solver = GradientInversion(32, 1, max_epochs=40)
    solver.fit_problem(problem, num_simulations=4000)
    y = np.array([[1.5, 0.0], [0.5, 1.2], [1.0, 1.2], [1.8, -0.3]])
    exact = problem.exact_posterior_rows(jax.random.key(6), y, 500)
    draws = solver.retrodict(y).sample(NUM_STARTS)
    simulated = problem.simulate_rows(jax.random.key(7), draws.reshape(-1, 4))
    distance = np.linalg.norm(simulated.reshape(4, NUM_STARTS, 2) - y[:, None], axis=2)
    assert np.median(distance) < 0.15
    without = solver.solutions(y, num_starts=NUM_STARTS)
    solver.set_params(with_prior=True)
    with_prior = solver.solutions(y, num_starts=NUM_STARTS)
    assert (with_prior.num_solutions < without.num_solutions).all()
    seen = with_prior.coverage(exact, distance=0.5)
    assert (seen < without.coverage(exact, distance=0.5)).all()
    assert (seen > 0).any()


def test_predictions_keep_the_kind_of_table(linear):
    x = pd.DataFrame(np.ones((3, 3)) + np.eye(3), columns=["a", "b", "c"], index=[7, 8, 9])
    predicted = linear.predict(x)
    assert list(predicted) == ["p", "q"]
    assert predicted.index.tolist() == [7, 8, 9]
    assert_allclose(predicted, x.to_numpy() @ MATRIX.T, atol=0.1)
    assert_array_equal(linear.predict(x.to_numpy()), predicted.to_numpy())
    assert_array_equal(linear.predict(x[["c", "a", "b"]]), predicted)


def test_the_score_is_the_mean_explained_share(linear):
    rng = np.random.default_rng(2)
    x = 1 + SPREAD * rng.normal(size=(500, 3))
    y = x @ MATRIX.T + NOISE_SD * rng.normal(size=(500, 2))
    assert_allclose(linear.score(x, y), r2_score(y, linear.predict(x)))
    explained = 1 - NOISE_SD**2 / ((MATRIX**2) @ SPREAD**2 + NOISE_SD**2)
    assert_allclose(linear.score(x, y), explained.mean(), atol=0.03)
    with pytest.raises(ShapeError, match="500 rows of `x` and 499"):
        linear.score(x, y[1:])
    with pytest.raises(ConstantColumnError, match="none varies"):
        linear.score(x[:4], np.ones((4, 2)))


def test_constant_observables_do_not_spoil_the_score():
    problem = GaussianMixtureInverse([[-1.0], [1.0], [1.5]], 0.3, labels=[0, 1, 1])
    solver = GradientInversion(16, 1, max_epochs=20).fit_problem(problem, num_simulations=2000)
    x, y = problem.simulations(jax.random.key(3), 1000)
    assert (y[:, 2] == 0).all()
    assert solver.score(x, y) > 0.9
    assert_allclose(solver.predict(x)[:, 2], 0, atol=0.02)


def test_searches_that_are_given_up_are_told(squared):
    hurried = copy.copy(squared).set_params(max_steps=1)
    with pytest.warns(NotConvergedWarning, match=r"of 64 searches had not converged after 1 steps"):
        draws = hurried.retrodict([1.0]).sample(64)
    assert np.isfinite(draws).all()
    found = hurried.solutions([1.0], num_starts=64)
    assert found.share_not_converged[0] > 0.5
    assert_allclose(found.share.sum() + found.share_not_converged[0], 1)


def test_an_observation_outside_the_training_range_is_told(squared):
    for answer in (squared.retrodict, lambda y: squared.solutions(y, num_starts=8)):
        with pytest.warns(OutsideTrainingRangeWarning, match="above"):
            answer([50.0])


def test_a_saved_model_answers_the_same(linear, tmp_path):
    retrodict.save(linear, tmp_path / "model")
    again = retrodict.load(tmp_path / "model")
    assert isinstance(again, GradientInversion)
    y = [[2.0, 0.5], [0.0, 1.0]]
    assert_array_equal(again.retrodict(y).sample(256), linear.retrodict(y).sample(256))
    x = np.ones((2, 3))
    assert_array_equal(again.predict(x), linear.predict(x))


def test_there_is_no_density(squared):
    assert not squared.has_round_trip
    for ask in (lambda p: p.log_prob([1.0]), lambda p: p.mode()):
        with pytest.raises(CapabilityError, match="gives draws only"):
            ask(squared.retrodict([SQUARED_AT]))


def test_bad_settings_and_questions_are_refused(squared):
    for name, value in {"tolerance": 0.0, "max_steps": 0, "width": -1, "noise_sd": -0.1}.items():
        with pytest.raises(ConfigurationError, match=f"`{name}` must be positive"):
            get_solver("gradient-inversion", **{name: value})
    with pytest.raises(ConfigurationError, match="num_starts=0"):
        squared.solutions([1.0], num_starts=0)
    with pytest.raises(ConfigurationError, match=r"radius=0\.0"):
        squared.solutions([1.0], radius=0.0)
    with pytest.raises(NotFittedError):
        GradientInversion().solutions([1.0])
    with pytest.raises(NotFittedError):
        GradientInversion().predict([[1.0]])
