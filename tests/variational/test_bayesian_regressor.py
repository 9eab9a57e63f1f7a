"""Regression with two uncertainties, by all methods."""

import jax.random as jr
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import retrodict
from retrodict import BayesianRegressor
from retrodict.errors import (
    ConfigurationError,
    NonFiniteError,
    NotFittedError,
    ShapeError,
    TooFewRowsError,
)
from retrodict.variational.abstract_bayesian_network import METHODS

SMALL = {"hidden": (32,), "max_epochs": 200, "batch_size": 32}
SD = 0.3


def waves(num, seed):
    """A wave with noise."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, (num, 1))
    return x, 10 + 5 * np.sin(x[:, 0]) + 5 * SD * rng.normal(size=num)


@pytest.fixture(scope="module")
def fitted():
    """One estimator for each method."""
    return {method: BayesianRegressor(method, **SMALL).fit(*waves(400, 0)) for method in METHODS}


@parametrize_with_checks(
    [BayesianRegressor("none", hidden=(8,), max_epochs=60)],
    expected_failed_checks=lambda _: {
        "check_do_not_raise_errors_in_init_or_set_params": "annotated types are checked in tests"
    },
)
def test_it_is_a_scikit_learn_regressor(estimator, check):
    check(estimator)


@pytest.mark.parametrize("method", METHODS)
def test_the_mean_is_right_and_the_noise_is_found(fitted, method):
    x, y = waves(400, 1)
    estimator = fitted[method]
    assert estimator.score(x, y) > 0.8
    uncertainty = estimator.uncertainty(x)
    assert_allclose(np.median(uncertainty.aleatoric_sd), 5 * SD, rtol=0.35)
    mean, sd = estimator.predict(x, return_std=True)
    assert_array_equal(mean, estimator.predict(x))
    assert_allclose(sd, uncertainty.sd)
    assert 0.8 < np.std((y - mean) / sd) < 1.25
    assert_allclose(estimator.noise_sd_, uncertainty.aleatoric_sd[:1], rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_beyond_all_rows_the_network_is_unsure(fitted, method):
    inside, outside = fitted[method].uncertainty(np.array([[1.0], [9.0]])).epistemic_sd
    if method == "none":
        assert_allclose([inside, outside], 0, atol=1e-5)
    else:
        assert 3 * inside < outside


@pytest.mark.parametrize("method", METHODS)
def test_intervals_quantiles_densities_and_draws_are_of_one_distribution(fitted, method):
    x, y = waves(300, 2)
    estimator = fitted[method]
    low, median, high = estimator.predict_quantiles(x, (0.1, 0.5, 0.9)).T
    ends = estimator.predict_interval(x, 0.8)
    assert_allclose(ends, (low, high))
    inside = ((low < y) & (y < high)).mean()
    assert 0.68 < inside < 0.92
    assert (np.abs(median - estimator.predict(x)) < 0.5 * (high - low)).all()
    draws = estimator.sample(x[:3], 4_000, random_state=5)
    assert draws.shape == (3, 4_000)
    assert_allclose(np.quantile(draws, 0.9, axis=1), high[:3], atol=0.15 * (high - low)[:3].max())
    # Without noise the spread is the epistemic part alone.
    functions = estimator.sample(x[:3], 1_000, noise=False)
    epistemic = estimator.uncertainty(x[:3]).epistemic_sd
    assert_allclose(functions.std(axis=1), epistemic, rtol=0.3, atol=1e-5)
    grid = np.linspace(-15, 35, 4_001)
    densities = np.exp(estimator.log_prob(np.repeat(x[:1], 4_001, axis=0), grid))
    assert_allclose(densities.sum() * (grid[1] - grid[0]), 1, rtol=1e-3)


def test_a_lone_network_with_noise_is_one_normal(fitted):
    x, y = waves(50, 3)
    mean, sd = fitted["none"].predict(x, return_std=True)
    assert_allclose(fitted["none"].log_prob(x, y), stats.norm.logpdf(y, mean, sd), rtol=1e-6)


def test_noise_may_depend_on_the_input():
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, (1_000, 1))
    sd = np.where(x[:, 0] > 0, 1.0, 0.1)
    y = x[:, 0] + sd * rng.normal(size=1_000)
    estimator = BayesianRegressor("laplace", heteroscedastic=True, **SMALL).fit(x, y)
    quiet, loud = estimator.uncertainty(np.array([[-0.6], [0.6]])).aleatoric_sd
    assert_allclose(quiet, 0.1, rtol=0.3)
    assert_allclose(loud, 1.0, rtol=0.3)
    assert estimator.noise_sd_ is None
    # The share of rows that are ever held out says how large the noise is on the whole.
    z = (y - estimator.predict(x)) / estimator.predict(x, return_std=True)[1]
    assert 0.85 < z.std() < 1.15


@pytest.mark.parametrize("method", ["ensemble", "dropout", "laplace", "none"])
def test_noise_is_that_of_rows_which_the_network_has_not_seen(fitted, method):
    """Whatever the network believes: held-out rows are most probable with it as it is."""
    x, y = waves(400, 0)
    estimator = fitted[method]
    held_out = estimator._held_out(400)
    aside = held_out.any(axis=1)
    mixture = estimator._model.mixture(estimator._scale.forward(x[aside]), jr.key(0), 100)
    rows, which = np.nonzero(held_out[aside])
    parts = [
        part.reshape(-1, held_out.shape[1], *part.shape[1:])[:, which, rows, 0]
        for part in (mixture.means, mixture.epistemic_sds, mixture.noise_sds)
    ]
    residuals = estimator._targets.scaled(y)[np.nonzero(held_out)[0], 0] - parts[0]

    def log_likelihood(factor):
        density = stats.norm.pdf(residuals, 0, np.hypot(parts[1], factor * parts[2]))
        return np.log(density.mean(axis=0)).mean()

    assert log_likelihood(1) > max(log_likelihood(0.99), log_likelihood(1.01))


def test_several_targets_keep_their_names_and_units(tmp_path):
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"], index=range(7, 307))
    Y = pd.DataFrame({"sum [m]": X.a + X.b, "b [km]": 1000 * X.b + 500})
    Y += rng.normal(size=Y.shape) * [0.1, 100]
    estimator = BayesianRegressor("ensemble", **SMALL).fit(X, Y)
    mean, sd = estimator.predict(X, return_std=True)
    assert list(mean.columns) == list(sd.columns) == ["sum [m]", "b [km]"]
    assert_array_equal(mean.index, X.index)
    assert_allclose((Y - mean).std(), [0.1, 100], rtol=0.3)
    assert_allclose(estimator.noise_sd_, [0.1, 100], rtol=0.3)
    assert estimator.predict_quantiles(X).shape == (300, 2, 3)
    assert estimator.sample(X[:4], 6).shape == (4, 6, 2)
    retrodict.save(estimator, tmp_path / "model")
    again = retrodict.load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.predict(X), mean)
    with pytest.raises(ShapeError, match="there are 2 targets"):
        estimator.log_prob(X, Y["b [km]"])


@pytest.mark.parametrize("method", METHODS)
def test_what_is_saved_predicts_the_same(fitted, method, tmp_path):
    x, y = waves(40, 6)
    estimator = fitted[method]
    retrodict.save(estimator, tmp_path / "model")
    again = retrodict.load(tmp_path / "model")
    assert_array_equal(again.predict(x, return_std=True), estimator.predict(x, return_std=True))
    assert_array_equal(again.log_prob(x, y), estimator.log_prob(x, y))
    assert_array_equal(again.sample(x, 3, noise=False), estimator.sample(x, 3, noise=False))
    assert again.calibration_ is None
    pd.testing.assert_frame_equal(again.history_, estimator.history_)


def test_conformal_intervals_hold_what_they_promise_though_the_network_does_not(tmp_path):
    """Noise that was stated three times too small."""
    x, y = waves(400, 7)
    estimator = BayesianRegressor("none", noise_sd=5 * SD / 3, **SMALL).fit(x, y)
    fresh, truth = waves(4_000, 8)

    def coverage(estimator):
        low, high = estimator.predict_interval(fresh, 0.8)
        return ((low <= truth) & (truth <= high)).mean()

    assert coverage(estimator) < 0.5
    estimator.calibrate(*waves(500, 9))
    # 500 rows leave a deviation of sqrt(.8 x .2 / 502).
    assert abs(coverage(estimator) - 0.8) < 4 * np.sqrt(0.16 / 502)
    retrodict.save(estimator, tmp_path / "model")
    again = retrodict.load(tmp_path / "model")
    assert_array_equal(again.predict_interval(x, 0.8), estimator.predict_interval(x, 0.8))
    with pytest.raises(TooFewRowsError):
        estimator.calibrate(*waves(8, 10))
    # A new fit has not seen those rows.
    assert estimator.fit(x, y).calibration_ is None


def test_members_of_an_ensemble_learn_from_other_rows(fitted):
    estimator = BayesianRegressor("ensemble", num_members=4)
    held_out = estimator._held_out(103)
    assert_array_equal(held_out.sum(axis=1), 1)
    assert set(held_out.sum(axis=0)) == {25, 26}
    assert not BayesianRegressor("variational")._held_out(103).any()
    assert BayesianRegressor("none", validation_fraction=0.2)._held_out(100).sum() == 20
    members = fitted["ensemble"]._model.members
    weights = np.asarray(members.networks.layers[0].weight)
    assert len(weights) == 5
    assert (weights.std(axis=0) > 0).all()


@pytest.mark.parametrize("method", ["ensemble", "none", "variational"])
def test_no_network_is_judged_by_rows_it_learns_from(method):
    seen = {}

    class Watched(BayesianRegressor):
        def _trained(self, model, loss, rows, held_out, **settings):
            seen.update(learned=rows, judged=held_out)
            return super()._trained(model, loss, rows, held_out, **settings)

    x, y = waves(53, 15)
    Watched(method, hidden=(4,), max_epochs=2).fit(x, y)
    learned, judged = (
        {
            (float(u), member)
            for u, weights in zip(rows[0][:, 0], rows[2], strict=True)
            for member in np.flatnonzero(weights)
        }
        for rows in seen.values()
    )
    if method == "variational":
        assert learned == judged
        return
    assert not learned & judged
    assert len(learned | judged) == 53 * (5 if method == "ensemble" else 1)
    for rows in seen.values():
        # Each row of a network counts alike, and no network counts more than another.
        assert_allclose(rows[2].sum(axis=0), rows[2].sum(axis=0)[0], rtol=0.01)


def test_a_fit_that_was_killed_goes_on_bit_for_bit(tmp_path):
    x, y = waves(100, 11)
    settings = {**SMALL, "max_epochs": 200}
    whole = BayesianRegressor("ensemble", **settings).fit(x, y)

    class Kill:
        def start(self, num_epochs, description):
            pass

        def update(self, record, time_left, fraction):
            if record.epoch == 3:
                raise KeyboardInterrupt

        def stop(self, outcome):
            pass

    checkpoint = tmp_path / "run.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        BayesianRegressor("ensemble", **settings).fit(x, y, progress=Kill(), checkpoint=checkpoint)
    resumed = BayesianRegressor("ensemble", **settings).fit(x, y, checkpoint=checkpoint)
    assert_array_equal(resumed.predict(x), whole.predict(x))


def test_in_a_pipeline_and_a_search():
    x, y = waves(120, 12)
    settings = {"hidden": (16,), "max_epochs": 40}
    pipeline = make_pipeline(MinMaxScaler(), BayesianRegressor("none", **settings))
    search = GridSearchCV(pipeline, {"bayesianregressor__weight_decay": [1.0, 1e4]}, cv=2)
    search.fit(x, y)
    assert search.best_params_ == {"bayesianregressor__weight_decay": 1.0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "hmc"}, "Unknown method 'hmc'"),
        ({"method": "none", "num_members": 3}, "Several plain networks are an ensemble"),
        ({"num_members": 1}, "at least 2 members"),
        ({"num_draws": 0}, "`num_draws` is at least 1"),
        ({"method": "dropout", "dropout": 0.0}, "lies between 0 and 1"),
        ({"weight_decay": -1.0}, "`weight_decay` is at least 0"),
        ({"method": "variational", "kl": "exact"}, "'analytic' or 'sampled'"),
        ({"method": "variational", "prior_sd": 0.0}, "`prior_sd` is a positive number"),
        ({"noise_sd": 0.0}, "`noise_sd` is a positive number"),
        ({"noise_sd": "free"}, "`noise_sd` is a positive number"),
        ({"noise_sd": 1.0, "heteroscedastic": True}, "Noise that depends on x is learned"),
        ({"method": "laplace", "hidden": (5_000,)}, "The last layer has 5,001 weights"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        BayesianRegressor(**settings).fit(*waves(20, 0))
    assert caught.value.hint


def test_data_that_make_no_sense_are_refused(fitted):
    x, y = waves(20, 0)
    estimator = BayesianRegressor(**SMALL)
    with pytest.raises(NotFittedError):
        estimator.predict(x)
    with pytest.raises(NotFittedError):
        estimator.predict_interval(x)
    with pytest.raises(ShapeError, match="`y` has 19 rows; X has 20"):
        estimator.fit(x, y[:19])
    with pytest.raises(NonFiniteError):
        estimator.fit(x, np.where(y > y[0], y, np.nan))
    with pytest.raises(TooFewRowsError):
        estimator.fit(x[:1], y[:1])
    for levels in ((), (0.0, 0.5), (0.5, 1.2)):
        with pytest.raises(ConfigurationError, match="between 0 and 1"):
            fitted["none"].predict_quantiles(x, levels)
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        fitted["none"].predict_interval(x, 1.0)


def test_a_constant_target_is_predicted_as_it_is():
    x, _ = waves(30, 0)
    estimator = BayesianRegressor("none", hidden=(4,), max_epochs=5).fit(x, np.full(30, 7.0))
    assert_allclose(estimator.predict(x), 7, atol=0.5)


def test_five_published_splits(data_folder):
    """Deep ensembles beside the dropout networks of Gal and Ghahramani (2016), on a small table.

    benchmarks/bayesian_regression.py has all tables, splits and methods.
    """
    folder = data_folder / "uci" / "energy"
    table = np.loadtxt(folder / "data.txt")
    columns = np.loadtxt(folder / "index_features.txt", dtype=int)
    target = int(np.loadtxt(folder / "index_target.txt"))
    found = []
    for split in range(5):
        train, test = (
            np.loadtxt(folder / f"index_{kind}_{split}.txt", dtype=int)
            for kind in ("train", "test")
        )
        estimator = BayesianRegressor(random_state=split, max_epochs=60)
        estimator.fit(table[train][:, columns], table[train, target])
        X, y = table[test][:, columns], table[test, target]
        error = np.sqrt(np.mean((estimator.predict(X) - y) ** 2))
        found.append((error, estimator.log_prob(X, y).mean()))
    means, errors = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(5)
    assert means[0] < 0.539 + 2 * errors[0]
    assert means[1] > -1.212 - 2 * errors[1]
