import numpy as np
import pytest
from scipy.stats import binom

from retrodict.diagnostics import calibration_error, simulation_based_calibration
from retrodict.plots import calibration_curve, ecdf_difference, rank_histogram

NUM, DRAWS = 400, 99


@pytest.fixture
def gaussians():
    """Truth and draws of exact (column 0) and half as wide (column 1) Gaussian posteriors."""
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(NUM, 2))
    draws = rng.normal(size=(NUM, DRAWS, 2)) * [1.0, 0.5]
    return draws, truth


def curve(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line.get_xdata(), line.get_ydata()


def test_the_curve_is_the_results_and_a_narrow_posterior_lies_below(gaussians):
    result = calibration_error(*gaussians)
    exact, narrow = calibration_curve(result).axes
    q, share = curve(exact, "this posterior")
    np.testing.assert_array_equal(q, result.confidences)
    np.testing.assert_array_equal(share, result.shares[:, 0])
    q, share = curve(narrow, "this posterior")
    assert (share[(q > 0.2) & (q < 0.95)] < q[(q > 0.2) & (q < 0.95)]).all()


def test_the_band_holds_95_percent_of_binomial_counts(gaussians):
    ax = calibration_curve(calibration_error(*gaussians)).axes[0]
    vertices = ax.collections[0].get_paths()[0].vertices
    at_half = vertices[np.isclose(vertices[:, 0], 0.495)][:, 1]
    inside = binom.cdf(at_half.max() * NUM, NUM, 0.495) - binom.cdf(
        at_half.min() * NUM - 1, NUM, 0.495
    )
    assert 0.95 <= inside < 0.965


def test_the_ecdf_of_an_exact_posterior_stays_in_the_band_and_of_a_narrow_one_leaves(gaussians):
    result = simulation_based_calibration(*gaussians)
    leaves = []
    for ax in ecdf_difference(result).axes:
        _, difference = curve(ax, "this posterior")
        outside = (difference < result.band_lower) | (difference > result.band_upper)
        leaves.append(bool(outside.any()))
        low, high = ax.get_ylim()
        assert low < difference.min()
        assert high > difference.max()
    assert leaves == [False, True]


def test_bars_average_to_one_and_leave_the_band_where_the_posterior_is_narrow(gaussians):
    leaves = []
    for ax in rank_histogram(simulation_based_calibration(*gaussians)).axes:
        band, bars = ax.patches
        heights = bars.get_data().values
        assert np.average(heights, weights=np.diff(bars.get_data().edges)) == pytest.approx(1)
        high, low = band.get_data().values, band.get_data().baseline
        leaves.append(bool(((heights > high) | (heights < low)).any()))
    assert leaves == [False, True]


def test_of_many_parameters_the_worst_come_first():
    rng = np.random.default_rng(4)
    widths = np.ones(40)
    widths[[39, 30]] = 0.3, 0.5
    draws, truth = rng.normal(size=(100, 49, 40)) * widths, rng.normal(size=(100, 40))
    error = calibration_error(draws, truth)
    sbc = simulation_based_calibration(draws, truth)
    for figure in (calibration_curve(error), ecdf_difference(sbc), rank_histogram(sbc)):
        assert len(figure.axes) == 24
        assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == ["x40", "x31"]
        assert "Not shown: 16 of 40, of " in figure.get_supxlabel()
    _, share = curve(calibration_curve(error).axes[0], "this posterior")
    np.testing.assert_array_equal(share, error.shares[:, 39])
    _, difference = curve(ecdf_difference(sbc).axes[1], "this posterior")
    np.testing.assert_array_equal(difference, sbc.ecdf_difference[:, 30])
