import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.training import TrainingConfig
from retrodict.training.schedule import cosine_with_warmup


def rates(num_steps, **settings):
    schedule = cosine_with_warmup(TrainingConfig(**settings), num_steps)
    return np.asarray(jax.vmap(schedule)(jnp.arange(num_steps)))


def test_values_by_the_formula():
    got = rates(101, learning_rate=2e-3, warmup_fraction=0.1, final_learning_rate_fraction=0.05)
    rising = [2e-3 * (step + 1) / 10 for step in range(10)]
    falling = [
        2e-3 * (0.05 + 0.95 * (1 + math.cos(math.pi * (step - 10) / 90)) / 2)
        for step in range(10, 101)
    ]
    assert_allclose(got, rising + falling, rtol=2e-6)


@pytest.mark.parametrize("num_steps", [1, 2, 3, 50])
@pytest.mark.parametrize("warmup_fraction", [0.0, 0.05, 1.0])
def test_every_step_moves_and_none_exceeds_the_peak(num_steps, warmup_fraction):
    got = rates(num_steps, learning_rate=0.1, warmup_fraction=warmup_fraction)
    assert (got > 0).all()
    assert got.max() <= 0.1 * (1 + 1e-6)


def test_it_ends_at_the_final_fraction():
    got = rates(40, learning_rate=0.1, warmup_fraction=0.1, final_learning_rate_fraction=0.02)
    assert_allclose(got[-1], 0.002, rtol=1e-5)
    assert_allclose(got.max(), 0.1, rtol=1e-6)
