"""A linear regression whose answer is known, small enough to be trained in a second."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from retrodict.training import SilentProgress


class Linear(eqx.Module):
    weight: jax.Array
    bias: jax.Array

    def __call__(self, x):
        return self.weight @ x + self.bias


def squared_error(model, batch, key):
    x, y = batch
    return jnp.mean(jnp.sum((jax.vmap(model)(x) - y) ** 2, axis=1))


class Regression(NamedTuple):
    model: Linear
    loss: object
    data: tuple
    validation_data: tuple
    solution: np.ndarray  # least squares on the training rows: weights, then the bias


class Recorder(SilentProgress):
    """Keeps every call; `when_updated` may do something at each."""

    def __init__(self, when_updated=None):
        self.started = []
        self.updates = []
        self.stopped = []
        self.when_updated = when_updated

    def start(self, total_epochs, description):
        self.started.append((total_epochs, description))

    def update(self, record, time_left_seconds, fraction):
        self.updates.append((record, time_left_seconds, fraction))
        if self.when_updated is not None:
            self.when_updated(self)

    def stop(self, outcome):
        self.stopped.append(outcome)


@pytest.fixture
def regression(rng):
    x = rng.normal(size=(230, 3)).astype(np.float32)
    weight = np.array([[1.0, -2.0, 0.5], [0.3, 0.0, 3.0]], np.float32)
    noise = 0.1 * rng.normal(size=(230, 2)).astype(np.float32)
    y = x @ weight.T + np.array([0.7, -1.5], np.float32) + noise
    with_one = np.concatenate([x[:200], np.ones((200, 1), np.float32)], axis=1)
    return Regression(
        model=Linear(jnp.zeros((2, 3)), jnp.zeros(2)),
        loss=squared_error,
        data=(x[:200], y[:200]),
        validation_data=(x[200:], y[200:]),
        solution=np.linalg.lstsq(with_one, y[:200], rcond=None)[0].T,
    )


@pytest.fixture
def recorder():
    return Recorder


def same_bits(first, second):
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


@pytest.fixture(name="same_bits")
def same_bits_fixture():
    return same_bits
