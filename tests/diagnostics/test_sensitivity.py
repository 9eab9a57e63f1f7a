import json
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from retrodict.diagnostics import sensitivity
from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    NonFiniteError,
    ShapeError,
    TooFewRowsError,
)


def gaussian(rng, matrix, *, noise_sd=0.3, num=400, num_draws=100):
    """Draws from p(x | y) and y = A x + noise, x standard normal."""
    cond, dim = matrix.shape
    x = rng.normal(size=(num, dim))
    y = x @ matrix.T + noise_sd * rng.normal(size=(num, cond))
    covariance = np.linalg.inv(np.eye(dim) + matrix.T @ matrix / noise_sd**2)
    mean = y @ matrix @ covariance / noise_sd**2
    root = np.linalg.cholesky(covariance)
    return mean[:, None] + rng.normal(size=(num, num_draws, dim)) @ root.T, y


def made(rng, mean_of, sd_of, *, num=500, num_draws=200, cond=3):
    """Independent uniform observables and one parameter, N(mean_of(y), sd_of(y)^2)."""
    y = rng.uniform(-1, 1, (num, cond))
    noise = rng.normal(size=(num, num_draws))
    return (mean_of(y)[:, None] + sd_of(y)[:, None] * noise)[:, :, None], y


def test_shares_of_independent_observables_have_their_closed_form(rng):
    # 2 y1 + y2 of independent observables: shares 4/5 and 1/5, and none of y3.
    draws, y = made(rng, lambda y: 2 * y[:, 0] + y[:, 1], lambda y: np.exp(y[:, 2]) / 20)
    result = sensitivity(draws, y)
    tolerance = 4 * result.mean_errors[0] + 0.03
    assert (np.abs(result.mean_shares[0] - [0.8, 0.2, 0.0]) < tolerance).all()
    assert result.mean_matters.tolist() == [[True, True, False]]
    # The width depends on the third alone: all of its variance.
    assert (np.abs(result.width_shares[0] - [0, 0, 1]) < 4 * result.width_errors[0] + 0.06).all()
    assert result.width_matters.tolist() == [[False, False, True]]
    assert result.could_be_left_out == ()
    assert result.mean_explained[0] > 0.95


def test_an_interaction_belongs_to_both(rng):
    # Of y1 y2 each has the whole variance as its total effect.
    draws, y = made(rng, lambda y: y[:, 0] * y[:, 1], lambda y: 0.02 + 0 * y[:, 0], num=900)
    result = sensitivity(draws, y)
    assert (result.mean_shares[0, :2] > 0.6).all()
    assert abs(result.mean_shares[0, 2]) < 0.05


def test_importances_are_about_those_of_scikit_learn(rng):
    draws, y = made(rng, lambda y: y[:, 0] + np.sin(3 * y[:, 1]), lambda y: 0.05 + 0 * y[:, 0])
    result = sensitivity(draws, y)
    mean = draws.mean(axis=1)[:, 0]
    forest = RandomForestRegressor(50, random_state=0).fit(y[:250], mean[:250])
    drop = permutation_importance(forest, y[250:], mean[250:], n_repeats=5, random_state=0)
    assert_allclose(result.mean_shares[0], drop.importances_mean / 2, atol=0.12)


def test_what_is_observed_twice_is_shared_and_cannot_be_left_out_together(rng):
    y = rng.normal(size=(400, 1))
    copies = y + 0.05 * rng.normal(size=(400, 40))
    draws = y[:, None] + 0.1 * rng.normal(size=(400, 100, 1))
    names = [f"channel {i}" for i in range(40)]
    result = sensitivity(draws, copies, observable_names=names)
    assert result.mean_shares.max() < 0.5
    # Not one of forty copies is needed, but not all of them can go.
    assert len(result.could_be_left_out) < 40
    assert ("channel 0", "channel 1") in result.going_together
    assert "importance is shared where observables go together" in str(result)


