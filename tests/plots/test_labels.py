import pytest
from hypothesis import given, strategies as st

from retrodict.plots.labels import shortened, some_of, wrapped


def test_long_labels_break_between_words_and_keep_dollar_signs():
    assert wrapped("blast furnace slag [kg/m3]", 14) == "blast furnace\nslag [kg/m3]"
    assert wrapped("price [$]") == r"price [\$]"
    assert wrapped("") == ""


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("radial_velocity_dispersion [km/s]", 18, "radial_velocity_\ndispersion [km/s]"),
        ("mass [1e-6 erg/cm3]", 14, "mass\n[1e-6 erg/cm3]"),
        ("mass [W/(m K sr)]", 10, "mass [W/(m\nK sr)]"),
        ("superplasticiser", 12, "superplasticiser"),
        ("Donaudampfschifffahrtsgesellschaft", 12, "Donaudampfsc\nhifffahrtsge\nsellschaft"),
        ("one two three four five", 5, "one\ntwo\nthre…"),
        ("one two three four five [m]", 5, "one\ntwo\nthre…\n[m]"),
        ("twelve letter", 13, "twelve letter"),
    ],
)
def test_where_lines_end(text, width, expected):
    assert wrapped(text, width) == expected


@given(st.text("ab_ -/.", max_size=80), st.sampled_from(["", " [kg]", " [1e-12 erg / (cm2 s)]"]))
def test_no_line_is_much_too_long_and_the_unit_stays(name, unit):
    lines = wrapped(name.strip() + unit, 12).split("\n")
    assert all(len(line) <= 1.4 * 12 for line in lines)
    assert "".join(lines).replace(" ", "").endswith(unit.replace(" ", ""))
    assert len(lines) <= 3 + 3 * bool(unit)


@given(st.text("ab_ -/.", max_size=30))
def test_nothing_is_lost_where_nothing_is_cut(name):
    letters = wrapped(name, 12, 40).replace("\n", "").replace(" ", "")
    assert letters == name.replace(" ", "")


def test_names_in_a_note_are_few_and_short():
    assert shortened("a" * 18) == "a" * 18
    assert shortened("a" * 19) == "a" * 17 + "…"
    assert some_of(["a", "b"]) == "a, b"
    assert some_of(list("abcde")) == "a, b, c, d, ..."
