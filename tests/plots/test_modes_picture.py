import numpy as np
import pytest

from retrodict.diagnostics import PosteriorModes, posterior_modes
from retrodict.errors import ConfigurationError, ShapeError
from retrodict.plots import modes, to_png


@pytest.fixture
def draws(rng):
    """Ten posteriors in three parameters; those of the first six have two modes along the third."""
    x = rng.normal(size=(10, 300, 3))
    x[:6, :, 2] += 8 * (rng.random((6, 300)) < 0.3)
    return x


def test_numbers_of_modes_are_counted(draws):
    result = posterior_modes(draws)
    left, right = modes(result).axes
    heights = [bar.get_height() for bar in left.patches]
    assert heights == np.bincount(result.num_modes)[1:].tolist()
    assert right.get_xlabel() == "share of draws in the heaviest mode"
    assert sum(bar.get_height() for bar in right.patches) == 10


def test_draws_are_coloured_by_mode_against_the_parameter_that_separates_them(draws):
    result = posterior_modes(draws, names=["a", "b", "c"])
    first, second = modes(result, draws, observation=2).axes
    assert (first.get_xlabel(), first.get_ylabel()) == ("c", "a")
    assert (second.get_xlabel(), second.get_ylabel()) == ("c", "b")
    heavy, light = first.lines
    assert len(heavy.get_xdata()) == (result.labels[2] == 0).sum()
    assert max(heavy.get_xdata()) < min(light.get_xdata())
    assert heavy.get_color() != light.get_color()
    assert light.get_label() == f"mode 2: {result.weights[2, 1]:.0%}"


def test_one_parameter_is_a_histogram(draws):
    one = draws[..., 2:]
    result = posterior_modes(one[0])
    (ax,) = modes(result, one[0]).axes
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(600, abs=300)
    assert len(ax.lines) == 2


def test_many_parameters_leave_some_out(rng):
    draws = rng.normal(size=(1, 100, 40))
    draws[:, 60:90, 30] += 3
    draws[:, 60:90, 35] += 8
    result = PosteriorModes(
        num_modes=np.array([2]),
        weights=np.array([[0.6, 0.3]]),
        locations=np.zeros((1, 2, 40)),
        labels=np.repeat([[0, 1, -1]], [60, 30, 10], axis=1),
        used=np.arange(100),
        prominences=np.array([[np.inf, 2.0]]),
        prominences_by_chance=np.array([1.0]),
        min_weight=0.05,
        names=tuple(f"$x{i}" for i in range(40)),
    )
    figure = modes(result, draws)
    assert len(figure.axes) == 24
    assert {ax.get_xlabel() for ax in figure.axes} == {r"\$x35"}
    assert figure.axes[0].get_ylabel() == r"\$x30"
    assert "Not shown: 15 of 39, which tell modes apart less" in figure.get_supxlabel()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["mode 1: 60%", "mode 2: 30%", "in none: 10%"]
    assert to_png(figure, 30)


def test_what_does_not_belong_is_refused(draws):
    result = posterior_modes(draws)
    with pytest.raises(ConfigurationError, match=r"10 observations.*got 10"):
        modes(result, draws, observation=10)
    with pytest.raises(ShapeError, match="dim=3"):
        modes(result, draws[..., :2])
    with pytest.raises(ShapeError, match="draws=300"):
        modes(result, draws[:, :200])
