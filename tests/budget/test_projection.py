"""From errors at a few sizes to the budget of a wanted one."""

import numpy as np
import pytest

from retrodict.budget import Point
from retrodict.budget.projection import project
from retrodict.diagnostics.calibration_error import _errors_by_chance


def point(num, error, chance=0.01):
    return Point(num, error, chance, None, 0.5, "do not trust", 1.0, "")


def power_law(power, noise=0.0, chance=0.01, seed=0):
    """Errors 3 n^-power, and the typical chance on top as independent errors add up."""
    rng = np.random.default_rng(seed)
    sizes = [500, 1000, 2000, 4000, 8000]
    excess = [3 * n**-power * np.exp(noise * rng.normal()) for n in sizes]
    return [
        point(n, float(np.hypot(e, chance / 2)), chance) for n, e in zip(sizes, excess, strict=True)
    ]


@pytest.mark.parametrize("power", [0.4, 0.5, 0.8])
def test_a_power_law_is_followed_to_where_it_meets_the_wanted_error(power):
    wanted = 0.008
    answer = project(power_law(power), wanted)
    exact = (3 / np.sqrt(wanted**2 - 0.005**2)) ** (1 / power)
    if exact <= 8000:
        assert answer.num_pairs <= 8000
    else:
        assert answer.num_pairs == pytest.approx(exact, rel=0.05)
        assert answer.exponent == pytest.approx(power, abs=1e-6)
        assert f"power {power:.2f}" in str(answer)


def test_the_interval_holds_the_budget_about_as_often_as_it_says():
    wanted, power = 0.02, 0.5
    exact = (3 / np.sqrt(wanted**2 - 0.005**2)) ** (1 / power)
    answers = [project(power_law(power, 0.15, seed=seed), wanted) for seed in range(200)]
    inside = [one.lower <= exact <= one.upper for one in answers if one.exponent is not None]
    assert len(inside) > 150
    # A deviation from three degrees of freedom: 61 % rather than 68 %.
    assert 0.48 < np.mean(inside) < 0.75


def test_an_error_that_was_reached_needs_no_projection():
    answer = project([point(500, 0.05), point(1000, 0.009), point(2000, 0.008)], 0.01)
    assert answer.num_pairs == 1000
    assert "was reached with 1,000" in str(answer)


def test_an_error_that_was_reached_by_luck_and_lost_again_does_not_count():
    answer = project([point(500, 0.009), point(1000, 0.05), point(2000, 0.04)], 0.01)
    assert answer.num_pairs != 500


def test_an_error_that_does_not_fall_is_not_extrapolated():
    answer = project([point(n, 0.06) for n in (500, 1000, 2000, 4000)], 0.01)
    assert answer.num_pairs is None
    assert "does not fall with more simulations" in str(answer)


@pytest.mark.parametrize(
    ("points", "wanted", "says"),
    [
        ([point(500, 0.05), point(1000, 0.04)], 0.01, "only 2 of 2 points"),
        ([point(n, 0.004) for n in (500, 1000, 2000)], 0.001, "only 0 of 3 points"),
        (power_law(0.5), 0.004, "hold out more of them"),
        (power_law(0.1), 0.0051, "more than 1,000 times"),
    ],
    ids=["few points", "all by chance", "below chance", "too far"],
)
def test_what_cannot_be_projected_is_said(points, wanted, says):
    answer = project(points, wanted)
    assert answer.num_pairs is None
    assert answer.lower is answer.upper is None
    assert says in str(answer)


@pytest.mark.parametrize("num", [50, 1000])
def test_a_typical_error_by_chance_is_half_of_what_99_in_100_stay_below(num):
    errors = _errors_by_chance(num, 300, 10_000)
    assert np.sqrt((errors**2).mean()) == pytest.approx(np.quantile(errors, 0.99) / 2, rel=0.25)
