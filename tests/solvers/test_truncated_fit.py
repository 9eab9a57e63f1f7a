"""Rounds of simulations for one observation."""

import warnings

import jax
import numpy as np
import pandas as pd
import pytest
from gaussian_world import COVARIANCE, MEAN, OBSERVATION, Exact, observe, problem
from numpy.testing import assert_allclose, assert_array_equal

import retrodict
from retrodict.errors import (
    CapabilityError,
    CheckpointMismatchError,
    ConfigurationError,
    DataError,
    DivergedSimulationsWarning,
    MisspecificationWarning,
    ShapeError,
    TooFewRowsError,
    TruncationWarning,
)
from retrodict.flows import RealNVP
from retrodict.solvers import ConditionalFlow, ConditionalVAE, Ensemble
from retrodict.solvers.sequential import truncated_prior

SMALL = RealNVP(num_layers=2, width=8, depth=1)
TRUNCATION = 1e-4
SEQUENTIAL = {
    "observation": OBSERVATION,
    "num_simulations": 900,
    "num_rounds": 3,
    "truncation": TRUNCATION,
}


def solver(**settings):
    return ConditionalFlow(
        SMALL,
        **{"num_members": 1, "max_epochs": 60, "batch_size": 64, "learning_rate": 1e-2} | settings,
    )