def test_none_of_many_copies_is_called_superfluous_with_all_others(rng, monkeypatch):
    # Each share alone is called too small to matter: together they are all there is.
    module = sys.modules["retrodict.diagnostics.sensitivity"]
    monkeypatch.setattr(module, "SMALLEST_SHARE", 0.4)
    y = rng.normal(size=(200, 1)) + 0.05 * rng.normal(size=(200, 10))
    draws = y[:, None, :1] + 0.1 * rng.normal(size=(200, 50, 1))
    assert sensitivity(draws, y).could_be_left_out == ()


@pytest.mark.parametrize("seed", range(2))
def test_what_matters_for_none_and_what_depends_on_none(seed):
    matrix = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.5, 2.0, 0.0]])
    draws, y = gaussian(np.random.default_rng(seed), matrix)
    result = sensitivity(
        draws, y, names=["mass", "age", "spin"], observable_names=["flux", "time", "hue"]
    )
    assert result.could_be_left_out == ("time",)
    assert result.independent_parameters == ("spin",)
    text = str(result)
    assert "`mass` by `flux`" in text
    assert "no observable moves `spin`: only the prior speaks there" in text
    assert "`time` could be left out" in text


@pytest.mark.parametrize("width", [0.7, 1.4])
def test_a_posterior_that_is_wrong_in_width_alone_depends_on_the_same(width, rng):
    draws, y = gaussian(rng, np.array([[1.0, 0.2], [0.0, 1.0]]))
    mean = draws.mean(axis=1, keepdims=True)
    exact, wrong = sensitivity(draws, y), sensitivity(mean + width * (draws - mean), y)
    assert_allclose(wrong.mean_shares, exact.mean_shares, atol=1e-3)
    blind = sensitivity(draws - mean, y)
    assert blind.independent_parameters == ("x1", "x2")
    assert blind.could_be_left_out == ("y1", "y2")


def test_units_and_constant_observables_do_not_matter(rng):
    draws, y = made(rng, lambda y: y[:, 0] + 0.3 * y[:, 1], lambda y: 0.05 + 0 * y[:, 0], num=200)
    with_constant = np.concatenate([1e6 * y + 1e7, np.ones((200, 1))], axis=1)
    result = sensitivity(1e-3 * draws, with_constant)
    assert "y4" in result.could_be_left_out
    assert result.mean_shares[0, 3] == 0
    plain = sensitivity(draws, y)
    errors = np.hypot(plain.mean_errors[0], result.mean_errors[0, :3])
    assert (np.abs(result.mean_shares[0, :3] - plain.mean_shares[0]) < 4 * errors).all()


def test_dictionary_is_json(rng):
    draws, y = gaussian(rng, np.eye(2), num=100)
    loaded = json.loads(json.dumps(sensitivity(draws, y, names=["a", "b"]).to_dict()))
    assert set(loaded["mean_shares"]) == {"a", "b"}
    assert loaded["mean_shares"]["a"]["y1"] > 0.5


def test_what_cannot_be_answered_is_refused(rng):
    draws, y = gaussian(rng, np.eye(2), num=60)
    with pytest.raises(TooFewRowsError, match="at least 50 observations; got 49"):
        sensitivity(draws[:49], y[:49])
    with pytest.raises(TooFewRowsError, match="20 draws"):
        sensitivity(draws[:, :19], y)
    with pytest.raises(ShapeError, match=r"60 posteriors.* got 59"):
        sensitivity(draws, y[:59])
    with pytest.raises(ConfigurationError, match="2 names of observables"):
        sensitivity(draws, y, observable_names=["a"])
    point = draws.copy()
    point[7, :, 1] = 3.0
    with pytest.raises(ConstantColumnError, match=r"parameter 1 .*observation 7"):
        sensitivity(point, y)
    y[3, 0] = np.inf
    with pytest.raises(NonFiniteError, match=r"\[3\]"):
        sensitivity(draws, y)
