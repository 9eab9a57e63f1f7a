import numpy as np
import pytest
from matplotlib.figure import Figure

from retrodict.plots.ticks import compact, short_number, tidy_ticks

INCHES = 1.8


@pytest.mark.parametrize(
    ("ticks", "texts"),
    [
        ([-0.5, 0.0, 0.5], ["−0.5", "0", "0.5"]),
        ([0.0, 0.25, 0.5], ["0", "0.25", "0.50"]),
        ([0.0, 2.5, 5.0], ["0", "2.5", "5.0"]),
        ([1000.001, 1000.002], ["1000.001", "1000.002"]),
        ([-2e-7, 0.0, 2e-7], ["−2e−7", "0", "2e−7"]),
        ([1e6, 1.5e6], ["1e6", "1.5e6"]),
        ([2459012.25, 2459012.5], ["2459012.25", "2459012.50"]),
        ([123456.001, 123456.002], ["123456.001", "123456.002"]),
    ],
)
def test_ticks_have_the_digits_that_tell_them_apart(ticks, texts):
    assert [compact(tick, ticks) for tick in ticks] == texts


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e4, 1e9])
@pytest.mark.parametrize("offset", [0.0, 3.0, 7777.0])
def test_neighbours_never_look_alike(scale, offset):
    ticks = (offset + np.arange(5)) * scale
    assert len({compact(tick, ticks) for tick in ticks}) == 5


def drawn(low, high, *, overhang=np.inf, num=4):
    """Places in inches from the left end, and half widths, of the labels below an axis."""
    figure = Figure(figsize=(3, 2))
    ax = figure.add_axes((0.2, 0.3, INCHES / 3, 0.5))
    tidy_ticks(ax, num, overhang=overhang)
    ax.tick_params(labelsize=8.5)
    ax.set_xlim(low, high)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    centres = np.array([(box.x0 + box.x1) / 2 for box in boxes]) / figure.dpi - 0.6
    return centres, np.array([box.width / 2 for box in boxes]) / figure.dpi


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1), (-3e-4, 2e-4), (2459012.1, 2459012.9), (6562.801, 6562.809), (5.0, -5.0)],
    ids=["plain", "small", "days", "wavelength", "reversed"],
)
def test_labels_below_do_not_touch(low, high):
    centres, half = drawn(low, high)
    order = np.argsort(centres)
    centres, half = centres[order], half[order]
    assert len(centres) >= 2
    assert (centres[1:] - half[1:] > centres[:-1] + half[:-1]).all()


def test_short_labels_are_not_thinned():
    assert len(drawn(0, 4)[0]) == 5


def test_labels_do_not_stand_out_further_than_they_may():
    centres, half = drawn(-1, 1, overhang=0.05)
    assert (centres - half > -0.06).all()
    assert (centres + half < INCHES + 0.06).all()
    assert (drawn(-1, 1)[0] - drawn(-1, 1)[1]).min() < -0.1


def test_where_nothing_fits_the_two_farthest_stay():
    centres, _ = drawn(123456789.0001, 123456789.0009)
    assert len(centres) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (131.4, "130"), (0.000417, "0.00042"), (0.0, "0"), (4.04e-8, "4e−8"), (-4.3e-8, "−4.3e−8"),
        (99.7, "100"), (52000, "52000"), (3.6e7, "3.6e7"), (1, "1"), (-0.25, "−0.25"),
    ],
)  # fmt: skip
def test_two_digits_without_an_exponent_where_people_write_none(value, text):
    assert short_number(value) == text
