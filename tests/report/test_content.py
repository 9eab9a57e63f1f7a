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
