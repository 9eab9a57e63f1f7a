"""The tables beside the pictures, against the arrays that the pictures are drawn from."""

import dataclasses

import numpy as np
import pytest

from retrodict.diagnostics import posterior_predictive_check
from retrodict.report.figures import figures_of
from retrodict.report.picture_tables import most_extreme, picture_tables


@pytest.fixture(scope="module")
def tables(full):
    return picture_tables(full)


def number(cell):
    """What a cell says, with its minus sign and its per cent sign read."""
    text = cell.replace("\N{MINUS SIGN}", "-").replace("\N{NARROW NO-BREAK SPACE}", "")
    if text.endswith("%"):
        return float(text[:-1]) / 100
    return float(text)


def numbers(row):
    return [number(cell) for cell in row[1:]]


def test_every_picture_but_the_posteriors_has_one_and_every_table_has_a_picture(full, tables):
    pictures = {place for place in figures_of(full) if not place.startswith("posterior-")}
    assert set(tables) == pictures


def test_rows_are_as_long_as_their_heads(tables):
    for table in tables.values():
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_coverage_is_that_of_the_draws(full, tables):
    row = numbers(tables["calibration"].rows[0])
    for q, share in ((0.5, row[2]), (0.9, row[5])):
        low, high = np.quantile(full.draws[:, :, 0], [0.5 - q / 2, 0.5 + q / 2], axis=1)
        inside = (low <= full.truth[:, 0]) & (full.truth[:, 0] <= high)
        # Quantiles of 120 draws are told in more than one way: a rank more or less.
        assert share == pytest.approx(inside.mean(), abs=3 / len(inside))


def test_ranks_are_counted_in_fifths(full, tables):
    below = (full.draws < full.truth[:, None]).mean(axis=1)
    for j, row in enumerate(tables["ranks"].rows):
        assert sum(numbers(row)) == pytest.approx(1, abs=0.02)
        assert numbers(row)[0] == pytest.approx((below[:, j] < 0.2).mean(), abs=0.02)
        assert numbers(row)[4] == pytest.approx((below[:, j] >= 0.8).mean(), abs=0.02)


def test_z_scores_are_those_of_the_draws(full, tables):
    z = (full.draws.mean(axis=1) - full.truth) / full.draws.std(axis=1, ddof=1)
    for j, row in enumerate(tables["z-scores"].rows):
        mean, rms, contraction = (number(cell) for cell in row[1:4])
        assert mean == pytest.approx(z[:, j].mean(), abs=0.006)
        assert rms == pytest.approx(np.sqrt((z[:, j] ** 2).mean()), abs=0.06)
        assert contraction == pytest.approx(0.5, abs=0.15)
        assert row[4] == "partly determined"


def test_the_best_epoch_is_among_those_listed(full, tables):
    history = full.history.copy()
    history["validation_loss"] = np.abs(history["epoch"] - 5) + 1.25
    (table,) = [picture_tables(dataclasses.replace(full, history=history))["training"]]
    assert ("5", "0.1889", "1.250", "0.001000") in table.rows
    assert tables["training"].rows[0][1] == "–"  # there is no training loss before training


def test_a_long_history_is_thinned(full):
    history = full.history.loc[np.repeat(full.history.index, 20)].reset_index(drop=True)
    history["epoch"] = np.arange(len(history))
    history["validation_loss"] = np.abs(history["epoch"] - 100) + 1.25
    table = picture_tables(dataclasses.replace(full, history=history))["training"]
    assert len(table.rows) <= 13
    assert table.caption.startswith("Some epochs")
    assert table.rows[-1][0] == "239"
    assert "100" in [row[0] for row in table.rows]


def test_re_simulated_distances_are_per_observable(full, tables):
    distance = np.abs(full.resimulated - full.observations[:, None])
    for j, row in enumerate(tables["resimulation"].rows):
        expected = [
            np.median(distance[:, :, j]),
            np.quantile(distance[:, :, j], 0.95),
            full.observations[:, j].std(),
        ]
        assert numbers(row) == pytest.approx(expected, rel=0.01)


def test_what_a_posterior_predicts_stands_beside_what_was_observed(full, tables):
    table = tables["predictive-1"]
    check = full.shown_predictive[1]
    for k, row in enumerate(table.rows):
        assert row[0] == f"y{k} [MPa]"
        again = check.replicated[0, :, k]
        expected = [full.observations[1, k], *np.quantile(again, [0.025, 0.5, 0.975])]
        assert numbers(row)[:4] == pytest.approx(expected, abs=0.006)
        share = (again >= full.observations[1, k]).mean()
        assert numbers(row)[4] == pytest.approx(2 * min(share, 1 - share), abs=0.02)


def test_the_picture_of_a_check_is_that_of_its_most_extreme_statistic(full):
    column = {name: lambda y, i=i: y[..., i] for i, name in enumerate(["first", "second"])}
    rng = np.random.default_rng(0)
    again = rng.normal(size=(300, 2))
    far = posterior_predictive_check(again, np.array([0.1, 4.0]), column)
    assert most_extreme(far) == "second"
    content = dataclasses.replace(full, shown_predictive=(far, far))
    assert figures_of(content)["predictive-0"][1].startswith("Histogram of second in 300")


def test_modes_are_counted(full, tables):
    counts = np.bincount(full.modes.num_modes)[1:]
    assert [int(row[1]) for row in tables["modes"].rows] == counts.tolist()
    assert [number(row[2]) for row in tables["modes"].rows] == pytest.approx(
        counts / counts.sum(), abs=0.006
    )


def test_sensitivity_has_a_row_for_the_mean_and_one_for_the_width(full, tables):
    result = full.sensitivity
    table = tables["sensitivity"]
    assert table.columns == ("posterior", "y0", "y1", "R² of all")
    for i, name in enumerate(result.names):
        mean, width = table.rows[2 * i : 2 * i + 2]
        assert mean[0] == f"mean of {name}"
        assert numbers(mean)[:2] == pytest.approx(result.mean_shares[i], abs=0.006)
        assert numbers(width)[:2] == pytest.approx(result.width_shares[i], abs=0.006)
