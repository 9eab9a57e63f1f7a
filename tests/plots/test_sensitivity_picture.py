import numpy as np
import pytest

from retrodict.diagnostics import Sensitivity
from retrodict.plots import sensitivity, to_png


def made(dim, cond, rng, name="y"):
    shares = rng.uniform(0, 0.6, (dim, cond))
    shares[:, 0] = 0.002
    return Sensitivity(
        mean_shares=shares,
        mean_errors=np.full((dim, cond), 0.01),
        width_shares=np.zeros((dim, cond)),
        width_errors=np.full((dim, cond), 0.01),
        mean_explained=np.full(dim, 0.9),
        width_explained=np.zeros(dim),
        could_be_left_out=(),
        going_together=(),
        names=tuple(f"x{i + 1}" for i in range(dim)),
        observable_names=tuple(f"{name}{i + 1}" for i in range(cond)),
        num_observations=100,
    )


def test_shares_stand_in_their_cells_where_they_matter(rng):
    result = made(3, 4, rng)
    mean, width, _ = sensitivity(result).axes
    np.testing.assert_array_equal(mean.images[0].get_array(), result.mean_shares)
    found = {text.get_position(): text.get_text() for text in mean.texts}
    expected = {
        (j, i): f"{100 * result.mean_shares[i, j]:.0f}" for i, j in np.argwhere(result.mean_matters)
    }
    assert found == expected
    assert not width.texts
    assert [label.get_text() for label in mean.get_xticklabels()] == ["y1", "y2", "y3", "y4"]
    assert mean.get_yticklabels()[2].get_text() == "x3  R² 0.90"


@pytest.mark.parametrize(("dim", "cond"), [(1, 1), (6, 2), (1, 12), (6, 40), (45, 70)])
def test_tables_of_any_size_can_be_drawn(dim, cond, rng):
    figure = sensitivity(made(dim, cond, rng, name="a long name of channel $"))
    assert to_png(figure, 30)
    rows, columns = figure.axes[0].images[0].get_array().shape
    assert (rows, columns) == (min(dim, 40), min(cond, 60))
    assert ("Not shown" in figure.get_supxlabel()) == (dim > 40 or cond > 60)
