import json
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import combine_pvalues, norm

from retrodict.diagnostics import posterior_predictive_check
from retrodict.errors import ConfigurationError, NonFiniteError, ShapeError, TooFewRowsError


def replications(seed, *, num_observations=200, num_draws=99, cond=4, noise=1.0, bias=0.0):
    """Of y = x + noise for x ~ N(0, 1) shared by all observables, from the exact posterior.

    `noise` and `bias` are those of the observations that the model does not know of.
    """
    rng = np.random.default_rng(seed)
    cause = rng.normal(size=(num_observations, 1))
    observed = cause + bias + noise * rng.normal(size=(num_observations, cond))
    variance = 1 / (1 + cond)
    draws = variance * observed.sum(axis=1)[:, None] + np.sqrt(variance) * rng.normal(
        size=(num_observations, num_draws)
    )
    return draws[..., None] + rng.normal(size=(num_observations, num_draws, cond)), observed


@pytest.mark.parametrize("num_observations", [1, 5, 200])
@pytest.mark.parametrize("seed", range(3))
def test_the_right_model_passes(num_observations, seed):
    result = posterior_predictive_check(*replications(seed, num_observations=num_observations))
    assert result.passed
    assert result.names == ("mean", "sd", "min", "max", "y1", "y2", "y3", "y4")
    assert "look like" in str(result)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        ({"noise": 1.5}, "larger"),
        ({"noise": 0.6}, "smaller"),
        ({"bias": 3.0}, "larger"),
        ({"bias": -3.0}, "smaller"),
    ],
    ids=["more noise", "less noise", "up", "down"],
)
def test_a_wrong_model_is_rejected_and_described(wrong, finding, seed):
    result = posterior_predictive_check(*replications(seed, **wrong))
    assert not result.passed
    assert finding in result.finding
    assert result.finding in str(result)


@pytest.mark.parametrize("seed", range(3))
def test_one_wrong_observation_is_rejected(seed):
    replicated, observed = replications(seed, num_observations=1, num_draws=400)
    assert posterior_predictive_check(replicated, observed).passed
    observed[0, 2] += 6.0
    result = posterior_predictive_check(replicated, observed)
    assert not result.passed
    assert result.finding.endswith("is larger than replicated")
    assert result.two_sided[0, result.names.index("y3")] == pytest.approx(2 / 401)
    assert "look like the observation" in str(result)


def test_extremes_on_both_sides_are_seen_and_called_so():
    rng = np.random.default_rng(0)
    replicated = rng.normal(size=(100, 99, 1))
    observed = rng.choice([-1.0, 1.0], size=(100, 1)) * 2.5
    result = posterior_predictive_check(replicated, observed)
    assert not result.passed
    assert "in both directions" in result.finding


def test_p_values_are_those_of_a_loop():
    replicated, observed = replications(1, num_observations=30, num_draws=50)
    statistics = {"range": lambda y: np.ptp(y, axis=-1), "first": lambda y: y[..., 0]}
    result = posterior_predictive_check(replicated, observed, statistics)
    for i in range(30):
        again = [np.ptp(replicated[i, j]) for j in range(50)]
        above = sum(value >= np.ptp(observed[i]) for value in again)
        assert result.upper_p_values[i, 0] == (1 + above) / 51
        lower = (1 + 50 - above) / 51
        assert_allclose(result.two_sided[i, 0], min(1.0, 2 * min((1 + above) / 51, lower)))
    fisher = combine_pvalues(result.two_sided[:, 1], method="fisher").pvalue
    upper = result.upper_p_values[:, 1]
    # The midpoint of 1/51 ... 51/51 is 26/51.
    score = abs(upper.mean() - 26 / 51) / np.sqrt((51**2 - 1) / 12 / 51**2 / 30)
    expected = min(1.0, 2 * min(fisher, 2 * norm.sf(score)))
    assert_allclose(result.p_values[1], expected, rtol=1e-6)
    assert_allclose(result.p_value, min(1.0, 2 * result.p_values.min()))


