"""Draws of two-mode posteriors in one to eight dimensions, and how to look into a figure."""

import numpy as np
import pytest

from retrodict.variables import Variable


@pytest.fixture(params=[1, 2, 4, 8])
def dim(request):
    return request.param


@pytest.fixture
def variables(dim):
    return tuple(Variable(f"cause ${i}", "kg/m3" if i % 2 else "") for i in range(dim))


@pytest.fixture
def draws(dim, rng):
    modes = rng.choice([-1.0, 1.0], size=(60, 200, 1))
    return modes + 0.3 * rng.normal(size=(60, 200, dim)) + np.arange(dim)


@pytest.fixture
def truth(dim, rng):
    modes = rng.choice([-1.0, 1.0], size=(60, 1))
    return modes + 0.3 * rng.normal(size=(60, dim)) + np.arange(dim)
