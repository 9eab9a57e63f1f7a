"""What people type on a command line."""

import math

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from retrodict.errors import (
    ColumnNotFoundError,
    ConfigurationError,
    NonFiniteError,
    NotNumericError,
)
from retrodict.tables import (
    parse_bounds,
    parse_name,
    parse_names,
    parse_names_and_units,
    parse_values,
    variables_of,
)
from retrodict.variables import Variable

names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(names, st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_values_round_trip(values):
    assert parse_values(",".join(f"{name}={value!r}" for name, value in values.items())) == values


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(names, min_size=1, unique=True))
def test_names_round_trip(listed):
    assert parse_names(",".join(listed)) == listed


def test_blanks_around_are_nothing():
    assert parse_values(" c = 60 , d=28 ") == {"c": 60, "d": 28}
    assert parse_names(" a, b b ,c") == ["a", "b b", "c"]
    assert parse_bounds(" a = 0 : 1 ") == {"a": (0, 1)}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", ConfigurationError),
        ("c", ConfigurationError),
        ("c=", ConfigurationError),
        ("=3", ConfigurationError),
        ("c=1,", ConfigurationError),
        ("c=1;d=2", NotNumericError),
        ("c=1,c=2", ConfigurationError),
        ("c=high", NotNumericError),
        ("c=1,5", ConfigurationError),
        ("c=nan", NonFiniteError),
        ("c=-inf", NonFiniteError),
    ],
)
def test_values_that_are_none(text, error):
    with pytest.raises(error) as caught:
        parse_values(text)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", " ", "a,,b", "a,b,", "a,a"])
def test_names_that_are_none(text):
    with pytest.raises(ConfigurationError):
        parse_names(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("strength[MPa]", ("strength", "MPa")),
        ("blast furnace slag [kg/m3]", ("blast furnace slag", "kg/m3")),
        ("age", ("age", "")),
        ("age[]", ("age", "")),
    ],
)
def test_name_and_unit(text, expected):
    assert parse_name(text) == expected


@pytest.mark.parametrize("text", ["", "[MPa]", "a[MPa", "a]MPa[", "a[b]c", "a[b][c]", "a[[b]]"])
def test_names_with_broken_brackets(text):
    with pytest.raises(ConfigurationError):
        parse_name(text)


def test_names_and_units():
    assert parse_names_and_units("strength[MPa],age [days],f[m,s]") == [
        ("strength", "MPa"),
        ("age", "days"),
        ("f", "m,s"),
    ]
    with pytest.raises(ConfigurationError, match="more than once"):
        parse_names_and_units("age[days],age[years]")


def test_bounds():
    assert parse_bounds("cement=0:600,slag=0:,ash=:-1e2,water=-inf:3,heat=:") == {
        "cement": (0, 600),
        "slag": (0, math.inf),
        "ash": (-math.inf, -100),
        "water": (-math.inf, 3),
        "heat": (-math.inf, math.inf),
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a", ConfigurationError),
        ("a=", ConfigurationError),
        ("a=1", ConfigurationError),
        ("a=1:2:3", ConfigurationError),
        ("a=2:1", ConfigurationError),
        ("a=1:1", ConfigurationError),
        ("a=nan:1", ConfigurationError),
        ("a=low:1", NotNumericError),
        ("a=0:1,a=0:2", ConfigurationError),
    ],
)
def test_bounds_that_are_none(text, error):
    with pytest.raises(error) as caught:
        parse_bounds(text)
    assert caught.value.hint


def test_variables_of():
    variables = variables_of([("slag", "kg/m3"), ("age", "")], {"slag": (0.0, 400.0)})
    assert variables == (Variable("slag", "kg/m3", lower=0.0, upper=400.0), Variable("age"))
    with pytest.raises(ColumnNotFoundError, match="`slagg`") as caught:
        variables_of([("slag", "kg/m3")], {"slagg": (0.0, 400.0)})
    assert "`slag`" in caught.value.hint
