import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import r2_score, root_mean_squared_error

from retrodict.diagnostics import recovery
from retrodict.errors import ConstantColumnError


def test_numbers_are_those_of_scikit_learn_and_numpy(gaussian_posterior):
    draws, truth = gaussian_posterior(0, dim=3, width=0.8, shift=0.3)
    result = recovery(draws, truth)
    medians = np.median(draws, axis=1)
    assert_allclose(result.medians, medians)
    assert_allclose(result.r_squared, r2_score(truth, medians, multioutput="raw_values"))
    assert_allclose(result.rmse, root_mean_squared_error(truth, medians, multioutput="raw_values"))
    correlations = [np.corrcoef(truth[:, i], medians[:, i])[0, 1] for i in range(3)]
    assert_allclose(result.correlations, correlations)
    inside = ((result.lower < draws.swapaxes(0, 1)) & (draws.swapaxes(0, 1) < result.upper)).mean()
    assert_allclose(inside, 0.9, atol=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_exact_posterior_has_the_closed_form(gaussian_posterior, seed):
    # Posterior mean .8 y, so R^2 = .8 = contraction and correlation sqrt(.8).
    draws, truth = gaussian_posterior(seed, num_observations=2000, num_draws=400, dim=1)
    result = recovery(draws, truth)
    assert_allclose(result.r_squared, 0.8, atol=4 * 0.012)
    assert_allclose(result.contractions, 0.8, atol=4 * 0.007)
    assert_allclose(result.correlations, np.sqrt(0.8), atol=4 * 0.006)
    assert_allclose(result.rmse, np.sqrt(0.2), rtol=0.07)


def test_lies_are_told_from_the_exact_posterior(gaussian_posterior, lie):
    exact = recovery(*gaussian_posterior(1))
    wrong = recovery(*gaussian_posterior(1, **lie))
    if "shift" in lie:
        assert (wrong.r_squared < exact.r_squared - 0.1).all()
    else:
        expected = 1 - (1 - exact.contractions) * lie["width"] ** 2
        assert_allclose(wrong.contractions, expected, rtol=1e-9)


def test_parameter_that_the_data_do_not_tell(rng):
    draws, truth = rng.normal(size=(400, 200, 1)), rng.normal(size=(400, 1))
    result = recovery(draws, truth)
    assert abs(result.r_squared[0]) < 0.1
    assert abs(result.contractions[0]) < 0.3
    assert abs(result.correlations[0]) < 0.2


def test_sentence_lists_the_best_first(gaussian_posterior):
    draws, truth = gaussian_posterior(2)
    draws[..., 0] = np.random.default_rng(0).normal(size=draws.shape[:2])
    result = recovery(draws, truth, names=["hidden", "seen"])
    text = str(result)
    assert text.index("`seen`") < text.index("`hidden`")
    assert set(json.loads(json.dumps(result.to_dict()))["rmse"]) == {"hidden", "seen"}


def test_constant_truth_is_refused(gaussian_posterior):
    draws, truth = gaussian_posterior(3)
    truth[:, 1] = 2.0
    with pytest.raises(ConstantColumnError, match=r"\[1\]"):
        recovery(draws, truth)
