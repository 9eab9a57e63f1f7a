"""From pairs to a posterior."""

import jax
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from small_problem import OBSERVABLES, PARAMETERS, SMALL, pairs

import retrodict
from retrodict.errors import (
    ColumnNotFoundError,
    ConfigurationError,
    ConstantColumnError,
    NonFiniteError,
    NotFittedError,
    OutOfBoundsError,
    OutsideTrainingRangeWarning,
    ShapeError,
    TooFewRowsError,
)
from retrodict.flows import FFJORD, RealNVP, SplineCoupling
from retrodict.problems import LinearGaussian
from retrodict.solvers import ConditionalFlow
from retrodict.solvers.defaults import default_flow, default_flow_members, default_training

TINY = {"max_epochs": 1, "batch_size": 128}


def test_it_is_a_scikit_learn_estimator():
    estimator = ConditionalFlow("real-nvp", max_epochs=3)
    assert clone(estimator).get_params() == estimator.get_params()
    with pytest.raises(NotFittedError, match="not learned"):
        estimator.retrodict([1.0])


def test_a_linear_gaussian_problem_is_solved_exactly():
    matrix = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])
    problem = LinearGaussian(matrix, noise_sd=0.5)
    estimator = ConditionalFlow(SMALL, **TINY).fit_problem(problem, num_simulations=4000)
    y = np.array([1.0, -0.5])
    draws = estimator.retrodict(y).sample(4000)
    # The flow may have learned a little noise from 4,000 simulations: tolerances of the fit.
    covariance = np.asarray(problem.posterior_covariance)
    sd = np.sqrt(np.diag(covariance))
    assert_allclose(
        draws.mean(axis=0),
        problem.posterior_mean(jax.numpy.asarray(y, np.float32)),
        atol=0.15 * sd.max(),
    )
    assert_allclose(np.cov(draws.T), covariance, atol=0.15 * covariance.max())


def test_training_improves_and_keeps_the_best(fitted):
    history = fitted.history_
    assert history["validation_loss"].iloc[-1] < history["validation_loss"].iloc[0] - 0.04
    x, y = pairs(500, seed=9)
    inside = y[:, 0] < 15
    held_out = -fitted.retrodict(y[inside]).log_prob(x[inside]).mean()
    assert abs(held_out - history["validation_loss"].min()) < 0.25


def test_the_same_seed_gives_the_same_model():
    x, y = pairs(300)
    draws = [
        ConditionalFlow(SMALL, random_state=seed, **TINY).fit(x, y).retrodict([4.0]).sample(50)
        for seed in (1, 1, 2)
    ]
    assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_names_come_back():
    x, y = pairs(300)
    x = pd.DataFrame(x, columns=["angle", "mass"])
    y = pd.DataFrame(y, columns=["range"])
    estimator = ConditionalFlow(SMALL, **TINY).fit(x, y)
    posterior = estimator.retrodict({"range": 4.0})
    assert posterior.to_dataframe(3).columns.tolist() == ["angle", "mass"]
    assert estimator.scaling_["variable"].tolist() == ["angle", "mass", "range"]
    with pytest.raises(ColumnNotFoundError, match="range"):
        estimator.retrodict({"rang": 4.0})
    unnamed = ConditionalFlow(SMALL, **TINY).fit(x.to_numpy(), y.to_numpy())
    assert unnamed.retrodict([4.0]).to_dataframe(3).columns.tolist() == ["x1", "x2"]


def test_one_cause_is_enough():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    y = x + 0.1 * rng.normal(size=(400, 1))
    estimator = ConditionalFlow(SMALL, **TINY).fit(x, y)
    draws = estimator.retrodict([0.5]).sample(2000)
    assert abs(draws.mean() - 0.5) < 0.05
    assert 0.07 < draws.std() < 0.14


def test_other_flows_by_name_and_by_object():
    x, y = pairs(300)
    by_name = ConditionalFlow("real-nvp", **TINY).fit(x, y)
    assert by_name.num_parameters_ > 1000
    by_object = ConditionalFlow(RealNVP(num_layers=2, width=8), **TINY).fit(x, y)
    assert by_object.num_parameters_ < 1000
    with pytest.raises(ConfigurationError, match="spline-coupling"):
        ConditionalFlow("spline-cupling", **TINY).fit(x, y)


def test_an_observation_beyond_training_is_answered_with_a_warning(fitted):
    with pytest.warns(OutsideTrainingRangeWarning, match="range = 1e\\+06"):
        draws = fitted.retrodict([1e6]).sample(10)
    assert np.isfinite(draws).all()


