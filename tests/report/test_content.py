import dataclasses

import pytest

from retrodict.errors import ConfigurationError, ShapeError


@pytest.mark.parametrize("name", ["truth", "draws", "observations", "resimulated", "exact"])
def test_arrays_that_do_not_fit_are_refused_by_name(full, name):
    array = getattr(full, name)
    with pytest.raises(ShapeError, match=f"`{name}` must have the shape"):
        dataclasses.replace(full, **{name: array[..., :1]})
    if name != "truth":
        with pytest.raises(ShapeError, match=f"`{name}`"):
            dataclasses.replace(full, **{name: array[:1]})


@pytest.mark.parametrize("index", [-1, 80])
def test_an_observation_that_does_not_exist_cannot_be_shown(full, index):
    with pytest.raises(ConfigurationError, match=r"0 to 79"):
        dataclasses.replace(full, shown=(0, index))


def test_parts_of_another_problem_are_refused(full, typical):
    with pytest.raises(ShapeError, match="`priors` must have 2 entries"):
        dataclasses.replace(full, priors=("normal",))
    with pytest.raises(ShapeError, match="`shown_predictive` must have 2"):
        dataclasses.replace(full, shown_predictive=full.shown_predictive[:1])
    for name in ("tested_x", "tested_y"):
        with pytest.raises(ShapeError, match=f"`{name}`"):
            dataclasses.replace(full, **{name: full.truth[:, :1]})
    with pytest.raises(ShapeError, match="`tested_draws`"):
        dataclasses.replace(full, tested_draws=full.draws[:5])
    fewer = typical.test(full.observations[:40])
    with pytest.raises(ShapeError, match="of all 80 test observations; it is of 40"):
        dataclasses.replace(full, misspecification=fewer)
