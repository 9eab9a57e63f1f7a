import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from retrodict.diagnostics import simulation_based_calibration


@pytest.mark.parametrize("seed", range(6))
def test_exact_posterior_passes(gaussian_posterior, seed):
    result = simulation_based_calibration(*gaussian_posterior(seed))
    assert result.passed
    assert result.findings == {}
    assert "Calibrated as far as 300 observations" in str(result)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        ({"width": 0.7}, "is too narrow"),
        ({"width": 1.4}, "is too wide"),
        ({"shift": 0.5}, "is shifted up"),
        ({"shift": -0.5}, "is shifted down"),
        ({"width": 0.6, "shift": -0.8}, "is too narrow and is shifted down"),
    ],
    ids=["overconfident", "underconfident", "up", "down", "both"],
)
def test_wrong_posterior_is_rejected_and_described(gaussian_posterior, wrong, finding, seed):
    draws, truth = gaussian_posterior(seed, **wrong, dim=1, num_observations=400)
    result = simulation_based_calibration(draws, truth, names=["mass"])
    assert not result.passed
    assert finding in result.findings["mass"]
    assert f"`mass` {finding}" in str(result)


def test_only_the_wrong_parameter_is_named(gaussian_posterior):
    draws, truth = gaussian_posterior(0, dim=6)
    draws[..., 2] += 0.4
    result = simulation_based_calibration(draws, truth)
    assert list(result.findings) == ["x3"]
    assert result.passed_per_parameter == (True, True, False, True, True, True)


def test_two_opposite_shifts_are_seen():
    # Half of the posteriors lie too high, half too low: mean and width of the ranks agree.
    rng = np.random.default_rng(1)
    draws, truth = rng.normal(size=(600, 99, 1)), rng.normal(size=(600, 1)) * 0.45
    truth += rng.choice([-0.9, 0.9], size=truth.shape)
    assert not simulation_based_calibration(draws, truth).passed


def test_ranks_are_those_of_a_loop(gaussian_posterior):
    draws, truth = gaussian_posterior(2, num_observations=40)
    ranks = [[np.sum(draws[i, :, j] < truth[i, j]) for j in range(2)] for i in range(40)]
    assert_array_equal(simulation_based_calibration(draws, truth).ranks, ranks)


@pytest.mark.parametrize("seed", range(3))
def test_ties_are_broken_fairly(seed):
    rng = np.random.default_rng(seed)
    draws, truth = rng.poisson(0.5, size=(400, 60, 3)), rng.poisson(0.5, size=(400, 3))
    assert simulation_based_calibration(draws, truth).passed
    assert not simulation_based_calibration(draws, truth + 1).passed
    result = simulation_based_calibration(draws, truth, seed=1)
    assert_array_equal(result.ranks, simulation_based_calibration(draws, truth, seed=1).ranks)
    assert result.ranks.min() == 0
    assert result.ranks.max() == 60


@pytest.mark.parametrize("num_draws", [20, 99, 400])
def test_exact_posteriors_are_rejected_no_more_often_than_promised(num_draws):
    rng = np.random.default_rng(3)
    draws, truth = rng.normal(size=(50, num_draws, 200)), rng.normal(size=(50, 200))
    p_values = simulation_based_calibration(draws, truth).p_values
    for level in (0.02, 0.1, 0.3):
        standard_error = np.sqrt(level * (1 - level) / 200)
        assert (p_values <= level).mean() < level + 4 * standard_error
    # Twice the smaller of two p-values is cautious, but not idle.
    assert (p_values <= 0.3).mean() > 0.1


def test_curve_leaves_the_band_where_the_posterior_is_shifted(gaussian_posterior):
    exact = simulation_based_calibration(*gaussian_posterior(4))
    shifted = simulation_based_calibration(*gaussian_posterior(4, shift=1.0))
    for result, inside in [(exact, True), (shifted, False)]:
        lower, upper = result.band_lower[:, None], result.band_upper[:, None]
        stays = (result.ecdf_difference >= lower) & (result.ecdf_difference <= upper)
        assert stays.all() == inside
    # Draws that lie too high leave the truth with low ranks.
    assert shifted.ecdf_difference.max() > 0.2
    assert_allclose(exact.ecdf_difference[0], (exact.ranks == 0).mean(axis=0) - 0.01)


def test_dictionary_is_json(gaussian_posterior):
    result = simulation_based_calibration(*gaussian_posterior(5, width=0.5), names=["a", "b"])
    loaded = json.loads(json.dumps(result.to_dict()))
    assert loaded["passed"] is False
    assert loaded["findings"] == dict.fromkeys(result.findings, "is too narrow")
    assert 0 <= loaded["p_values"]["a"] < 1e-6