def test_of_independent_replications_the_p_values_are_as_promised():
    rng = np.random.default_rng(2)
    p_values, of_one = [], []
    for _ in range(150):
        replicated, observed = rng.normal(size=(25, 60, 3)) ** 3, rng.normal(size=(25, 3)) ** 3
        p_values.append(posterior_predictive_check(replicated, observed).p_value)
        again = rng.normal(size=(120, 3)) ** 3
        of_one.append(posterior_predictive_check(again, observed[0]).p_value)
    for level in (0.05, 0.2, 0.5):
        error = 4 * np.sqrt(level * (1 - level) / 150)
        assert np.mean(np.asarray(p_values) <= level) < level + error
        assert abs(np.mean(np.asarray(of_one) <= level) - level) < error
    # Bonferroni is cautious, but not idle.
    assert np.mean(np.asarray(p_values) <= 0.5) > 0.1


def test_p_values_gather_around_one_half_where_the_posterior_has_seen_the_statistic():
    result = posterior_predictive_check(*replications(3, cond=40))
    upper = result.upper_p_values[:, result.names.index("mean")]
    # A test of uniformity would reject this exact posterior.
    assert upper.var() < 0.5 / 12
    assert result.passed


@pytest.mark.parametrize("seed", range(3))
def test_ties_are_split_fairly(seed):
    rng = np.random.default_rng(seed)
    replicated, observed = rng.poisson(0.3, size=(300, 60, 1)), rng.poisson(0.3, size=(300, 1))
    result = posterior_predictive_check(replicated, observed, seed=seed)
    assert result.passed
    assert abs(result.upper_p_values.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 300)
    assert abs(result.upper_p_values.var() - 1 / 12) < 0.02
    assert posterior_predictive_check(np.zeros((99, 2)), np.zeros(2)).passed


def test_blocks_change_nothing(monkeypatch):
    replicated, observed = replications(4, num_observations=23)
    whole = posterior_predictive_check(replicated, observed)
    module = sys.modules[posterior_predictive_check.__module__]
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 2000)
    parts = posterior_predictive_check(replicated, observed)
    assert_array_equal(parts.replicated, whole.replicated)
    assert parts.to_dict() == whole.to_dict()


def test_one_observation_with_or_without_its_axis():
    replicated, observed = replications(5, num_observations=1)
    with_axis = posterior_predictive_check(replicated, observed, names=["a", "b", "c", "d"])
    without = posterior_predictive_check(replicated[0], observed[0], names=["a", "b", "c", "d"])
    assert with_axis.to_dict() == without.to_dict()
    assert with_axis.names[-1] == "d"


def test_dictionary_is_json():
    result = posterior_predictive_check(*replications(6, noise=2.0))
    loaded = json.loads(json.dumps(result.to_dict()))
    assert loaded["passed"] is False
    assert loaded["p_values"]["sd"] < 1e-6
    assert loaded["num_draws"] == 99


def test_senseless_arguments_are_refused():
    replicated, observed = replications(7, num_observations=3)
    check = posterior_predictive_check
    with pytest.raises(ShapeError, match=r"\(3, 4\); got \(3, 3\)"):
        check(replicated, observed[:, :3])
    with pytest.raises(NonFiniteError, match="replicated"):
        check(np.where(replicated > 2, np.nan, replicated), observed)
    with pytest.raises(ShapeError, match=r"`all` must give one number .* got \(\)"):
        check(replicated, observed, {"all": lambda y: y.mean()})
    with pytest.raises(NonFiniteError, match="`ratio` gave 297 NaN"):
        check(replicated, observed, {"ratio": lambda y: np.full(y.shape[:-1], np.inf)})
    with pytest.raises(ConfigurationError, match="no statistic"):
        check(replicated, observed, {})
    with pytest.raises(ConfigurationError, match="differ from each other"):
        check(replicated, observed, names=["max", "b", "c", "d"])
    with pytest.raises(ConfigurationError, match="Leave out one"):
        check(replicated, observed, {"m": lambda y: y.mean(axis=-1)}, names=list("abcd"))
    with pytest.raises(TooFewRowsError, match=r"50 replications of 1 .* smaller than 0.02"):
        check(replicated[0, :50], observed[0])
    with pytest.raises(TooFewRowsError, match="20 replications of 2"):
        check(replicated[:2, :20], observed[:2])
