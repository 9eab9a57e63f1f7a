import math
from dataclasses import replace

import pytest

from retrodict.report import MetricHelp
from retrodict.report.metric_help import help_for
from retrodict.report.numbers import aligned, bounds, percent, significant

THIN = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0012345, "0.00123"),
        (0.9996, "1.00"),
        (12.345, "12.3"),
        (-1234.5, "−1234"),
        (12345.6, f"12{THIN}346"),
        (100000.0, f"100{THIN}000"),
        (3.0, "3"),
        (0.0, "0"),
        (1.234e-7, "1.23×10⁻⁷"),
        (-5.5e12, "−5.50×10¹²"),
        (math.nan, "undefined"),
        (-math.inf, "−∞"),
    ],
)
def test_three_significant_digits(value, text):
    assert significant(value) == text


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (1.23456, 0.05, "1.2346"),
        (-0.00001, 2.0, "0.00"),
        (431.7, 12.0, "431.7"),
        (98765.4, 1234.0, f"98{THIN}765"),
        (5.0, 0.0, "5"),
        (2.5e-9, 1e-9, "2.500×10⁻⁹"),
    ],
)
def test_digits_follow_the_spread(value, scale, text):
    assert aligned(value, scale) == text


def test_shares_and_bounds():
    assert percent(0.00563) == "0.56\N{NO-BREAK SPACE}%"
    assert bounds(0.0, math.inf) == "≥ 0"
    assert bounds(-math.inf, 2.5) == "≤ 2.500"
    assert bounds(-1.0, 1.0) == "−1 to 1"
    assert bounds(-math.inf, math.inf) == "unbounded"


def test_known_metrics_are_explained_and_unknown_ones_only_named():
    assert help_for("calibration_error", {}).percent
    assert help_for("mmd2_median", {}).label.endswith("median")
    assert "c2st" not in help_for("c2st", {}).label
    assert help_for("my_own", {}).label == "my own"
    assert help_for("my_own", {}).meaning == ""
    assert help_for("r_squared_of_mean height", {}).label == "recovery (R²) of mean height"


def test_a_given_explanation_is_kept_and_named_where_it_has_no_name():
    given = MetricHelp(meaning="Ours.", at_most=0.1)
    assert help_for("mmd_mean", {"mmd_mean": given}) == replace(given, label="mmd mean")
