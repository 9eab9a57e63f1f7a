"""The map of scores that a calibration set asks for."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.errors import ConstantColumnError
from retrodict.repair.recalibration import TAILS, fit_recalibration


@pytest.mark.parametrize("tails", TAILS)
def test_calibrated_scores_ask_for_nothing(tails):
    scores = np.random.default_rng(0).normal(size=(50_000, 2))
    z = np.linspace(-4, 4, 50)[None, :, None] * np.ones(2)
    # At the outermost knots, the 1 % quantiles, the standard error is .017.
    assert_allclose(fit_recalibration(scores, 999, tails).forward(z), z, atol=0.12)


def test_what_it_asks_for_is_taken_back_by_its_inverse():
    scores = np.random.default_rng(1).gamma(2, size=(300, 3)) - 1
    recalibration = fit_recalibration(scores, 99, "separate")
    z = np.linspace(-4, 4, 50)[None, :, None] * np.ones(3)
    moved = recalibration.forward(z)
    assert (np.diff(moved, axis=1) > 0).all()
    assert np.abs(moved - z).max() > 0.3
    assert_allclose(recalibration.inverse(moved), z, atol=1e-10)


@pytest.mark.parametrize("tails", TAILS)
def test_together_is_symmetric_and_separate_is_not(tails):
    scores = np.random.default_rng(2).exponential(size=(300, 1)) - 0.3
    z = np.linspace(-4, 4, 51)[None, :, None]
    moved = fit_recalibration(scores, 99, tails).forward(z)
    assert np.allclose(moved, -moved[:, ::-1]) == (tails == "together")


def test_a_few_observations_do_not_tell_far_quantiles():
    """Two knots on one order statistic would leave nothing between them."""
    scores = np.random.default_rng(3).normal(size=(19, 1))
    assert (np.diff(fit_recalibration(scores, 999, "separate").of_truth, axis=0) > 0).all()


def test_equal_scores_are_refused():
    with pytest.raises(ConstantColumnError, match=r"parameters \[1\]"):
        fit_recalibration(np.stack([np.arange(50.0), np.zeros(50)], axis=1), 99, "separate")


@pytest.mark.parametrize("tails", TAILS)
def test_scores_that_are_missing_do_not_count(tails):
    rng = np.random.default_rng(4)
    scores = rng.gamma(2, size=(300, 3)) - 1
    scores[rng.random(300) < 0.9, 1] = np.nan
    scores[6:, 2] = np.nan
    z = np.linspace(-4, 4, 50)[None, :, None]
    moved = fit_recalibration(scores, 99, tails).forward(z * np.ones(3))
    for i in (0, 1):
        present = scores[~np.isnan(scores[:, i]), i : i + 1]
        alone = fit_recalibration(present, 99, tails).forward(z)
        assert_allclose(moved[..., i : i + 1], alone, atol=1e-12)
    assert_allclose(moved[..., 2], z[..., 0], atol=1e-12)  # 6 are too few
