import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.dynamics import CircleMap, LogisticMap, fixed_points
from retrodict.errors import ConfigurationError, NonFiniteError


@pytest.mark.parametrize(
    ("r", "stabilities"),
    [
        (1.7, ["repelling", "attracting"]),
        (2.9, ["repelling", "attracting"]),
        (3.0, ["repelling", "neutral"]),
        (3.3, ["repelling", "repelling"]),
    ],
)
def test_those_of_the_logistic_map(r, stabilities):
    points = fixed_points(LogisticMap(r), 0, 1)
    assert_allclose([p.x for p in points], [0, 1 - 1 / r], atol=1e-6)
    assert_allclose([p.multiplier for p in points], [r, 2 - r], rtol=2e-6)
    assert [p.stability for p in points] == stabilities
    assert stabilities[1] in str(points[1])


def test_a_graph_that_touches_the_diagonal_without_crossing_it_is_seen():
    [point] = fixed_points(LogisticMap(1.0), -0.31, 0.4)
    assert point.stability == "neutral"
    assert_allclose(point.x, 0, atol=2e-3)
    assert fixed_points(lambda x: x + x**2 + 1e-4, -1, 1) == ()


@pytest.mark.parametrize(("omega", "k"), [(0.2, 0.9), (-0.3, 1.5), (0.5, 0.0)])
def test_a_circle_map_that_turns_further_than_it_is_kicked_has_none(omega, k):
    assert fixed_points(CircleMap(omega, k), 0, 1) == ()


def test_a_circle_map_that_is_kicked_further_has_two():
    omega, k = 0.1, 0.9
    sine = 2 * np.pi * omega / k
    angles = np.array([np.arcsin(sine), np.pi - np.arcsin(sine)])
    points = fixed_points(CircleMap(omega, k), 0, 1)
    assert_allclose([p.x for p in points], angles / (2 * np.pi), atol=1e-6)
    assert_allclose([p.multiplier for p in points], 1 - k * np.cos(angles), rtol=1e-5)
    assert [p.stability for p in points] == ["attracting", "repelling"]


def test_many_are_all_found_in_double_precision_to_its_digits():
    with jax.enable_x64(True):
        points = fixed_points(lambda x: x + jnp.sin(x), 0.5, 40)
    assert_allclose([p.x for p in points], np.pi * np.arange(1, 13), rtol=1e-14)


def test_bad_questions_are_refused():
    with pytest.raises(ConfigurationError, match="lower < upper"):
        fixed_points(LogisticMap(2), 1, 0)
    with pytest.raises(ConfigurationError, match="three points"):
        fixed_points(LogisticMap(2), 0, 1, num_points=2)
    with pytest.raises(ConfigurationError, match="Every point"):
        fixed_points(lambda x: x, 0, 1)
    with pytest.raises(NonFiniteError, match=r"x = -1"):
        fixed_points(jnp.log, -1, 1)
