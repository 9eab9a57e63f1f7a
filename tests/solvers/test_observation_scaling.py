"""Observations are scaled, and those that asinh bends are seen straight as well."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from retrodict.solvers import ConditionalFlow, InvertibleNetwork
from retrodict.solvers.observation_scaling import fit_observation_scaling, images
from retrodict.solvers.scaling import Scaling, fit_scaling
from retrodict.variables import Variable


def observations(num=1500, seed=0):
    """A normal column, one that spans decades with zeros among it, and one that never varies."""
    rng = np.random.default_rng(seed)
    counts = np.where(rng.uniform(size=num) < 0.1, 0.0, rng.lognormal(3, 1.5, num).round())
    return np.column_stack([rng.normal(5, 2, num), counts, np.full(num, 7.0)])


@pytest.fixture(scope="module")
def fitted():
    """Causes, observations and their scaling."""
    y = observations()
    x = np.random.default_rng(1).normal(size=(len(y), 2)) + 0.1 * np.log1p(y[:, 1:2])
    parameters = (Variable("a"), Variable("b"))
    return x, y, fit_scaling(x, y, parameters, np.random.default_rng(0))[0]


def test_what_asinh_bends_is_appended_straight(fitted):
    _, y, scaling = fitted
    c = scaling.condition(y)
    assert scaling.of_y.power.kinds == ("identity", "asinh", "identity")
    assert c.shape == (len(y), 4) == (len(y), scaling.of_y.num_conditions)
    scale = scaling.of_y.power.scales[1]
    bent = np.arcsinh(y[:, 1] / scale)
    assert_allclose(c[:, 1], (bent - bent.mean()) / bent.std(), atol=1e-9)
    straight = (y[:, 1] - y[:, 1].mean()) / y[:, 1].std()
    inside = straight < 10
    assert_allclose(c[inside, 3], straight[inside], atol=1e-9)
    assert_array_equal(c[~inside, 3], 10.0)
    assert not inside.all()
    assert_array_equal(c[:, 2], 0.0)


def test_the_observation_comes_back(fitted):
    _, y, scaling = fitted
    assert_allclose(scaling.observation(scaling.condition(y)), y, atol=1e-9)


def test_the_regression_leans_on_no_appended_column(fitted):
    x, y, scaling = fitted
    assert_array_equal(np.asarray(scaling.regression.weights)[:, 3], 0.0)
    assert (np.asarray(scaling.regression.weights)[:, 1] != 0).all()
    # Of a row that is far off, only the appended column differs from that at ten deviations.
    u, c, _ = scaling.forward(x, y)
    shifted = c + np.array([0.0, 0.0, 0.0, 5.0])
    assert_allclose(scaling.inverse(u, shifted), x, atol=1e-9)


def test_without_it_every_entry_is_one_of_the_observation():
    y = observations()
    scaling = fit_observation_scaling(y, also_raw=False)
    assert scaling.num_conditions == 3
    found = images(scaling, y)
    assert found.shape == y.shape


def test_older_bundles_show_nothing_twice(fitted):
    x, y, _ = fitted
    parameters = (Variable("a"), Variable("b"))
    scaling = fit_scaling(x, y, parameters, np.random.default_rng(0), regress=False)[0]
    settings, arrays = scaling.to_state()
    del settings["y_also_raw"], arrays["raw_y.loc"], arrays["raw_y.scale"]
    again = Scaling.from_state(json.loads(json.dumps(settings)), arrays)
    assert again.of_y.num_conditions == 3
    assert_array_equal(again.condition(y), scaling.condition(y))


def test_a_fitted_flow_remembers_what_it_sees(fitted):
    x, y, _ = fitted
    flow = ConditionalFlow(max_epochs=1, num_members=1).fit(x[:300], y[:300, :2])
    assert flow.scaling_["transform"].iloc[-1].endswith(", and as it is")
    again = ConditionalFlow.from_state(*flow.to_state())
    assert_array_equal(
        again.retrodict(y[:5, :2]).log_prob(x[:5]), flow.retrodict(y[:5, :2]).log_prob(x[:5])
    )
    assert flow._distribution().cond_shape == (3,)


def test_a_network_that_has_to_find_the_observation_gets_it_once(fitted):
    x, y, _ = fitted
    network = InvertibleNetwork(max_epochs=1).fit(x[:300], y[:300, :2])
    assert network._scaling.of_y.num_conditions == 2
