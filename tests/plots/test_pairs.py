from dataclasses import dataclass

import numpy as np
import pytest

from retrodict.errors import ConfigurationError, ShapeError
from retrodict.plots import pairs, to_png
from retrodict.plots.density import axis_limits, mass_regions
from retrodict.plots.style import MODEL, REFERENCE, style_context
from retrodict.variables import Variable, default_variables

XYZ = default_variables("x", 3)


@pytest.fixture
def sample(rng):
    """Two modes in x1, x2 = 2 x1 + noise, x3 free."""
    x1 = rng.choice([-2.0, 1.0], size=3000) + 0.2 * rng.normal(size=3000)
    return np.column_stack([x1, 2 * x1 + 0.1 * rng.normal(size=3000), rng.normal(size=3000)])


@dataclass(frozen=True)
class FakePosterior:
    parameters: tuple
    draws: np.ndarray

    def sample(self, num_draws):
        return self.draws[..., :num_draws, :]


def test_it_is_a_lower_triangle_with_labels_outside(sample):
    figure = pairs(sample, XYZ)
    assert len(figure.axes) == 6
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "", "", "x1", "x2", "x3"]
    assert [ax.get_ylabel() for ax in figure.axes] == ["", "x2", "", "x3", "", ""]


def test_truth_is_drawn_at_its_place_in_every_panel(sample):
    truth = np.array([1.0, 2.0, 0.5])
    axes = iter(pairs(sample, XYZ, truth=truth).axes)
    for row in range(3):
        for column in range(row + 1):
            ax = next(axes)
            vertical = ax.lines[0].get_xdata()
            assert set(vertical) == {truth[column]}
            if row != column:
                assert set(ax.lines[1].get_ydata()) == {truth[row]}
                assert (ax.lines[2].get_xdata()[0], ax.lines[2].get_ydata()[0]) == (
                    truth[column],
                    truth[row],
                )


def test_truth_far_from_the_draws_stays_in_the_frame(sample):
    figure = pairs(sample, XYZ, truth=np.array([9.0, 2.0, 0.5]))
    assert figure.axes[0].get_xlim()[1] > 9


def test_both_modes_are_seen_apart(sample):
    heights = pairs(sample, XYZ).axes[0].patches[0].get_data()
    centres = (heights.edges[1:] + heights.edges[:-1]) / 2
    between = heights.values[np.abs(centres + 0.5) < 0.3]
    assert between.max() < 0.02 * heights.values.max()
    width = np.diff(heights.edges)[0]
    assert heights.values.sum() * width == pytest.approx(1, abs=0.01)


def banana(rng, num):
    """Far from symmetric under an exchange of its axes."""
    x = rng.normal(size=num)
    return x, x**2 + 0.5 * rng.normal(size=num)


@pytest.mark.parametrize("filled", [True, False], ids=["filled", "outlines"])
def test_regions_hold_the_mass_they_claim(rng, filled):
    from matplotlib.figure import Figure

    x, y = banana(rng, 20_000)
    ax = Figure().add_subplot()
    limits = tuple(axis_limits([column], Variable("x")) for column in (x, y))
    mass_regions(ax, x, y, limits, MODEL, filled=filled)
    fresh = np.column_stack(banana(rng, 20_000))
    # A filled band counts with its hole, as `contains_points` knows none.
    inside = [path.contains_points(fresh).mean() for path in ax.collections[0].get_paths()]
    # Smoothing widens the regions a little; it never narrows them.
    for found, mass in zip(inside, (0.95, 0.68, 0.30), strict=True):
        assert mass - 0.015 < found < mass + 0.05


def test_the_reference_is_an_outline_in_its_own_colour(sample):
    from matplotlib.colors import same_color

    figure = pairs(sample, XYZ, reference=sample + np.array([0.5, 0, 0]), reference_label="MCMC")
    outlines = figure.axes[1].collections[-1]
    assert same_color(outlines.get_edgecolor()[0], REFERENCE)
    assert "MCMC" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_given_limits_are_kept(sample):
    limits = [(-3, 3), (-7, 7), (-1, 1)]
    figure = pairs(sample, XYZ, limits=limits)
    assert figure.axes[3].get_xlim() == (-3, 3)
    assert figure.axes[4].get_xlim() == (-7, 7)
    assert figure.axes[4].get_ylim() == (-1, 1)


def test_the_margin_never_crosses_a_bound(rng):
    weights = np.abs(rng.normal(size=500)) * 0.01
    mass = Variable("mass", lower=0.0)
    assert axis_limits([weights], mass)[0] == 0.0
    assert axis_limits([weights], Variable("mass"))[0] < 0


def test_at_most_eight_parameters_and_the_rest_is_named(rng):
    figure = pairs(rng.normal(size=(50, 11)), default_variables("x", 11))
    assert len(figure.axes) == 36
    assert figure.axes[28].get_xlabel() == "x1"
    assert "3 of 11, which depend less on others (x9, x10, x11)" in " ".join(
        text.get_text() for text in figure.texts
    ).replace("\n", " ")


def test_of_many_parameters_those_that_depend_on_one_another_are_shown(rng):
    draws = rng.normal(size=(2000, 40))
    draws[:, 39] = draws[:, 20] ** 2 + 0.1 * draws[:, 39]
    draws[:, 10] += draws[:, 30]
    truth = np.arange(40.0)
    figure = pairs(
        draws, default_variables("x", 40), truth=truth, reference=draws + 1,
        limits=[(-50 - j, 50) for j in range(40)],
    )  # fmt: skip
    last = figure.axes[28:]
    assert [ax.get_xlabel() for ax in last] == ["x21", "x40", "x11", "x31", "x1", "x2", "x3", "x4"]
    # Truth and limits go with their parameter.
    assert last[1].lines[0].get_xdata()[0] == 39
    assert last[1].get_xlim()[0] == -89


@pytest.mark.parametrize("num", [1, 2, 30])
def test_few_draws_are_points_not_invented_regions(sample, num):
    figure = pairs(sample[:num], XYZ)
    assert not figure.axes[1].collections
    assert to_png(figure, 50)


def test_a_column_without_spread_draws(sample):
    sample[:, 1] = 3.0
    assert to_png(pairs(sample, XYZ), 50)


@pytest.mark.parametrize("batch", [(), (1,)], ids=["alone", "batch of one"])
def test_a_posterior_brings_its_names_and_draws(sample, batch):
    posterior = FakePosterior(XYZ, np.broadcast_to(sample, (*batch, *sample.shape)))
    same = pairs(sample[:1000], XYZ)
    figure = pairs(posterior, num_draws=1000)
    with style_context():
        assert to_png(figure, 40) == to_png(same, 40)


def test_a_posterior_of_several_observations_is_refused(sample):
    with pytest.raises(ShapeError, match="2 observations"):
        pairs(FakePosterior(XYZ, np.stack([sample, sample])))


def test_an_array_needs_variables(sample):
    with pytest.raises(ConfigurationError, match="variables"):
        pairs(sample)
