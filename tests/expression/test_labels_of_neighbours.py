"""Agreement of neighbours with labels, and mixing of sources: truth passes, both lies do not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import NearestNeighbors

from retrodict.errors import DataError, ShapeError, TooFewRowsError
from retrodict.expression import label_agreement, source_mixing


def groups(rng, distance, num=120):
    names = np.repeat(["kidney", "liver", "lung"], [num // 2, num // 3, num // 6])
    centres = {"kidney": [0, 0], "liver": [distance, 0], "lung": [0, distance]}
    values = np.array([centres[name] for name in names]) + rng.normal(size=(num, 2))
    return values, pd.Series(names, name="tissue")


@pytest.mark.parametrize(("distance", "low", "high"), [(9, 0.97, 1.0), (0, 0.2, 0.6)])
def test_neighbours_name_groups_that_are_apart_and_not_those_that_are_not(rng, distance, low, high):
    train, known = groups(rng, distance, 300)
    test, truth = groups(rng, distance)
    result = label_agreement(train, known, test, truth)
    assert low <= result.accuracy <= high
    assert result.largest_share == 0.5
    assert result.per_class["samples"].tolist() == [60, 40, 20]


def test_the_share_is_that_of_a_vote_counted_by_hand(rng):
    train, known = groups(rng, 2.0, 300)
    test, truth = groups(rng, 2.0)
    near = NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test)[1]
    voted = [known.iloc[places].mode()[0] for places in near]
    expected = np.mean(np.array(voted) == truth)
    result = label_agreement(train, known, test, truth, 5)
    assert result.accuracy == pytest.approx(expected)
    weighted = (result.per_class["accuracy"] * result.per_class["samples"]).sum() / len(truth)
    assert weighted == pytest.approx(expected)
    assert f"{expected:.1%} of 120 held-out" in str(result)
    assert result.to_dict()["label"] == "tissue"


def test_labels_of_other_samples_are_refused(rng):
    train, known = groups(rng, 1.0)
    with pytest.raises(ShapeError, match="120 and 60 rows, but 120 and 120 labels"):
        label_agreement(train, known, train[:60], known)
    with pytest.raises(ShapeError, match="4 training samples for 5 neighbours"):
        label_agreement(train[:4], known[:4], train, known)
    with pytest.raises(DataError, match="Every sample needs a label; 3 have none"):
        label_agreement(train, known, train, known.where(known.index > 2))


@pytest.fixture
def sources(rng):
    """Two tissues, far apart, each from two sources; a third from one source."""
    tissue = pd.Series(np.repeat(["kidney", "uterus", "lung"], [60, 40, 30]))
    source = pd.Series(["TCGA", "GTEx"] * 50 + ["TCGA"] * 30)
    place = tissue.map({"kidney": 0.0, "uterus": 50.0, "lung": 99.0}).to_numpy()
    return rng.normal(size=(130, 3)) + place[:, None], source, tissue


def test_sources_are_told_apart_where_they_differ_and_only_there(sources, rng):
    mixed, source, tissue = sources
    shifted = mixed + 3.0 * (source == "GTEx").to_numpy()[:, None]
    # No difference in any column, but between columns: a linear classifier would see nothing.
    folded = mixed - tissue.map({"kidney": 0.0, "uterus": 50.0, "lung": 99.0}).to_numpy()[:, None]
    folded[:, 2] = 0
    side = rng.choice([-3.0, 3.0], 130)
    folded[:, 0] += side
    folded[:, 1] += np.where(source == "GTEx", side, -side)
    result = source_mixing(
        {"mixed": mixed, "shifted": shifted, "folded": folded}, source, tissue, num_trees=40
    )
    assert result.areas.index.tolist() == ["kidney", "uterus"]
    assert result.areas["mixed"].between(0.25, 0.75).all()
    assert (result.areas["shifted"] > 0.95).all()
    assert (result.areas["folded"] > 0.75).all()
    assert result.means["shifted"] == pytest.approx(result.areas["shifted"].mean())
    assert result.to_dict()["areas"]["kidney"]["mixed"] == result.areas.loc["kidney", "mixed"]
    assert "2 tissues" in str(result)


def test_sources_without_a_common_tissue_are_refused(sources):
    values, source, tissue = sources
    with pytest.raises(TooFewRowsError, match="10 samples of two sources"):
        source_mixing({"z": values[100:]}, source[100:], tissue[100:])
    few = np.r_[0:18, 100:130]
    with pytest.raises(TooFewRowsError):
        source_mixing({"z": values[few]}, source.iloc[few], tissue.iloc[few])
    with pytest.raises(ShapeError, match="99 rows for 130 sources"):
        source_mixing({"z": values[:99]}, source, tissue)
