import numpy as np
import pytest
from scipy.stats import chi2_contingency

from retrodict.plots.dependence import strongest_dependence


def test_it_is_pearsons_contingency_of_the_strongest_pair(rng):
    first = rng.normal(size=1200)
    draws = np.column_stack([first, rng.normal(size=1200), first + rng.normal(size=1200)])
    groups = np.argsort(np.argsort(draws, axis=0), axis=0) // 200
    table = np.histogram2d(groups[:, 0], groups[:, 2], bins=6)[0]
    expected = chi2_contingency(table).statistic / 1200
    found = strongest_dependence(draws)
    assert found[[0, 2]] == pytest.approx(expected, rel=1e-4)
    assert found[1] == 0


def test_a_column_that_repeats_another_depends_fully(rng):
    first = rng.normal(size=600)
    assert strongest_dependence(np.column_stack([first, -first])) == pytest.approx(5, rel=1e-4)


def test_a_ring_is_seen_which_no_correlation_sees(rng):
    angle = rng.uniform(0, 2 * np.pi, 2000)
    draws = np.column_stack([np.cos(angle), rng.normal(size=2000), np.sin(angle)])
    draws += 0.05 * rng.normal(size=draws.shape)
    assert abs(np.corrcoef(draws[:, 0], draws[:, 2])[0, 1]) < 0.08
    found = strongest_dependence(draws)
    assert min(found[0], found[2]) > 0.5
    assert found[1] == 0


def test_independent_draws_show_nothing_in_99_of_100_posteriors(rng):
    # 200 posteriors: 2 expected at most, 8 with a chance below 1e-3.
    seen = [strongest_dependence(rng.normal(size=(500, 10))).any() for _ in range(200)]
    assert sum(seen) < 8


def test_blocks_do_not_show(rng, monkeypatch):
    draws = rng.normal(size=(300, 9))
    draws[:, 8] += draws[:, 0]
    whole = strongest_dependence(draws)
    monkeypatch.setattr("retrodict.plots.dependence._BLOCK", 2)
    np.testing.assert_allclose(strongest_dependence(draws), whole, rtol=1e-5)
    assert set(np.flatnonzero(whole)) == {0, 8}


@pytest.mark.parametrize("draws", [np.ones((50, 3)), np.zeros((1, 2)), np.arange(9.0)[:, None]])
def test_draws_without_spread_depend_on_nothing(draws):
    assert not strongest_dependence(draws).any()
