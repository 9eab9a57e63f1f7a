"""Resampling: as often as the weights say, and never twice where that is asked."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.errors import ConfigurationError
from retrodict.solvers.refinement.resampling import systematic, systematic_without_replacement


def counts(chosen, num_proposals):
    return np.stack([np.bincount(row, minlength=num_proposals) for row in chosen])


def test_systematic_resampling_rounds_the_expected_number_up_or_down(rng):
    weights = rng.dirichlet(np.full(50, 0.3), size=8)
    expected = 200 * weights
    found = counts(systematic(rng, weights, 200), 50)
    assert (np.abs(found - expected) < 1).all()


def test_systematic_resampling_is_unbiased_and_in_random_order(rng):
    weights = np.repeat([[0.02, 0.08, 0.3, 0.6]], 20_000, axis=0)
    chosen = systematic(rng, weights, 2)
    for column in chosen.T:
        share = np.bincount(column, minlength=4) / 20_000
        error = np.sqrt(weights[0] * (1 - weights[0]) / 20_000)
        assert (np.abs(share - weights[0]) < 4 * error).all()


def test_without_replacement_nothing_is_taken_twice(rng):
    weights = rng.dirichlet(np.full(400, 0.5), size=300)
    found = counts(systematic_without_replacement(rng, weights, 100), 400)
    assert found.max() == 1
    # Inclusion in proportion to the weights among those that are not capped.
    weights = np.repeat([[0.7, 0.15, 0.1, 0.05, 0.0]], 20_000, axis=0)
    share = counts(systematic_without_replacement(rng, weights, 2), 5).mean(axis=0)
    assert_allclose(share, [1, 0.5, 1 / 3, 1 / 6, 0], atol=0.015)


def test_light_weights_are_not_capped(rng):
    weights = np.repeat([[0.4, 0.35, 0.15, 0.1]], 20_000, axis=0)
    share = counts(systematic_without_replacement(rng, weights, 2), 4).mean(axis=0)
    assert_allclose(share, 2 * weights[0], atol=0.015)


def test_all_of_those_with_weight_when_as_many_are_asked_for(rng):
    weights = np.array([[0.9, 0.0, 0.05, 0.05, 0.0]])
    chosen = systematic_without_replacement(rng, weights, 3)
    assert sorted(chosen[0]) == [0, 2, 3]
    with pytest.raises(ConfigurationError, match="only 3 proposals"):
        systematic_without_replacement(rng, weights, 4)
