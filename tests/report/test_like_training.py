"""Shown observations against those of training: an odd one is found, named and pictured."""

import dataclasses

import numpy as np
import pytest

from retrodict.report.figures import figures_of
from retrodict.report.like_training import oddest_shown, oddest_table, shown_observations_table


@pytest.fixture(scope="module")
def with_an_odd_one(full, typical):
    observations = full.observations.copy()
    observations[1] = [0.0, 9.0]
    return dataclasses.replace(
        full, observations=observations, misspecification=typical.test(observations)
    )


def test_observations_like_those_of_training_are_called_so(full, typical):
    centre = np.zeros_like(full.observations)
    centre[1] = [0.1, -0.2]
    result = typical.test(centre)
    rows = shown_observations_table(dataclasses.replace(full, misspecification=result)).rows
    assert [row[2] for row in rows] == ["like training"] * 2
    assert [row[3] for row in rows] == ["–"] * 2


def test_one_that_is_unlike_them_is_named_with_what_is_odd(with_an_odd_one):
    first, second = shown_observations_table(with_an_odd_one).rows
    assert second[0] == "observation 1"
    assert second[2] == "unlike training"
    assert float(second[1]) < 0.05
    assert second[3].startswith("y1 is 9 where ")
    assert " ± " in second[3]
    assert first[2] == "like training"


def test_it_is_the_one_whose_numbers_and_picture_are_shown(with_an_odd_one):
    assert oddest_shown(with_an_odd_one) == 1
    table = oddest_table(with_an_odd_one)
    assert table.caption.startswith("Observation 1")
    observed, expected, sd, z = (
        float(cell.replace("\N{MINUS SIGN}", "-")) for cell in table.rows[1][1:5]
    )
    assert observed == 9
    # Independent normals of variance 2.
    assert (expected, sd) == pytest.approx((0, np.sqrt(2)), abs=0.25)
    assert z == pytest.approx((observed - expected) / sd, rel=0.15)
    low, middle, high = (float(cell.replace("\N{MINUS SIGN}", "-")) for cell in table.rows[1][5:])
    # Quantiles of 200 normals, within four standard errors of 0.27 and 0.13.
    assert (low, high) == pytest.approx((-2.77, 2.77), abs=1.08)
    assert middle == pytest.approx(0, abs=0.5)
    alt = figures_of(with_an_odd_one)["misspecification"][1]
    assert "It is unlike training" in alt
    assert "test observation 1" in alt


def test_without_a_shown_observation_there_is_nothing_to_say(full):
    nothing = dataclasses.replace(full, shown=(), shown_predictive=(), exact=None)
    assert oddest_shown(nothing) is None
    assert shown_observations_table(nothing) is None
    assert oddest_table(nothing) is None
    assert "misspecification" not in figures_of(nothing)
