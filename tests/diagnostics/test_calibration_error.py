import json

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import kstest, norm

from retrodict.diagnostics import calibration_error


@pytest.mark.parametrize("seed", range(4))
def test_exact_posterior_passes(gaussian_posterior, seed):
    result = calibration_error(*gaussian_posterior(seed))
    assert result.passed
    assert result.error < result.error_if_exact
    assert "no more than an exact posterior" in str(result)


@pytest.mark.parametrize("seed", range(2))
def test_wrong_posterior_is_rejected(gaussian_posterior, lie, seed):
    result = calibration_error(*gaussian_posterior(seed, **lie), names=["a", "b"])
    assert not result.passed
    assert result.error > result.error_if_exact
    verdict = "too wide" if lie.get("width", 1) > 1 else "too narrow or shifted"
    assert verdict in str(result)


def test_one_wrong_parameter_among_ten_is_named(gaussian_posterior):
    draws, truth = gaussian_posterior(0, dim=10)
    draws[..., 7] += 0.6
    result = calibration_error(draws, truth)
    assert not result.passed
    assert "`x8`" in str(result)


@pytest.mark.parametrize("width", [0.7, 1.0, 1.4])
def test_curve_is_the_closed_form(gaussian_posterior, width):
    n = 2000
    draws, truth = gaussian_posterior(1, width=width, num_observations=n, num_draws=999, dim=1)
    q, share = calibration_error(draws, truth).curve
    expected = 2 * norm.cdf(width * norm.ppf((1 + q) / 2)) - 1
    assert (np.abs(share[:, 0] - expected) < 4 * np.sqrt(expected * (1 - expected) / n)).all()
    errors = np.median(np.abs(share - q[:, None]), axis=0)
    assert_allclose(calibration_error(draws, truth).errors, errors)


def test_curve_is_that_of_a_loop_over_quantiles(gaussian_posterior):
    draws, truth = gaussian_posterior(2, num_observations=150, num_draws=2000, width=0.8)
    q, share = calibration_error(draws, truth).curve
    naive = np.zeros_like(share)
    for i in range(150):
        for j in range(2):
            lower = np.quantile(draws[i, :, j], (1 - q) / 2)
            upper = np.quantile(draws[i, :, j], (1 + q) / 2)
            naive[:, j] += (lower <= truth[i, j]) & (truth[i, j] <= upper)
    # The two differ by one observation each time a truth lies next to an interval's end.
    assert_allclose(share, naive / 150, atol=3 / 150)
    assert np.abs(share - naive / 150).mean() < 0.5 / 150


@pytest.mark.parametrize("num_draws", [20, 37, 250])
def test_ranks_in_equal_shares_have_no_error(num_draws):
    truth = np.arange(num_draws + 1)[:, None] - 0.5
    draws = np.broadcast_to(np.arange(num_draws)[None, :, None], (num_draws + 1, num_draws, 1))
    result = calibration_error(draws, truth)
    assert_allclose(result.shares[:, 0], result.confidences, atol=1e-12)
    assert_allclose(result.error, 0, atol=1e-12)


def test_discrete_parameters_are_judged_fairly():
    rng = np.random.default_rng(3)
    draws, truth = rng.poisson(0.8, size=(300, 99, 2)), rng.poisson(0.8, size=(300, 2))
    assert calibration_error(draws, truth).passed
    assert not calibration_error(draws + 1, truth).passed


@pytest.mark.parametrize("num_draws", [20, 99])
def test_p_values_of_an_exact_posterior_are_uniform(num_draws):
    rng = np.random.default_rng(4)
    draws, truth = rng.normal(size=(60, num_draws, 100)), rng.normal(size=(60, 100))
    p_values = calibration_error(draws, truth).p_values
    assert kstest(p_values, "uniform").pvalue > 0.001


def test_width_of_the_68_percent_interval(gaussian_posterior):
    draws, truth = gaussian_posterior(5, num_draws=2000)
    expected = np.sqrt(0.2) * (norm.ppf(0.84) - norm.ppf(0.16))
    assert_allclose(calibration_error(draws, truth).width_68, expected, rtol=0.01)


def test_jax_arrays_give_the_same(gaussian_posterior):
    draws, truth = (a.astype(np.float32) for a in gaussian_posterior(6))
    from_numpy = calibration_error(draws, truth)
    from_jax = calibration_error(jnp.asarray(draws), jnp.asarray(truth))
    assert from_jax.to_dict() == from_numpy.to_dict()


def test_dictionary_is_json(gaussian_posterior):
    result = calibration_error(*gaussian_posterior(7), names=["mass", "charge"])
    loaded = json.loads(json.dumps(result.to_dict()))
    assert loaded["passed"] is True
    assert set(loaded["errors"]) == {"mass", "charge"}
    assert_allclose(loaded["error"], np.mean(list(loaded["errors"].values())))
