"""Quality against simulations: every number where it belongs, names where lines end."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from retrodict import plots
from retrodict.errors import NonFiniteError, ShapeError
from retrodict.plots.quality import _apart
from retrodict.plots.style import BLUE

PANELS = {
    "moons": {"ours": [[1e3, 0.7], [1e4, 0.55]], "NPE": [[1e3, 0.72], [1e4, 0.6]]},
    "slcp": {"NPE": [[1e3, 0.97], [1e4, 0.9]], "SNPE": [[1e3, 0.96], [1e4, 0.84]]},
}


def test_ours_is_bold_and_in_colour_and_theirs_are_told_apart_by_their_dashes():
    moons, slcp = plots.quality_against_budget(PANELS, highlighted="ours").axes
    [ours] = [line for line in moons.lines if to_hex(line.get_color()) == BLUE.lower()]
    np.testing.assert_array_equal(ours.get_xydata(), PANELS["moons"]["ours"])
    dashes = {}
    for ax, methods in [(moons, ["NPE"]), (slcp, ["NPE", "SNPE"])]:
        for name in methods:
            [line] = [
                line
                for line in ax.lines
                if line.get_linestyle() != "None"
                and np.array_equal(line.get_xydata(), PANELS[ax.get_title(loc="left")][name])
            ]
            assert line.get_linewidth() < ours.get_linewidth() / 2
            dashes.setdefault(name, set()).add(line.get_linestyle())
    assert dashes["NPE"] != dashes["SNPE"]
    assert len(dashes["NPE"]) == 1


def test_the_ends_are_named_and_inside():
    panels = {"one": {"ours": [[100, 0.49], [1000, 1.0]]}}
    [ax] = plots.quality_against_budget(panels, highlighted="ours").axes
    low, high = ax.get_ylim()
    assert low < 0.49 < 1.0 < high
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert (labels[0], labels[-1]) == ("0.5  perfect", "1  worst")


def test_names_stand_apart_and_in_the_order_of_their_lines():
    places = _apart(np.array([0.5, 0.0, 0.02, 0.01]), 0.1)
    assert np.argsort(places).tolist() == [1, 3, 2, 0]
    assert np.diff(np.sort(places)).min() > 0.1 - 1e-9
    assert places.min() >= 0
    assert places[0] == pytest.approx(0.5)


@pytest.mark.parametrize("panels", [{}, {"one": {}}, {"one": {"ours": [[1, 2, 3]]}}], ids=str)
def test_nothing_to_draw_is_refused(panels):
    with pytest.raises(ShapeError):
        plots.quality_against_budget(panels, highlighted="ours")


def test_nan_is_refused():
    with pytest.raises(NonFiniteError, match="`ours`"):
        plots.quality_against_budget({"one": {"ours": [[1e3, np.nan]]}}, highlighted="ours")
