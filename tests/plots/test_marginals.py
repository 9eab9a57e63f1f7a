import numpy as np
import pytest

from retrodict.plots import marginals
from retrodict.variables import Variable, default_variables


def test_bar_and_marks_are_at_the_quantiles(rng):
    draws = rng.gamma(2.0, size=(2000, 1))
    ax = marginals(draws, [Variable("mass", "kg", lower=0.0)], truth=[1.5]).axes[0]
    truth, wide, narrow, median = ax.lines
    assert set(truth.get_xdata()) == {1.5}
    np.testing.assert_allclose(wide.get_xdata(), np.quantile(draws, [0.025, 0.975]))
    np.testing.assert_allclose(narrow.get_xdata(), np.quantile(draws, [0.16, 0.84]))
    assert median.get_xdata()[0] == np.median(draws)
    assert ax.get_xlim()[0] == 0.0
    assert ax.get_xlabel() == "mass [kg]"


def test_a_wide_reference_does_not_make_the_bins_coarse(rng):
    draws, wide = rng.normal(size=(2000, 1)), 100 * rng.normal(size=(2000, 1))
    ax = marginals(draws, default_variables("x", 1), reference=wide).axes[0]
    bins = np.diff(ax.patches[0].get_data().edges)[0]
    assert bins < 1.5


def test_beyond_24_variables_the_last_are_named(rng):
    figure = marginals(rng.normal(size=(20, 26)), default_variables("x", 26))
    assert len(figure.axes) == 24
    assert figure.get_supxlabel() == "Not shown: 2 of 26, the last ones (x25, x26)."


@pytest.mark.parametrize("compared", ["truth", "reference", "both"])
def test_of_many_those_that_differ_most_come_first(rng, compared):
    draws = rng.normal(size=(200, 40))
    draws[:, 36] = 1.0
    truth, reference = np.median(draws, axis=0), rng.normal(size=(300, 40))
    if compared != "reference":
        truth[[39, 37]] += [3, 2]
    else:
        reference[:, [39, 37]] += [3, 2]
    figure = marginals(
        draws, default_variables("x", 40), truth=None if compared == "reference" else truth,
        reference=None if compared == "truth" else reference,
    )  # fmt: skip
    # A column without spread is far from a reference, and not at all from its own value.
    expected = ["x40", "x37", "x38"] if compared == "reference" else ["x40", "x38"]
    assert [ax.get_xlabel() for ax in figure.axes][: len(expected)] == expected
    assert ("x37" in {ax.get_xlabel() for ax in figure.axes}) == (compared == "reference")
    assert "16 of 40, " in figure.get_supxlabel()
