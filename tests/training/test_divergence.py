import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest

from retrodict.errors import DivergenceError
from retrodict.training import TrainingConfig, train

CONFIG = TrainingConfig(batch_size=10, learning_rate=0.1, max_epochs=10, patience=None)


def fit(regression, key, config=CONFIG, data=None, **options):
    return train(
        regression.model,
        regression.loss,
        regression.data if data is None else data,
        regression.validation_data,
        key=key,
        config=config,
        **options,
    )


def with_bad_row(regression, value):
    x, y = regression.data
    y = y.copy()
    y[17, 1] = value
    return x, y


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_steps_that_are_not_finite_are_skipped_and_counted(regression, key, value):
    # One row of 200 spoils one of the 20 batches of every epoch.
    # Ten in all, but never five on end.
    config = dataclasses.replace(CONFIG, max_bad_steps=5)
    result = fit(regression, key, config, data=with_bad_row(regression, value))
    assert result.num_skipped_steps == 10
    assert [record.num_skipped for record in result.history] == [0] + [1] * 10
    assert all(math.isfinite(record.training_loss) for record in result.history[1:])
    assert result.best_validation_loss < 0.1 * result.history[0].validation_loss
    assert "10 steps were skipped" in str(result)


def test_a_gradient_that_is_not_finite_is_skipped_too(regression, key):
    def loss(model, batch, key):
        # Finite at zero, where its gradient is not.
        return jnp.sqrt(jnp.sum(model.bias**2)) + regression.loss(model, batch, key)

    # Were the first step taken, it would count as an update, and all later losses as bad.
    with pytest.raises(DivergenceError, match="any of the 20 steps"):
        train(
            regression.model,
            loss,
            regression.data,
            regression.validation_data,
            key=key,
            config=dataclasses.replace(CONFIG, max_epochs=1),
        )


def test_skipped_steps_leave_no_trace(regression, key, same_bits):
    # A run whose every step after the first epoch is bad equals a run of one epoch.
    def loss(model, batch, key):
        spoilt = jnp.where(jnp.sum(model.weight**2) > 0.5, jnp.nan, 1.0)
        return spoilt * regression.loss(model, batch, key)

    def held_out(model, batch, key):
        return regression.loss(model, batch, key)

    results = [
        train(
            regression.model,
            loss,
            regression.data,
            regression.validation_data,
            key=key,
            validation_loss=held_out,
            config=dataclasses.replace(
                CONFIG,
                max_bad_steps=1000,
                max_epochs=epochs,
                warmup_fraction=0.0,
                final_learning_rate_fraction=1.0,
                ema_decay=0.9,
            ),
        )
        for epochs in (1, 4)
    ]
    assert 0 < results[0].num_skipped_steps < 20
    assert results[1].num_skipped_steps == results[0].num_skipped_steps + 60
    assert same_bits(results[0].model, results[1].model)
    assert results[1].best_epoch == 1
    assert results[1].history[-1].training_loss is None


@pytest.mark.parametrize("steps_per_call", [3, 500])
def test_a_loss_that_stays_bad_is_an_error(regression, key, steps_per_call, recorder):
    x, y = regression.data
    progress = recorder()
    config = dataclasses.replace(CONFIG, max_bad_steps=30, steps_per_call=steps_per_call)
    with pytest.raises(DivergenceError, match=r"30 consecutive steps.*epoch 2") as caught:
        fit(regression, key, config, data=(x, y * np.nan), progress=progress)
    assert "learning_rate" in caught.value.hint
    assert progress.stopped == [None]


def test_a_short_run_without_one_good_step_is_an_error(regression, key):
    x, y = regression.data
    config = dataclasses.replace(CONFIG, max_epochs=1)
    with pytest.raises(DivergenceError, match="any of the 20 steps"):
        fit(regression, key, config, data=(x, y * np.nan))


def test_a_held_out_loss_that_is_never_finite_is_an_error(regression, key):
    x, y = regression.validation_data
    spoilt = regression._replace(validation_data=(x, y * np.nan))
    with pytest.raises(DivergenceError, match="held-out loss was never finite"):
        fit(spoilt, key)