def test_point_masses_come_back_as_such():
    rng = np.random.default_rng(0)
    slag = np.where(rng.uniform(size=800) < 0.4, 0.0, rng.gamma(4, 20, 800))
    y = slag[:, None] + 20 * rng.normal(size=(800, 1))
    estimator = ConditionalFlow(SMALL, max_epochs=6, batch_size=128)
    estimator.fit(slag[:, None], y, parameters=[retrodict.Variable("slag", lower=0.0)])
    posterior = estimator.retrodict([[0.0], [150.0]])
    draws = posterior.sample(1000)
    assert (draws >= 0).all()
    assert (draws[0] == 0).mean() > 0.3
    assert (draws[1] == 0).mean() < 0.1
    # log P(x = 0) where the density alone would be that of a strip.
    probability = np.exp(posterior.log_prob(np.zeros((2, 1))))
    assert_allclose(probability, (draws == 0).mean(axis=1)[:, 0], atol=0.25)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda x, y: (x[:20], y[:20]), TooFewRowsError),
        (lambda x, y: (x[:100], y), ShapeError),
        (lambda x, y: (x[:, 0], y), ShapeError),
        (lambda x, y: (np.where(x > 1.9, np.nan, x), y), NonFiniteError),
        (lambda x, y: (x * [1, 0], y), ConstantColumnError),
        (lambda x, y: (x - 3.0, y), OutOfBoundsError),
    ],
    ids=["few rows", "rows differ", "one-dimensional", "NaN", "constant", "out of bounds"],
)
def test_bad_pairs_are_refused(spoil, error):
    x, y = spoil(*pairs(300))
    with pytest.raises(error) as caught:
        ConditionalFlow(SMALL, **TINY).fit(x, y, parameters=PARAMETERS, observables=OBSERVABLES)
    assert caught.value.hint


def test_bad_observations_are_refused(fitted):
    with pytest.raises(ShapeError, match="range"):
        fitted.retrodict([1.0, 2.0])
    with pytest.raises(NonFiniteError):
        fitted.retrodict([np.nan])


def test_a_saved_model_answers_the_same(fitted, tmp_path):
    retrodict.save(fitted, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    y = np.array([[2.0], [5.0]])
    assert_array_equal(loaded.retrodict(y).sample(20), fitted.retrodict(y).sample(20))
    assert loaded.get_params()["flow"] == SMALL
    assert loaded.parameters_ == fitted.parameters_
    assert loaded.outcome_ is fitted.outcome_
    pd.testing.assert_frame_equal(loaded.history_, fitted.history_, check_dtype=False)


def test_a_cut_training_goes_on_from_its_checkpoint(tmp_path):
    x, y = pairs(300)
    whole = ConditionalFlow(SMALL, max_epochs=4, batch_size=128).fit(x, y)
    checkpoint = tmp_path / "checkpoint"

    class Cut:
        def start(self, total_epochs, description):
            pass

        def update(self, record, time_left_seconds, fraction):
            if record.epoch == 2:
                raise RuntimeError("power cut")

        def stop(self, outcome):
            pass

    with pytest.raises(RuntimeError, match="power cut"):
        ConditionalFlow(SMALL, max_epochs=4, batch_size=128).fit(
            x, y, progress=Cut(), checkpoint=checkpoint
        )
    again = ConditionalFlow(SMALL, max_epochs=4, batch_size=128)
    again.fit(x, y, checkpoint=checkpoint)
    for ours, theirs in zip(
        jax.tree.leaves(again.to_state()[1]), jax.tree.leaves(whole.to_state()[1]), strict=True
    ):
        assert_array_equal(ours, theirs)


def test_defaults_grow_with_the_rows():
    few, many = (default_flow("spline-coupling", num) for num in (1_000, 1_000_000))
    assert few.width < many.width
    assert default_flow_members(1_000) > default_flow_members(1_000_000) >= 1
    # Half of the units are smooth where the architecture left all of them ReLUs, nowhere else.
    assert few.activation == default_flow("maf", 1_000).activation == "relu-gelu"
    assert default_flow("ffjord", 1_000).activation == FFJORD().activation != "relu-gelu"
    assert default_training(80).batch_size <= 80
    assert default_training(5_000, max_epochs=7, patience=None).max_epochs == 7


def test_training_ends_early_where_half_of_it_made_nothing_better():
    usual = default_training(9_000)
    assert usual.patience == usual.max_epochs // 2 > 20
    assert default_training(9_000, max_epochs=30).patience == 20
    assert default_training(9_000, patience=3).patience == 3


def test_only_splines_are_few():
    assert default_flow("spline-coupling", 9_000).num_layers < SplineCoupling().num_layers
    assert default_flow("real-nvp", 9_000).num_layers == RealNVP().num_layers
