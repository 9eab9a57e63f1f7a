import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn.linear_model import Ridge

from retrodict.diagnostics import local_c2st
from retrodict.diagnostics.local_c2st import (
    DEGREES_OF_FREEDOM,
    _checked,
    _deviations,
    _penalty,
    _residuals,
)
from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    NonFiniteError,
    ShapeError,
    TooFewRowsError,
)

NOISE = 0.5
VARIANCE = 1 / (1 + NOISE**-2)


def posterior(rng, observed, *, width=1.0, shift=0.0, correlation=0.0):
    """One draw for each observation; `shift` in posterior sd, lies told where y1 > 0 only."""
    wrong = observed[:, :1] > 0
    noise = rng.normal(size=observed.shape)
    mixed = correlation * noise[:, :1] + np.sqrt(1 - correlation**2) * noise[:, 1:]
    noise[:, 1:] = np.where(wrong, mixed, noise[:, 1:])
    noise = np.where(wrong, shift + width * noise, noise)
    return VARIANCE / NOISE**2 * observed + np.sqrt(VARIANCE) * noise


def arguments(seed, at, *, num_pairs=1000, num_draws=200, units=1.0, **lie):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(num_pairs, 2))
    observed = truth + NOISE * rng.normal(size=truth.shape)
    draws = posterior(rng, observed, **lie)
    here = np.array([at, 0.3])
    draws_at = posterior(rng, np.tile(here, (num_draws, 1)), **lie)
    return draws * units, truth * units, observed, draws_at * units, here


LIES = [
    pytest.param({"width": 0.6}, id="overconfident"),
    pytest.param({"width": 1.6}, id="underconfident"),
    pytest.param({"shift": 0.7}, id="shifted"),
    pytest.param({"correlation": 0.8}, id="correlated"),
]


@pytest.mark.parametrize("at", [-1.0, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_exact_posterior_passes(at, seed):
    result = local_c2st(*arguments(seed, at), seed=seed)
    assert result.passed
    assert "no error of the posterior is seen" in str(result)


@pytest.mark.parametrize("wrong", LIES)
def test_a_posterior_wrong_for_some_observations_is_rejected_there_only(wrong):
    elsewhere = []
    for seed in range(6):
        there = local_c2st(*arguments(seed, 1.0, num_pairs=1500, **wrong), seed=seed)
        assert not there.passed
        assert there.statistic > there.null.max()
        assert "is wrong at this observation" in str(there)
        elsewhere.append(local_c2st(*arguments(seed, -1.2, num_pairs=1500, **wrong), seed=seed))
    # One of six by chance at 1 % is rare, two are not seen in a lifetime.
    assert sum(result.passed for result in elsewhere) >= 5
    assert np.median([result.p_value for result in elsewhere]) > 0.1


def test_exact_posteriors_are_rejected_as_often_as_promised():
    rng = np.random.default_rng(0)
    p_values = []
    for i in range(60):
        found = local_c2st(*arguments(100 + i, rng.normal(), num_pairs=200, num_draws=20), seed=i)
        p_values.append(found.p_value)
    for level in (0.1, 0.3, 0.6):
        share = np.mean(np.asarray(p_values) <= level)
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) / 60)


def test_sharp_posteriors_that_bend_are_seen_too():
    rng = np.random.default_rng(1)
    cause = rng.normal(size=(1500, 1))
    observed = np.concatenate([np.sin(cause) + cause, cause**2], axis=1)
    truth = cause + 0.05 * rng.normal(size=cause.shape)
    for width, passes in [(1.0, True), (0.6, False), (1.6, False)]:
        draws = cause + 0.05 * width * rng.normal(size=cause.shape)
        draws_at = 0.8 + 0.05 * width * rng.normal(size=(200, 1))
        here = np.array([np.sin(0.8) + 0.8, 0.64])
        assert local_c2st(draws, truth, observed, draws_at, here).passed == passes


def test_probabilities_are_those_of_the_densities():
    # With draws from N(m + s, v) for truths from N(m, v), d = 1 / (1 + exp(s (x - m) / v - ...)).
    arrays = arguments(2, 1.0, num_pairs=6000, shift=0.7)
    result = local_c2st(*arrays)
    z = (arrays[3] - VARIANCE / NOISE**2 * arrays[4]) / np.sqrt(VARIANCE)
    of_truth = norm.pdf(z).prod(axis=1)
    exact = of_truth / (of_truth + norm.pdf(z - 0.7).prod(axis=1))
    assert np.corrcoef(result.probabilities, exact)[0, 1] > 0.9
    assert abs(result.probabilities.mean() - exact.mean()) < 0.06
    assert_allclose(result.statistic, ((result.probabilities - 0.5) ** 2).mean())


