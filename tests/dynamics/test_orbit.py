import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.dynamics import CircleMap, LogisticMap, orbit
from retrodict.errors import ConfigurationError


def test_it_applies_the_map_again_and_again():
    x, expected = 0.3, [0.3]
    for _ in range(5):
        x = 3.2 * x * (1 - x)
        expected.append(x)
    assert_allclose(orbit(LogisticMap(3.2), 0.3, 5), expected, rtol=1e-5)


@pytest.mark.parametrize(("r", "period"), [(2.8, 1), (3.2, 2), (3.5, 4)])
def test_the_logistic_map_doubles_its_period(r, period):
    tail = np.asarray(orbit(LogisticMap(r), 0.3, 2000))[-64:]
    assert len(np.unique(np.round(tail, 4))) == period


def test_a_circle_map_without_a_kick_turns_evenly():
    assert_allclose(orbit(CircleMap(0.3, 0), 0, 4), [0, 0.3, 0.6, 0.9, 0.2], atol=1e-6)


def test_points_of_any_shape_keep_it():
    turn = jnp.array([[0.0, -1.0], [1.0, 0.0]])
    path = orbit(lambda x: turn @ x, np.array([1.0, 0.0], np.float32), 3)
    assert_allclose(path, [[1, 0], [0, 1], [-1, 0], [0, -1]])
    assert orbit(lambda x: turn @ x, jnp.ones(2), 0).shape == (1, 2)


def test_a_negative_length_is_refused():
    with pytest.raises(ConfigurationError, match="-1"):
        orbit(LogisticMap(2), 0.3, -1)
