import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from retrodict.errors import ConfigurationError
from retrodict.training import Outcome, TrainingConfig, train_online
from retrodict.training.source import Online

CONFIG = TrainingConfig(batch_size=64, learning_rate=0.1, max_epochs=8, patience=None)
MEAN_OF_HALVES = np.sqrt(2 / np.pi)


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


class Halves(eqx.Module):
    """A constant, and x when it is positive; NaN else."""

    def __call__(self, key):
        x = jax.random.normal(key, ())
        return jnp.where(x > 0, x, jnp.nan), jnp.ones((), jnp.int32)


def test_simulations_that_are_not_finite_are_left_out_of_a_batch(key):
    source = Online(simulate=Halves(), batch_size=64, steps_per_epoch=1)
    (rows, ones), num_left_out = source.batch((), jnp.int32(0), key)
    made = np.asarray(jax.vmap(Halves())(jax.random.split(key, 64))[0])
    finite = made[~np.isnan(made)]
    assert 0 < num_left_out == 64 - finite.size < 64
    # The finite ones in turn: each as often as any other, or once more.
    assert_array_equal(rows, np.resize(finite, 64))
    assert_array_equal(ones, np.ones(64))


def test_a_batch_that_is_finite_stays_as_it_is(key):
    def simulate(key):
        return jax.random.normal(key, (2,))

    source = Online(simulate=simulate, batch_size=8, steps_per_epoch=1)
    rows, num_left_out = source.batch((), jnp.int32(0), key)
    assert num_left_out == 0
    assert_array_equal(rows, jax.vmap(simulate)(jax.random.split(key, 8)))


def test_what_is_left_out_is_counted_and_spoils_no_step(key):
    class Constant(eqx.Module):
        value: jax.Array

    def loss(model, batch, key):
        return jnp.mean((batch[0] - model.value) ** 2)

    result = train_online(
        Constant(jnp.zeros(())),
        loss,
        Halves(),
        (jnp.ones(4), jnp.ones(4, jnp.int32)),
        validation_loss=lambda model, batch, key: (model.value - MEAN_OF_HALVES) ** 2,
        key=key,
        config=TrainingConfig(batch_size=64, learning_rate=0.1, max_steps=330, patience=None),
        steps_per_epoch=100,
    )
    assert result.num_skipped_steps == 0
    assert result.num_left_out == pytest.approx(330 * 32, abs=4 * np.sqrt(330 * 16))
    # The loss is that of the finite ones alone, whose mean is sqrt(2 / pi).
    assert abs(result.model.value - MEAN_OF_HALVES) < 0.03
    # Steps need not fill the last epoch.
    assert result.num_steps == 330
    assert [record.epoch for record in result.history] == [0, 1, 2, 3, 4]
    assert result.history[-1].learning_rate == pytest.approx(0.001)