def test_the_classifier_is_ridge_regression():
    rng = np.random.default_rng(3)
    features, at = rng.normal(size=(2, 300, 40)) * 3 + 1, rng.normal(size=(7, 40))
    weights, labels = rng.random(300), rng.choice([-1.0, 1.0], size=(300, 2))
    found = _deviations(features, at, weights, labels)
    rows, both = features.reshape(600, 40), np.tile(weights, 2)
    mean = np.average(rows, axis=0, weights=both)
    sd = np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=both))
    known = (rows - mean) / sd
    values = np.linalg.eigvalsh((known * both[:, None]).T @ known)
    penalty = _penalty(values)
    assert_allclose((values / (values + penalty)).sum(), DEGREES_OF_FREEDOM)
    for column in range(2):
        target = np.concatenate([labels[:, column], -labels[:, column]]) / 2
        model = Ridge(penalty, fit_intercept=False).fit(known, target, sample_weight=both)
        assert_allclose(found[:, column], model.predict((at - mean) / sd), atol=1e-8)


def test_residuals_are_white_where_posteriors_are_wide_and_where_they_are_narrow():
    rng = np.random.default_rng(8)
    observed = rng.uniform(-1, 1, size=(3000, 1))

    def draw(observed):
        noise = rng.normal(size=(len(observed), 2))
        noise[:, 1] = 0.9 * noise[:, 0] + np.sqrt(1 - 0.81) * noise[:, 1]
        return np.sin(2 * observed) + np.exp(2 * observed) * noise

    truth, draws, draws_at = draw(observed), draw(observed), draw(np.full((2000, 1), 0.7))
    pairs = _checked(draws, truth, observed, draws_at, np.array([0.7]))
    residuals, residuals_at, weights = _residuals(pairs, np.random.default_rng(0))
    for part in (
        residuals_at,
        *(residuals[:, np.abs(observed[:, 0] - y) < 0.2] for y in (-0.7, 0.7)),
    ):
        assert_allclose(np.cov(part.reshape(-1, 2).T), np.eye(2), atol=0.25)
    # Weights amount to 30 % of the pairs, around the observation.
    assert_allclose(weights.sum() ** 2 / (weights**2).sum(), 900, rtol=0.01)
    assert abs(np.average(observed[:, 0], weights=weights) - 0.7) < 0.15


def test_only_the_labels_tell_draws_from_truth():
    draws, truth, observed, draws_at, here = arguments(4, 1.0, shift=0.7)
    result = local_c2st(draws, truth, observed, draws_at, here)
    swapped = local_c2st(truth, draws, observed, draws_at, here)
    assert_allclose(swapped.statistic, result.statistic)
    assert_allclose(swapped.probabilities, 1 - result.probabilities)
    assert_allclose(swapped.null, result.null)


def test_units_and_silent_observables_do_not_matter():
    result = local_c2st(*arguments(5, 1.0, shift=0.7))
    other = local_c2st(*arguments(5, 1.0, shift=0.7, units=np.array([1e4, 1e-3])))
    assert_allclose(other.statistic, result.statistic, rtol=1e-6)
    draws, truth, observed, draws_at, here = arguments(5, 1.0, shift=0.7)
    observed = np.concatenate([observed, np.full((1000, 1), 7.0)], axis=1)
    assert not local_c2st(draws, truth, observed, draws_at, np.append(here, 7.0)).passed


def test_dictionary_is_json():
    result = local_c2st(*arguments(6, 1.0, width=0.5), num_null=120)
    loaded = json.loads(json.dumps(result.to_dict()))
    assert loaded["passed"] is False
    assert loaded["p_value"] == 1 / 121
    assert loaded["num_permutations"] == 120
    assert (loaded["num_pairs"], loaded["num_draws"]) == (1000, 200)


def test_senseless_arguments_are_refused():
    draws, truth, observed, draws_at, here = arguments(7, 0.0, num_pairs=220)
    with pytest.raises(ShapeError, match=r"\(219, 2\), \(220, 2\)"):
        local_c2st(draws[:-1], truth, observed, draws_at, here)
    with pytest.raises(ShapeError, match=r"2 columns .* 2 numbers; got \(200, 1\)"):
        local_c2st(draws, truth, observed, draws_at[:, :1], here)
    with pytest.raises(TooFewRowsError, match=r"200 pairs .* got 199 and 200"):
        local_c2st(draws[:199], truth[:199], observed[:199], draws_at, here)
    with pytest.raises(TooFewRowsError, match="got 220 and 10"):
        local_c2st(draws, truth, observed, draws_at[:10], here)
    with pytest.raises(ConfigurationError, match="50 labellings"):
        local_c2st(draws, truth, observed, draws_at, here, num_null=50)
    with pytest.raises(ConstantColumnError, match=r"\[1\]"):
        local_c2st(draws * [1, 0], truth * [1, 0], observed, draws_at, here)
    with pytest.raises(NonFiniteError, match="`observation`"):
        local_c2st(draws, truth, observed, draws_at, here * np.nan)
