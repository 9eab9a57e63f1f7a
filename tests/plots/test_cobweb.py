import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.dynamics import CircleMap, LogisticMap, orbit
from retrodict.errors import ConfigurationError
from retrodict.plots import cobweb, to_png
from retrodict.plots.style import BLUE, VERMILION


def lines(figure, color):
    return [line for line in figure.axes[0].lines if line.get_color() == color]


def test_the_stairs_go_from_the_graph_to_the_diagonal():
    stairs, _ = lines(cobweb(LogisticMap(2.8), 0.1, 6), VERMILION)
    x, y = stairs.get_data()
    path = np.asarray(orbit(LogisticMap(2.8), 0.1, 6))
    assert_allclose(x[::2], path, rtol=1e-6)
    assert_allclose(y[::2], path, rtol=1e-6)
    assert_allclose(y[1::2], 2.8 * x[1::2] * (1 - x[1::2]), rtol=1e-5)


@pytest.mark.parametrize(("r", "faces"), [(2.8, [False, True]), (3.2, [False, False])])
def test_fixed_points_are_filled_where_they_attract(r, faces):
    points = [
        line
        for line in cobweb(LogisticMap(r), 0.1, 3).axes[0].lines
        if line.get_marker() == "o" and line.get_color() != VERMILION
    ]
    assert_allclose([p.get_xdata()[0] for p in points], [0, 1 - 1 / r], atol=1e-6)
    assert [p.get_markerfacecolor() != "white" for p in points] == faces


def test_a_jump_is_a_gap_in_the_graph():
    assert len(lines(cobweb(CircleMap(0.2, 0.9), 0.1, 3), BLUE)) == 2
    assert len(lines(cobweb(LogisticMap(4), 0.1, 3), BLUE)) == 1


def test_an_orbit_that_leaves_the_frame_is_cut_and_a_title_kept_literal():
    figure = cobweb(LogisticMap(4.5), 0.4, 3, title="costs $4 or $5")
    assert figure.axes[0].get_xlim() == (0, 1)
    assert to_png(figure, 40)


def test_an_interval_without_length_is_refused():
    with pytest.raises(ConfigurationError, match="lower < upper"):
        cobweb(LogisticMap(2), 0.1, 3, 1.0, 1.0)
