"""Smoothed weights: as ArviZ does it, right on exact tails, and honest about bad ones."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.diagnostics import pareto_smoothing
from retrodict.diagnostics.pareto_smoothing import fit_generalised_pareto
from retrodict.errors import NonFiniteError, NotNumericError, ShapeError, TooFewRowsError


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("num", [100, 3000])
def test_agrees_with_arviz(num, rng):
    import arviz

    log_ratios = np.stack(
        [rng.standard_t(4, num), 2 * rng.normal(size=num), -rng.exponential(size=num)]
    )
    ours = pareto_smoothing(log_ratios + np.array([[1000.0], [0.0], [-3000.0]]))
    theirs, k = zip(*(arviz.psislw(row.copy()) for row in log_ratios), strict=True)
    assert_allclose(ours.pareto_k, [float(value) for value in k], rtol=1e-8)
    assert_allclose(ours.log_weights, np.stack(theirs), rtol=1e-8, atol=1e-10)
    assert_allclose(ours.ess, 1 / np.exp(2 * np.stack(theirs)).sum(axis=1), rtol=1e-8)


@pytest.mark.parametrize("k", [-0.4, 0.3, 0.9])
def test_the_fit_finds_exact_generalised_pareto_tails(k, rng):
    num_rows, num = 40, 2000
    exceedances = 3.0 * np.expm1(-k * np.log1p(-rng.random((num_rows, num)))) / k
    found, scale = fit_generalised_pareto(np.sort(exceedances), np.full(num_rows, num))
    expected = (num * k + 5) / (num + 10)
    assert abs(found.mean() - expected) < 4 * found.std(ddof=1) / np.sqrt(num_rows) + 0.01
    assert_allclose(scale.mean(), 3.0, rtol=0.03)


@pytest.mark.parametrize(
    ("scale", "passes"), [(1.0, True), (1.5, True), (0.3, False)], ids=["exact", "wide", "narrow"]
)
def test_weights_of_a_normal_proposal(scale, passes, rng):
    # Ratios of N(0, 1) to N(0, scale^2): bounded for wide proposals, k = 1 - scale^2 for narrow.
    x = scale * rng.normal(size=(5, 5000))
    log_ratios = -0.5 * x**2 + 0.5 * (x / scale) ** 2 + np.log(scale)
    smoothing = pareto_smoothing(log_ratios)
    assert smoothing.passed == passes
    assert_allclose(smoothing.weights.sum(axis=1), 1)
    if passes:
        second = (smoothing.weights * x**2).sum(axis=1)
        assert_allclose(second, 1, atol=5 * np.sqrt(2 / smoothing.ess.min()))
    assert ("can be used" in str(smoothing)) == passes


def test_degenerate_weights():
    equal = pareto_smoothing(np.zeros((1, 100)))
    assert equal.passed
    assert_allclose(equal.ess, 100)
    nothing = pareto_smoothing(np.full((1, 100), -np.inf))
    assert not nothing.passed
    assert nothing.ess[0] == 0
    few = np.full((2, 100), -np.inf)
    few[0, :4] = [0.0, -1.0, -2.0, -3.0]
    few[1] = np.linspace(0, 1, 100)
    both = pareto_smoothing(few)
    assert np.isposinf(both.pareto_k[0])
    assert both.pareto_k[1] < 0.5
    assert json.loads(json.dumps(both.to_dict()))["pareto_k"][0] is None


def test_observations_do_not_touch_each_other(rng):
    log_ratios = rng.standard_t(3, (30, 200))
    together = pareto_smoothing(log_ratios)
    alone = pareto_smoothing(log_ratios[7:8])
    assert_allclose(together.log_weights[7], alone.log_weights[0])
    assert_allclose(together.pareto_k[7], alone.pareto_k[0])


def test_senseless_ratios_are_refused():
    with pytest.raises(NonFiniteError, match="1 of 2 observations"):
        pareto_smoothing([[0.0] * 30, [np.nan] * 30])
    with pytest.raises(NonFiniteError):
        pareto_smoothing([[np.inf] * 30])
    with pytest.raises(ShapeError):
        pareto_smoothing(np.zeros(30))
    with pytest.raises(TooFewRowsError):
        pareto_smoothing(np.zeros((2, 10)))
    with pytest.raises(NotNumericError):
        pareto_smoothing([["a"] * 30])
