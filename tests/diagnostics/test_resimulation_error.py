import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi

from retrodict.diagnostics import resimulation_error
from retrodict.errors import ConfigurationError, ShapeError


def test_value_is_that_of_a_loop(rng):
    simulated, observed = rng.normal(size=(4, 7, 3)), rng.normal(size=(4, 3))
    scale = np.asarray([0.5, 2.0, 10.0])
    distances = [
        [np.linalg.norm((draw - y) / scale) for draw in draws]
        for draws, y in zip(simulated, observed, strict=True)
    ]
    result = resimulation_error(simulated, observed, scale)
    assert_allclose(result.per_observation, np.mean(distances, axis=1))
    assert_allclose(result.mean, np.mean(distances))
    assert_allclose(result.median, np.median(np.mean(distances, axis=1)))
    assert "in units of the given scale" in str(result)


@pytest.mark.parametrize("seed", range(3))
def test_exact_posterior_is_told_from_a_wrong_one_but_a_collapsed_one_wins(lie, seed):
    # x ~ N(0, 1) seen without noise through y = x1 + x2: the posterior of the sum is a point.
    rng = np.random.default_rng(seed)
    observed = rng.normal(size=(100, 1)) * np.sqrt(2)
    exact = resimulation_error(np.repeat(observed[:, None], 50, axis=1), observed)
    collapsed = resimulation_error(observed[:, None], observed)
    blur = lie.get("shift", 0.0) + lie.get("width", 1.0) * 0.1 * rng.normal(size=(100, 50, 1))
    assert exact.mean == collapsed.mean == 0
    assert resimulation_error(observed[:, None] + blur, observed).mean > 0.05
    assert "collapsed" in str(exact)


def test_noise_alone_has_the_mean_of_its_norm(rng):
    observed = rng.normal(size=(200, 3))
    simulated = observed[:, None] + 0.2 * rng.normal(size=(200, 100, 3))
    result = resimulation_error(simulated, observed, 0.2)
    standard_error = chi.std(3) / np.sqrt(20_000)
    assert abs(result.mean - chi.mean(3)) < 4 * standard_error
    assert_allclose(resimulation_error(simulated, observed).mean, 0.2 * result.mean)


def test_median_ignores_a_single_bad_observation(rng):
    observed = rng.normal(size=(21, 2))
    simulated = observed[:, None] + 0.1 * rng.normal(size=(21, 30, 2))
    simulated[4] += 1000
    result = resimulation_error(simulated, observed)
    assert result.median < 0.2 < 10 < result.mean
    assert "farthest for observation 4" in str(result)
    assert json.loads(json.dumps(result.to_dict()))["largest"] > 1000


def test_senseless_arguments_are_refused(rng):
    simulated, observed = rng.normal(size=(4, 7, 3)), rng.normal(size=(4, 3))
    with pytest.raises(ShapeError, match=r"\(4, 3\); got \(3, 3\)"):
        resimulation_error(simulated, observed[:3])
    with pytest.raises(ShapeError, match="one per observable"):
        resimulation_error(simulated, observed, [1.0, 2.0])
    with pytest.raises(ConfigurationError, match="positive; got -1"):
        resimulation_error(simulated, observed, [1.0, -1.0, 1.0])
