import numpy as np
import pytest

from retrodict.diagnostics import expected_coverage, tarp
from retrodict.plots import coverage_curve


def line(ax, label):
    (found,) = [line for line in ax.lines if line.get_label() == label]
    return found.get_xdata(), found.get_ydata()


@pytest.fixture
def draws_and_truth():
    rng = np.random.default_rng(3)
    return rng.normal(size=(300, 99, 2)), rng.normal(size=(300, 2))


@pytest.mark.parametrize(("width", "inside"), [(1.0, True), (0.6, False)])
def test_the_curve_is_the_results_and_leaves_the_band_where_it_fails(
    draws_and_truth, width, inside
):
    draws, truth = draws_and_truth
    of_draws, of_truth = -(draws**2).sum(axis=-1), -((truth / width) ** 2).sum(axis=-1)
    result = expected_coverage(of_draws, of_truth)
    (ax,) = coverage_curve(result).axes
    levels, coverage = line(ax, "this posterior")
    np.testing.assert_array_equal(levels[1:-1], result.levels)
    np.testing.assert_array_equal(coverage[1:-1], result.coverage)
    assert (coverage[0], coverage[-1]) == (0, 1)
    vertices = ax.collections[0].get_paths()[0].vertices
    stays = []
    for level, share in zip(result.levels, result.coverage, strict=True):
        ends = vertices[vertices[:, 0] == level, 1]
        stays.append(ends.min() <= share <= ends.max())
    assert all(stays) == inside == result.passed
    assert ax.get_xlabel() == "claimed by the region"


def test_tarp_says_what_its_levels_mean(draws_and_truth):
    (ax,) = coverage_curve(tarp(*draws_and_truth)).axes
    assert ax.get_xlabel() == "share of the draws in the ball"
    assert any(text.get_text().startswith("p = ") for text in ax.texts)