def fit(estimator, world=None, **settings):
    """Few held-out pairs and small networks: whether they are too sure is not the question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        return estimator.fit_problem(world or problem(), **SEQUENTIAL | settings)


@pytest.fixture(scope="module")
def fitted():
    return fit(solver())


def moments_error(draws):
    """Of mean and covariance, in posterior standard deviations and variances."""
    sds = np.sqrt(np.diag(COVARIANCE))
    of_mean = np.abs(draws.mean(axis=0) - MEAN) / sds
    of_covariance = np.abs(np.cov(draws.T) - COVARIANCE) / np.outer(sds, sds)
    return of_mean.max(), of_covariance.max()


def test_the_posterior_is_exact(fitted):
    of_mean, of_covariance = moments_error(fitted.retrodict(OBSERVATION).sample(20_000))
    # What 900 rows leave undecided.
    assert of_mean < 0.2
    assert of_covariance < 0.3


def test_it_agrees_with_a_fit_for_all_observations(fitted):
    plain = solver().fit_problem(problem(), num_simulations=900)
    x = Exact(OBSERVATION[None]).sample(jax.random.key(2), 2_000)[0]
    ours = fitted.retrodict(OBSERVATION).log_prob(x)
    theirs = plain.retrodict(OBSERVATION).log_prob(x)
    truth = Exact(OBSERVATION[None]).log_prob(x[None])[0]
    assert abs(np.mean(ours - theirs)) < 0.15
    assert 0 < np.mean(truth - ours) < 0.1


def test_rounds_tell_the_share_of_the_prior_that_is_left(fitted):
    rounds = fitted.rounds_
    assert rounds["round"].tolist() == [1, 2, 3]
    assert rounds["num_simulations"].tolist() == [300, 300, 300]
    assert rounds["drawn_by"].tolist() == ["prior", "rejection", "rejection"]
    # The ellipse of all but one in 10,000 of the exact posterior, and of the prior what is in it.
    x = np.random.default_rng(0).normal(size=(400_000, 2)) * [1.0, 2.0]
    off = x - MEAN
    inside = np.einsum("ni,ij,nj->n", off, np.linalg.inv(COVARIANCE), off) < -2 * np.log(TRUNCATION)
    assert rounds["prior_share"][0] == 1
    assert_allclose(rounds["prior_share"][1], inside.mean(), rtol=0.4)
    assert rounds["prior_share"].is_monotonic_decreasing
    assert_allclose(rounds["share_kept"].prod(), rounds["prior_share"][2])
    assert (rounds["prior_share_se"][1:] < 0.1 * rounds["prior_share"][1:]).all()
    assert rounds["num_rows"].tolist() == [300, 600, 900]
    assert (rounds["share_outside"] < 0.05).all()


def test_rounds_go_on_where_the_prior_is_hardly_ever_inside(monkeypatch):
    # More starts than the earlier rounds have inside, and than are looked for.
    monkeypatch.setattr(truncated_prior, "_FEWEST_STARTS", 1_000)
    monkeypatch.setattr(truncated_prior, "_BLOCKS_AT_FIRST", 0)
    estimator = fit(solver())
    assert estimator.rounds_["drawn_by"].tolist() == ["prior", "chains", "chains"]
    of_mean, of_covariance = moments_error(estimator.retrodict(OBSERVATION).sample(20_000))
    assert of_mean < 0.2
    assert of_covariance < 0.3


def test_only_its_own_observation_is_answered(fitted):
    assert_array_equal(fitted.observation_, OBSERVATION)
    named = {"near": OBSERVATION[0], "far": OBSERVATION[1]}
    expected = fitted.retrodict(OBSERVATION).sample(5)
    for same in (named, np.float32(OBSERVATION), list(OBSERVATION)):
        assert_allclose(fitted.retrodict(same).sample(5), expected, rtol=1e-4)
    row = pd.DataFrame([named])[["far", "near"]]
    assert_allclose(fitted.retrodict(row).sample(5)[0], expected, rtol=1e-4)
    for other in (OBSERVATION + 1e-3, np.stack([OBSERVATION, -OBSERVATION])):
        with pytest.raises(DataError, match="fitted for one observation") as caught:
            fitted.retrodict(other)
        assert "observation=" in caught.value.hint


def test_saving_keeps_the_observation_and_the_rounds(fitted, tmp_path):
    retrodict.save(fitted, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    assert_array_equal(loaded.observation_, OBSERVATION)
    pd.testing.assert_frame_equal(loaded.rounds_, fitted.rounds_, check_dtype=False)
    assert str(loaded.truncation_check_) == str(fitted.truncation_check_)
    with pytest.raises(DataError, match="one observation"):
        loaded.retrodict(-OBSERVATION)


def test_a_later_fit_for_all_observations_forgets_the_one():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    estimator = solver(max_epochs=1)
    estimator._one_observation = object()
    estimator.fit(x, observe(x, rng))
    assert not hasattr(estimator, "rounds_")
    assert not hasattr(estimator, "observation_")
    assert estimator.retrodict(-OBSERVATION).sample(2).shape == (2, 2)


class Cut:
    """A power cut in the middle of the training of one round."""

    def __init__(self, in_round):
        self.rounds_left = in_round

    def start(self, total_epochs, description):
        self.rounds_left -= 1

    def update(self, record, time_left_seconds, fraction):
        if self.rounds_left == 0 and record.epoch == 3:
            raise RuntimeError("power cut")

    def stop(self, outcome):
        pass


def test_a_killed_run_goes_on_and_repeats_no_round(fitted, tmp_path):
    checkpoint = tmp_path / "run"
    rows = []

    def counted(x, rng):
        rows.append(len(x))
        return observe(x, rng)

    world = problem(counted)
    with pytest.raises(RuntimeError, match="power cut"):
        fit(solver(), world, checkpoint=checkpoint, progress=Cut(2))
    assert sum(rows) == 600
    again = fit(solver(), world, checkpoint=checkpoint)
    assert sum(rows) == 900
    for ours, theirs in zip(
        again.to_state()[1].values(), fitted.to_state()[1].values(), strict=True
    ):
        assert_array_equal(ours, theirs)
    told = [name for name in fitted.rounds_ if name != "seconds"]
    pd.testing.assert_frame_equal(again.rounds_[told], fitted.rounds_[told])
    with pytest.raises(CheckpointMismatchError, match="its observation differ"):
        fit(solver(), world, checkpoint=checkpoint, observation=-OBSERVATION)
    with pytest.raises(CheckpointMismatchError, match="solver's settings differ"):
        fit(solver(random_state=1), world, checkpoint=checkpoint)
    assert sum(rows) == 900


def test_an_ensemble_learns_in_rounds(tmp_path):
    ensemble = fit(
        Ensemble(solver(max_epochs=4), 2), num_simulations=600, num_rounds=2, truncation=1e-4
    )
    of_mean, of_covariance = moments_error(ensemble.retrodict(OBSERVATION).sample(5_000))
    assert of_mean < 0.4
    assert of_covariance < 0.5
    assert 0 < ensemble.rounds_["prior_share"][1] < 0.3
    retrodict.save(ensemble, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.rounds_, ensemble.rounds_, check_dtype=False)
    with pytest.raises(DataError, match="one observation"):
        loaded.retrodict(-OBSERVATION)


def test_simulations_that_diverge_are_left_out_of_every_round():
    def breaks(x, rng):
        y = observe(x, rng)
        y[rng.random(len(x)) < 0.03] = np.nan
        return y

    world = problem(breaks, diverged="exclude")
    with pytest.warns(DivergedSimulationsWarning, match="left out"):
        estimator = fit(
            solver(max_epochs=2), world, num_simulations=500, num_rounds=2, truncation=0.05
        )
    lost = estimator.rounds_["num_diverged"]
    assert (lost > 0).all()
    assert estimator.num_diverged_ == lost.sum() < 40


def test_an_observation_that_the_prior_hardly_produces_is_told(monkeypatch):
    monkeypatch.setattr(truncated_prior, "_BLOCKS_AT_MOST", 2)
    far = np.array([9.0, 0.0])
    with (
        pytest.warns(MisspecificationWarning, match="near") as caught,
        pytest.raises(DataError, match="hardly"),
    ):
        fit(solver(max_epochs=2), observation=far, num_simulations=900, num_rounds=2)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"num_rounds": 0}, ConfigurationError, "at least 1; got 0"),
        ({"num_rounds": 10}, TooFewRowsError, "in 10 rounds leave 90"),
        ({"truncation": 0.0}, ConfigurationError, "above 0"),
        ({"truncation": 0.5}, ConfigurationError, "at most 0.1"),
        ({"observation": np.stack([OBSERVATION] * 2)}, ShapeError, "got 2"),
        ({"online": True}, ConfigurationError, "stored simulations"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_simulated(settings, error, words):
    def never(x, rng):
        raise AssertionError("simulated")

    with pytest.raises(error, match=words) as caught:
        fit(solver(), problem(never), **settings)
    assert caught.value.hint


def test_a_solver_without_a_density_is_refused():
    with pytest.raises(CapabilityError, match="density"):
        fit(ConditionalVAE())
