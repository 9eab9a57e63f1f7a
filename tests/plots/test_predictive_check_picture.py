import numpy as np
import pytest

from retrodict.diagnostics import posterior_predictive_check
from retrodict.errors import ConfigurationError
from retrodict.plots import predictive_check


def check_of(num_observations):
    rng = np.random.default_rng(3)
    replicated = rng.normal(size=(num_observations, 200, 2))
    observed = rng.normal(size=(num_observations, 2))
    observed[-1] = 5.0
    return posterior_predictive_check(replicated, observed)


def test_one_observation_stands_where_it_was_observed():
    result = check_of(1)
    (ax,) = predictive_check(result, "max").axes
    (line,) = ax.lines
    assert line.get_label() == "observed"
    assert tuple(line.get_xdata()) == (5.0, 5.0)
    low, high = ax.get_xlim()
    assert low < result.replicated[0, :, 3].min()
    assert high > 5.0
    heights = ax.patches[0].get_data()
    area = (heights.values * np.diff(heights.edges)).sum()
    assert area == pytest.approx(1, abs=0.02)
    assert ax.get_xlabel() == "max"
    assert ax.get_title(loc="left") == "p = 0.01"


def test_of_many_observations_the_most_extreme_come_first():
    result = check_of(40)
    figure = predictive_check(result, "y1")
    assert len(figure.axes) == 12
    assert figure.axes[0].get_title(loc="left").startswith("observation 39, p = 0.01")
    assert figure.get_supxlabel() == "The 12 most extreme of 40 observations."
    k = result.names.index("y1")
    shown = [ax.lines[0].get_xdata()[0] for ax in figure.axes]
    order = np.argsort(result.two_sided[:, k], kind="stable")[:12]
    np.testing.assert_array_equal(shown, result.observed[order, k])


def test_an_unknown_statistic_is_refused_with_those_there_are():
    with pytest.raises(ConfigurationError, match="no statistic 'median'") as raised:
        predictive_check(check_of(1), "median")
    assert "mean, sd, min, max, y1, y2" in str(raised.value)
