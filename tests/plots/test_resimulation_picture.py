import numpy as np
import pytest

from retrodict.plots import resimulation
from retrodict.variables import Variable, default_variables


@pytest.fixture
def observed(rng):
    return rng.normal(size=(30, 2)) * [1.0, 10.0]


def test_several_observations_of_two_lie_on_the_diagonal_and_as_one_cloud(observed, rng):
    simulated = observed[:, None] + 0.01 * rng.normal(size=(30, 50, 2)) + [0.5, 0.0]
    first, second, cloud = resimulation(simulated, observed, default_variables("y", 2)).axes
    (points,) = [line for line in first.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(points.get_xdata(), observed[:, 0])
    np.testing.assert_allclose(points.get_ydata(), np.median(simulated[..., 0], axis=1))
    assert "0.5" in first.get_title(loc="left")
    assert second.get_xlabel() == "observed y2"
    # The shift of the first observable by 0.5 is in the frame, and so is no deviation.
    assert cloud.get_xlim()[0] < 0 < 0.5 < cloud.get_xlim()[1]


def test_bounds_of_an_observable_do_not_cut_its_deviations(observed, rng):
    positive = (Variable("mass", "kg", lower=0.0), Variable("age", "day", lower=0.0))
    observed = np.abs(observed)
    simulated = observed[:, None] + 0.1 * rng.normal(size=(30, 50, 2))
    assert resimulation(simulated, observed, positive).axes[2].get_xlim()[0] < -0.2


def test_one_observation_of_two_is_a_cloud_around_it(observed, rng):
    simulated = observed[:1, None] + 0.01 * rng.normal(size=(1, 300, 2))
    (ax,) = resimulation(simulated, observed[:1], default_variables("y", 2)).axes
    (cross,) = [line for line in ax.lines if line.get_marker() == "+"]
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == tuple(observed[0])


def test_one_observation_of_three_is_a_histogram_each(rng):
    observed = rng.normal(size=(1, 3))
    simulated = observed[:, None] + rng.normal(size=(1, 300, 3))
    axes = resimulation(simulated, observed, default_variables("y", 3)).axes
    assert [ax.lines[0].get_xdata()[0] for ax in axes] == list(observed[0])


def test_of_many_observables_those_missed_most_come_first(rng):
    observed = rng.normal(size=(30, 40)) * np.linspace(1, 100, 40)
    simulated = observed[:, None] + 0.1 * rng.normal(size=(30, 20, 40))
    simulated[..., 39] += 500
    # By more in its own unit than the second, and by less of what it varies.
    simulated[..., 37] += 10
    simulated[..., 1] += 2
    figure = resimulation(simulated, observed, default_variables("y", 40))
    first = [ax.get_xlabel() for ax in figure.axes[:2]]
    assert first == ["observed y40", "observed y2"]
    assert figure.axes[0].get_title(loc="left") == "median |deviation| 500"
    assert "Not shown: 16 of 40, of smaller deviations" in figure.get_supxlabel()
