"""Maps of latent numbers, their use, their influence, and what comes back from them."""

import numpy as np
import pytest

from retrodict import plots
from retrodict.errors import NonFiniteError, ShapeError
from retrodict.plots.latent_map import _densest, _moved_apart
from retrodict.variational import FeatureInfluence


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_every_group_has_its_own_look_and_name(rng):
    names = [f"tissue {i:02d}" for i in range(20)]
    labels = np.repeat(names, 5)
    figure = plots.latent_map(rng.normal(size=(100, 2)), labels, axes=("one", "two"))
    assert legend(figure) == names
    assert sorted(texts(figure)) == names
    looks = set()
    for part in figure.axes[0].collections:
        shape = part.get_paths()[0].vertices.round(3).tobytes()
        looks.add((tuple(part.get_facecolor()[0]), shape))
    assert len(looks) == 20
    assert figure.axes[0].get_xlabel() == "one"


def test_dots_stand_where_they_are(rng):
    positions = rng.normal(size=(30, 2))
    labels = np.array(["liver", "skin"] * 15)
    figure = plots.latent_map(positions, labels)
    for part in figure.axes[0].collections:
        inside = labels == part.get_label()
        np.testing.assert_array_equal(np.asarray(part.get_offsets()), positions[inside])


def test_the_rarest_of_many_groups_are_others(rng):
    labels = [f"g{i}" for i in range(30) for _ in range(40 - i)] + [None]
    figure = plots.latent_map(rng.normal(size=(len(labels), 2)), labels)
    assert len(legend(figure)) == 21
    assert legend(figure)[-1] == "others"
    assert "g29" not in legend(figure)
    assert "others" not in texts(figure)


def test_a_missing_label_is_unknown(rng):
    assert legend(plots.latent_map(rng.normal(size=(3, 2)), ["a", None, np.nan])) == [
        "a",
        "unknown",
    ]


def test_a_name_stands_in_the_larger_part_of_its_group(rng):
    points = np.concatenate([rng.normal(0, 0.02, (30, 2)), rng.normal(1, 0.01, (12, 2))])
    assert np.abs(_densest(points)).max() < 0.1


def test_names_that_would_overlap_are_moved_apart():
    sizes = np.full((4, 2), [0.2, 0.03])
    places = _moved_apart(np.array([[0.5, 0.5], [0.5, 0.5], [0.52, 0.51], [0.9, 0.9]]), sizes)
    gaps = np.abs(places[:, None] - places[None])
    np.fill_diagonal(gaps[..., 1], 1)
    assert ((gaps[..., 1] > 0.0299) | (gaps[..., 0] > 0.2)).all()
    np.testing.assert_array_equal(places[3], [0.9, 0.9])


def test_labels_and_positions_have_to_agree(rng):
    with pytest.raises(ShapeError, match="4 positions and 3 labels"):
        plots.latent_map(rng.normal(size=(4, 2)), list("abc"))
    with pytest.raises(ShapeError, match="plane"):
        plots.latent_map(rng.normal(size=(4, 3)), list("abcd"))
    with pytest.raises(NonFiniteError):
        plots.latent_map(np.full((4, 2), np.nan), list("abcd"))


def test_unused_latent_numbers_are_marked():
    ax = plots.latent_use([0.9, 0.004, 2.0]).axes[0]
    assert [bar.get_height() for bar in ax.patches] == [0.9, 2.0]
    assert ax.get_lines()[0].get_xdata().tolist() == [2]
    assert ax.get_legend() is not None
    assert plots.latent_use([0.9, 1.1]).axes[0].get_legend() is None


def test_influences_are_bars_to_their_side(rng):
    influence = np.array([[0.5, -2.0, 0.1], [0.0, 0.3, 0.2]])
    result = FeatureInfluence(influence, np.ones((2, 3)), ("TES", "SOX2", "A$B"))
    first, second = plots.feature_influence(result, num_features=2, unit="log2").axes
    assert [bar.get_width() for bar in first.patches] == [-2.0, 0.5]
    assert [label.get_text() for label in first.get_yticklabels()] == ["SOX2", "TES"]
    assert first.patches[0].get_facecolor() != first.patches[1].get_facecolor()
    assert [label.get_text() for label in second.get_yticklabels()] == [r"A\$B", "SOX2"]


def test_of_many_latent_numbers_the_strongest_are_shown(rng):
    influence = np.ones((14, 2)) * np.arange(14)[:, None]
    result = FeatureInfluence(influence, np.ones((14, 2)), ("a", "b"))
    figure = plots.feature_influence(result)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        f"latent number {i}" for i in range(3, 15)
    ]


def test_reconstruction_counts_entries_and_columns(rng):
    observed = rng.gamma(3, 2, (40, 50))
    per_feature = np.r_[np.linspace(0.01, 0.99, 48), -3.0, np.nan]
    figure = plots.reconstruction(observed, observed + 1, {"network": per_feature}, unit="log2")
    left, right = figure.axes
    assert left.images[0].get_array().sum() == observed.size
    assert right.patches[0].get_data().values.sum() == 49
    assert "observed [log2]" in left.get_xlabel()
    assert "1 columns below 0" in figure._supxlabel.get_text()
    with pytest.raises(ShapeError, match="reconstructed"):
        plots.reconstruction(observed, observed[:3], {})
