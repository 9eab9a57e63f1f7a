import numpy as np
import pytest

from retrodict.plots.grid import wrapped
from retrodict.plots.style import compact


@pytest.mark.parametrize(
    ("ticks", "texts"),
    [
        ([-0.5, 0.0, 0.5], ["−0.5", "0", "0.5"]),
        ([0.0, 0.25, 0.5], ["0", "0.25", "0.50"]),
        ([0.0, 2.5, 5.0], ["0", "2.5", "5.0"]),
        ([1000.001, 1000.002], ["1000.001", "1000.002"]),
        ([-2e-7, 0.0, 2e-7], ["−2e−7", "0", "2e−7"]),
        ([1e6, 1.5e6], ["1e6", "1.5e6"]),
    ],
)
def test_ticks_have_the_digits_that_tell_them_apart(ticks, texts):
    assert [compact(tick, ticks) for tick in ticks] == texts


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e4, 1e9])
@pytest.mark.parametrize("offset", [0.0, 3.0, 7777.0])
def test_neighbours_never_look_alike(scale, offset):
    ticks = (offset + np.arange(5)) * scale
    assert len({compact(tick, ticks) for tick in ticks}) == 5


def test_long_labels_break_between_words_and_keep_dollar_signs():
    assert wrapped("blast furnace slag [kg/m3]", 14) == "blast furnace\nslag [kg/m3]"
    assert wrapped("price [$]") == r"price [\$]"
    assert wrapped("") == ""
