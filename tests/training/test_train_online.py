import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.errors import ConfigurationError
from retrodict.training import Outcome, TrainingConfig, train_online

CONFIG = TrainingConfig(batch_size=64, learning_rate=0.1, max_epochs=8, patience=None)


class Simulator(eqx.Module):
    """y = A x + noise."""

    matrix: jax.Array

    def __call__(self, key):
        key_x, key_y = jax.random.split(key)
        x = jax.random.normal(key_x, (3,))
        return x, self.matrix @ x + 0.1 * jax.random.normal(key_y, (2,))


def test_it_learns_what_is_simulated(regression, key):
    simulator = Simulator(jnp.array([[1.0, -2.0, 0.5], [0.3, 0.0, 3.0]]))
    validation_data = jax.vmap(simulator)(jax.random.split(jax.random.key(5), 50))
    config = TrainingConfig(batch_size=64, learning_rate=0.1, max_epochs=8)
    result = train_online(
        regression.model,
        regression.loss,
        simulator,
        validation_data,
        key=key,
        config=config,
        steps_per_epoch=40,
    )
    assert result.outcome is Outcome.EXHAUSTED
    assert_allclose(result.model.weight, simulator.matrix, atol=0.02)
    assert len(result.history) == 9


def test_every_step_has_fresh_examples_and_the_key_decides_them(key):
    class Constant(eqx.Module):
        value: jax.Array

    def loss(model, batch, key):
        jax.debug.callback(lambda rows: seen.append(np.asarray(rows)), batch, ordered=True)
        return jnp.mean((batch - model.value) ** 2)

    def run(key, steps_per_call):
        seen.clear()
        train_online(
            Constant(jnp.zeros(())),
            loss,
            lambda key: jax.random.normal(key, ()),
            jnp.zeros(4),
            validation_loss=lambda model, batch, key: model.value**2,
            key=key,
            config=TrainingConfig(batch_size=8, max_epochs=2, steps_per_call=steps_per_call),
            steps_per_epoch=10,
        )
        jax.effects_barrier()
        return np.concatenate(seen)

    seen = []
    first = run(key, 500)
    assert first.shape == (160,)
    assert len(set(first)) == 160
    np.testing.assert_array_equal(run(key, 3), first)
    assert not set(run(jax.random.key(1), 500)) & set(first)


def test_steps_per_epoch_has_to_be_positive(regression, key):
    with pytest.raises(ConfigurationError, match="steps_per_epoch"):
        train_online(
            regression.model,
            regression.loss,
            Simulator(jnp.zeros((2, 3))),
            regression.validation_data,
            key=key,
            steps_per_epoch=0,
        )
