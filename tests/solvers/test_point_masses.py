"""Values at a bound that carry probability."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from retrodict.solvers.point_masses import find_point_masses


def mixes(num=400, seed=0):
    rng = np.random.default_rng(seed)
    slag = np.where(rng.uniform(size=num) < 0.4, 0.0, rng.gamma(3, 40, num))
    share = np.where(rng.uniform(size=num) < 0.1, 1.0, rng.uniform(0, 1, num))
    water = rng.normal(180, 20, num)
    return np.column_stack([slag, share, water])


LOWER, UPPER = np.array([0.0, 0.0, -np.inf]), np.array([np.inf, 1.0, np.inf])


def test_only_bounds_with_probability_get_a_strip():
    masses = find_point_masses(mixes(), LOWER, UPPER)
    assert np.flatnonzero(masses.lower_width).tolist() == [0]
    assert np.flatnonzero(masses.upper_width).tolist() == [1]
    none = find_point_masses(np.add(mixes(), [[1.0, -0.5, 0.0]]), LOWER, UPPER)
    assert not none.any
    assert masses.any


def test_folding_undoes_spreading():
    x = mixes()
    masses = find_point_masses(x, LOWER, UPPER)
    spread = masses.spread(x, np.random.default_rng(1))
    assert_array_equal(masses.fold(spread), x)
    at_zero = x[:, 0] == 0
    assert (spread[at_zero, 0] < 0).all()
    # What a flow puts between the strip and the smallest other value belongs to the point.
    smallest = x[~at_zero, 0].min()
    between = np.array([[0.4 * smallest, 0.5, 180.0], [0.6 * smallest, 0.5, 180.0]])
    assert_allclose(masses.fold(between)[:, 0], [0, 0.6 * smallest])
    assert (spread[at_zero, 0] > masses.lower_edge[0]).all()
    assert_array_equal(spread[~at_zero, 0], x[~at_zero, 0])
    assert (spread[x[:, 1] == 1, 1] > 1).all()
    # Uniform over the strip: its mean is the middle, to four standard errors.
    depth = -spread[at_zero, 0] / masses.lower_width[0]
    assert abs(depth.mean() - 0.5) < 4 / np.sqrt(12 * at_zero.sum())


def test_the_log_width_turns_density_into_probability():
    masses = find_point_masses(mixes(), LOWER, UPPER)
    x = np.array([[0.0, 0.5, 180.0], [100.0, 0.5, 180.0], [0.0, 1.0, 180.0]])
    expected = (
        np.log(masses.lower_width[0]),
        0.0,
        np.log(masses.lower_width[0] * masses.upper_width[1]),
    )
    assert_allclose(masses.log_width(x), expected)
    assert_allclose(masses.centre(x)[0], [-masses.lower_width[0] / 2, 0.5, 180])
