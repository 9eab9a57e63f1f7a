import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict import plots
from retrodict.diagnostics import witness
from retrodict.errors import ShapeError
from retrodict.variables import Variable


def named(dim):
    return [Variable(f"x{j}") for j in range(dim)]


def test_one_variable_shows_the_graph(rng):
    function = witness(rng.normal(size=(80, 1)) - 1, rng.normal(size=(60, 1)) + 1)
    figure = plots.witness(function, named(1), first_label="model", second_label="exact")
    curve = max(figure.axes[1].lines, key=lambda line: len(line.get_xdata()))
    assert_allclose(curve.get_ydata(), function(curve.get_xdata()[:, None]), atol=1e-6)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        "model",
        "exact",
    ]


def test_two_variables_are_on_the_right_axes(rng):
    # The samples differ along the second variable only.
    first = rng.normal(size=(80, 2)) - np.array([0, 3])
    second = rng.normal(size=(60, 2)) + np.array([0, 3])
    ax = plots.witness(witness(first, second), named(2)).axes[0]
    dots = [line for line in ax.lines if len(line.get_xdata()) in {80, 60}]
    assert_allclose([line.get_ydata().mean() for line in dots], [-3, 3], atol=0.6)
    filled = ax.collections[0]
    heights = [np.mean(path.vertices[:, 1]) for path in filled.get_paths() if len(path.vertices)]
    # Levels rise from the second sample, above, to the first, below.
    assert heights[0] > 0 > heights[-1]


def test_more_variables_show_the_value_at_the_draws(rng):
    function = witness(rng.normal(size=(80, 3)), rng.normal(size=(60, 3)) + 1)
    figure = plots.witness(function, named(3))
    assert len(figure.axes) == 3
    for j, ax in enumerate(figure.axes):
        dots = next(line for line in ax.lines if len(line.get_xdata()) == 80)
        assert_allclose(dots.get_xdata(), function.first[:, j])
        assert_allclose(dots.get_ydata(), function(function.first), atol=1e-6)


def test_of_many_variables_those_along_which_it_varies_come_first(rng):
    shift = np.zeros(40)
    shift[35] = 4
    function = witness(rng.normal(size=(80, 40)), rng.normal(size=(60, 40)) + shift)
    figure = plots.witness(function, named(40))
    assert len(figure.axes) == 24
    assert figure.axes[0].get_xlabel() == "x35"
    dots = next(line for line in figure.axes[0].lines if len(line.get_xdata()) == 80)
    assert_allclose(dots.get_xdata(), function.first[:, 35])
    assert "Not shown: 16 of 40, along which it varies less" in figure.get_supxlabel()


def test_equal_samples_are_drawn_too(rng):
    points = rng.normal(size=(50, 2))
    assert plots.to_png(plots.witness(witness(points, points), named(2)), dpi=40)


@pytest.mark.parametrize("num", [0, 1, 3])
def test_each_column_needs_a_variable(num, rng):
    with pytest.raises(ShapeError, match=f"2 columns; got {num} variables"):
        plots.witness(witness(*rng.normal(size=(2, 30, 2))), named(num))
