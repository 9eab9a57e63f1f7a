import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.dynamics import (
    CircleMap,
    LogisticMap,
    lipschitz_constant,
    lipschitz_lower_bound,
)
from retrodict.errors import ConfigurationError, NonFiniteError


@pytest.mark.parametrize(
    ("map_", "interval", "expected"),
    [
        (LogisticMap(3.2), (0, 1), 3.2),
        (LogisticMap(3.2), (0.25, 0.5), 1.6),
        (CircleMap(0.2, 0.9), (0, 1), 1.9),
        (CircleMap(0.2, 0.9), (0, 0.25), 1.0),
        # The steepest point lies between the points of the grid.
        (lambda x: jnp.tanh(5 * (x - 0.4321)), (0, 1), 5.0),
    ],
)
def test_it_is_the_largest_slope(map_, interval, expected):
    assert_allclose(lipschitz_constant(map_, *interval, num_points=101), expected, rtol=1e-6)


def test_bad_questions_are_refused():
    with pytest.raises(ConfigurationError, match="lower < upper"):
        lipschitz_constant(LogisticMap(2), 0, np.inf)
    with pytest.raises(NonFiniteError, match="x = 0"):
        lipschitz_constant(jnp.sqrt, 0, 1)


def test_in_several_dimensions_it_is_the_largest_singular_value_not_eigenvalue():
    shear = jnp.array([[0.5, 3.0], [0.0, 0.5]])
    points = jnp.array([[0.0, 0.0], [1.0, 0.0]])
    found = lipschitz_lower_bound(lambda x: shear @ x, points)
    assert_allclose(found, np.linalg.norm(shear, 2), rtol=1e-6)


def test_more_points_raise_the_lower_bound():
    def bend(x):
        return jnp.sin(x) * jnp.array([1.0, 2.0])

    far, near = jnp.array([[1.0, 1.2]]), jnp.array([[1.0, 1.2], [0.0, 0.0]])
    assert_allclose(lipschitz_lower_bound(bend, far), 2 * np.cos(1.2), rtol=1e-6)
    assert_allclose(lipschitz_lower_bound(bend, near), 2.0, rtol=1e-6)
