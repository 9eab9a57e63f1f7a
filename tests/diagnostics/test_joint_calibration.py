"""Ranks of test quantities that look at all parameters together."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from retrodict.diagnostics import joint_calibration, simulation_based_calibration
from retrodict.diagnostics.joint_calibration import DISTANCE
from retrodict.errors import TooFewRowsError

CORRELATION = np.array([[1.0, 0.7, 0.0], [0.7, 1.0, -0.5], [0.0, -0.5, 1.0]])


def posteriors(seed, change=lambda noise, rng: noise, num=400, num_draws=99):
    """Normal posteriors of correlated parameters around means that differ; scales do too."""
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(CORRELATION)
    means = 5 * rng.normal(size=(num, 1, 3))
    scales = np.exp(rng.normal(size=(num, 1, 1)))
    draws = change(rng.normal(size=(num, num_draws, 3)) @ root.T, rng)
    truth = means + scales * (rng.normal(size=(num, 1, 3)) @ root.T)
    return means + scales * draws, truth[:, 0]


def independent(noise, rng):
    """The same marginals, each parameter from another draw."""
    return rng.permuted(noise, axis=1)


@pytest.fixture(scope="module")
def exact():
    """p-values for exact posteriors, (repeats, quantities)."""
    return np.array([joint_calibration(*posteriors(seed, num=60)).p_values for seed in range(150)])


def test_the_exact_posterior_fails_as_often_as_it_should(exact):
    # At 1 %, or less, for the tests are discrete and Bonferroni's: P(more than 6) = .001.
    assert (exact.min(axis=1) <= 0.01 / exact.shape[1]).sum() <= 6


def test_p_values_of_the_exact_posterior_are_no_smaller_than_uniform(exact):
    for level in (0.05, 0.2, 0.5):
        allowed = level + 4 * np.sqrt(level * (1 - level) / len(exact))
        assert (exact <= level).mean() <= allowed


def test_missing_correlation_is_seen_where_every_parameter_by_itself_is_right():
    draws, truth = posteriors(0, independent)
    assert simulation_based_calibration(draws, truth).passed
    result = joint_calibration(draws, truth, names=["a", "b", "c"])
    assert not result.passed
    findings = result.findings
    assert "correlated too little" in findings["a with b"]
    assert "correlated too strongly" in findings["b with c"]
    assert "a with c" not in findings
    assert "a and b" in str(result)
    assert result.to_dict()["findings"] == findings


@pytest.mark.parametrize(
    ("width", "finding"), [(0.8, "too far out"), (1.25, "too close to the centre")]
)
def test_over_and_underconfident_posteriors_are_rejected(width, finding):
    result = joint_calibration(*posteriors(1, lambda noise, rng: width * noise))
    assert not result.passed
    assert finding in result.findings[DISTANCE]


def test_heavier_tails_with_the_same_covariance_are_rejected():
    def heavy(noise, rng):
        return noise * np.sqrt(1 / rng.chisquare(3, size=(*noise.shape[:2], 1)))

    assert DISTANCE in joint_calibration(*posteriors(2, heavy)).findings


def test_the_distance_is_that_of_mahalanobis():
    """Against an inverse computed apart, without standardising first."""
    draws, truth = posteriors(3, num=30)
    points = np.concatenate([truth[:, None], draws], axis=1)
    expected = []
    for cloud in points:
        centred = cloud - cloud.mean(axis=0)
        inverse = np.linalg.inv(np.cov(cloud.T))
        distances = [row @ inverse @ row for row in centred]
        expected.append(np.sum(np.array(distances[1:]) < distances[0]))
    assert_array_equal(joint_calibration(draws, truth).ranks[:, 0], expected)


def test_linear_maps_leave_the_distance_alone():
    draws, truth = posteriors(4, num=40)
    matrix = np.array([[1e3, 0.2, 0.0], [0.0, 1e-3, 1e-4], [0.3, 0.0, 2.0]])
    moved = joint_calibration(draws @ matrix.T, truth @ matrix.T)
    assert_array_equal(moved.ranks[:, 0], joint_calibration(draws, truth).ranks[:, 0])


def test_blocks_do_not_change_the_ranks(monkeypatch):
    draws, truth = posteriors(5, num=40)
    whole = joint_calibration(draws, truth)
    module = sys.modules["retrodict.diagnostics.joint_calibration"]
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1000)
    assert_array_equal(joint_calibration(draws, truth).ranks, whole.ranks)


def test_one_parameter_has_no_pairs(gaussian_posterior):
    result = joint_calibration(*gaussian_posterior(0, dim=1))
    assert result.quantities == (DISTANCE,)
    assert result.passed


def test_many_parameters_are_compared_in_45_pairs(gaussian_posterior):
    result = joint_calibration(*gaussian_posterior(0, dim=12, num_observations=50))
    assert len(result.quantities) == 46
    assert len(set(result.quantities)) == 46
    assert result.passed


def test_a_copied_parameter_does_not_break_it(gaussian_posterior):
    draws, truth = gaussian_posterior(1, dim=2)
    result = joint_calibration(
        np.concatenate([draws, draws[..., :1]], axis=2),
        np.concatenate([truth, truth[:, :1]], axis=1),
    )
    assert result.passed


def test_a_covariance_needs_more_draws_than_parameters(gaussian_posterior):
    with pytest.raises(TooFewRowsError, match="at least 24 draws"):
        joint_calibration(*gaussian_posterior(0, dim=12, num_draws=20))
