import numpy as np
import pytest
from matplotlib.figure import Figure

from retrodict.plots.grid import add_note, label_rows, legend_columns, most_telling, panel_grid


@pytest.mark.parametrize(
    ("num", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (4, 2, 2), (7, 3, 3), (24, 8, 3)]
)
def test_rows_are_even_and_not_too_wide_for_a_telephone(num, rows, columns):
    figure, axes = panel_grid(num)
    assert len(axes) == num
    assert axes[0].get_subplotspec().get_geometry()[:2] == (rows, columns)
    assert figure.get_figwidth() < 8.2


def test_all_are_shown_in_their_order_where_there_is_room():
    assert most_telling(["a", "b", "c"], [1, 3, 2], "", 3) == ([0, 1, 2], "")


def test_those_that_matter_most_come_first_and_the_others_are_named():
    columns, note = most_telling(list("abcde"), [1, 3, np.nan, 3, 0], "of smaller error", 3)
    assert columns == [2, 1, 3]
    assert note == "Not shown: 2 of 5, of smaller error (a, e)."


def test_a_long_note_takes_several_lines_inside_the_figure():
    figure = Figure(figsize=(4, 3), layout="constrained")
    figure.add_subplot()
    add_note(figure, "word " * 40 + "costs $5")
    figure.draw_without_rendering()
    (note,) = figure.texts or [figure._supxlabel]
    assert "\\$5" in note.get_text()
    box = note.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width


def test_rows_have_their_label_once_and_one_below_the_other():
    figure, axes = panel_grid(6)
    for ax, top in zip(axes, [1, 1, 1, 1000, 1, 1], strict=True):
        ax.set_ylim(0, top)
    label_rows(axes, "density")
    figure.draw_without_rendering()
    assert [ax.get_ylabel() for ax in axes] == ["density", "", ""] * 2
    first, second = (axes[i].yaxis.label.get_window_extent() for i in (0, 3))
    assert first.x0 == pytest.approx(second.x0)


def test_a_legend_has_as_many_columns_as_fit():
    assert legend_columns(["draws", "reference", "truth"], 8.0) == 3
    assert legend_columns(["draws", "a reference with a very long name indeed"], 4.2) == 1
    assert legend_columns(["x" * 200], 4.2) == 1
