import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.errors import ConfigurationError, ShapeError, TooFewRowsError
from retrodict.training import Outcome, TrainingConfig, train

CONFIG = TrainingConfig(batch_size=32, learning_rate=0.1, max_epochs=12, patience=None)


def fit(regression, key, config=CONFIG, **options):
    return train(
        regression.model,
        regression.loss,
        regression.data,
        regression.validation_data,
        key=key,
        config=config,
        **options,
    )


def error_of(model, data):
    x, y = data
    prediction = x @ np.asarray(model.weight).T + np.asarray(model.bias)
    return ((prediction - y) ** 2).sum(axis=1).mean()


def test_linear_regression_reaches_least_squares(regression, key):
    config = dataclasses.replace(CONFIG, max_epochs=60, final_learning_rate_fraction=0.0)
    # Held-out rows equal to the training rows make the optimum of both the same.
    result = fit(regression._replace(validation_data=regression.data), key, config)
    assert_allclose(result.model.weight, regression.solution[:, :3], atol=0.01)
    assert_allclose(result.model.bias, regression.solution[:, 3], atol=0.01)
    assert result.outcome is Outcome.EXHAUSTED


@pytest.mark.parametrize("keep_last", [False, True])
def test_the_best_parameters_are_restored_or_where_asked_the_last(regression, key, keep_last):
    # A rate this high makes the held-out loss rise and fall.
    config = dataclasses.replace(
        CONFIG, learning_rate=1.0, final_learning_rate_fraction=1.0, keep_last=keep_last
    )
    result = fit(regression, key, config)
    losses = [record.validation_loss for record in result.history]
    assert [record.epoch for record in result.history] == list(range(13))
    assert np.argmin(losses) not in (0, 12)
    assert result.best_epoch == (12 if keep_last else np.argmin(losses))
    assert result.best_validation_loss == losses[result.best_epoch]
    error = error_of(result.model, regression.validation_data)
    assert_allclose(error, losses[result.best_epoch], rtol=1e-5)


def test_the_initial_model_may_be_the_best(regression, key):
    solved = eqx.tree_at(
        lambda model: (model.weight, model.bias),
        regression.model,
        (jnp.asarray(regression.solution[:, :3]), jnp.asarray(regression.solution[:, 3])),
    )
    config = dataclasses.replace(CONFIG, learning_rate=3.0, max_epochs=5, patience=3)
    result = fit(regression._replace(model=solved), key, config)
    assert result.best_epoch == 0
    assert result.outcome is Outcome.CONVERGED
    assert len(result.history) == 4
    assert_allclose(result.model.weight, solved.weight, rtol=0)


def test_it_stops_after_patience_epochs_without_improvement(regression, key):
    config = dataclasses.replace(CONFIG, max_epochs=500, patience=4, learning_rate=0.5)
    result = fit(regression, key, config)
    assert result.outcome is Outcome.CONVERGED
    assert result.history[-1].epoch - result.best_epoch == 4
    assert result.history[-1].epoch < 500


@pytest.mark.parametrize("num_devices", [None, 1, 2])
def test_a_run_compiles_its_steps_once(regression, key, caplog, num_devices):
    mesh = None if num_devices is None else jax.make_mesh((num_devices,), ("devices",))
    # Of shapes that no other test has, or there would be nothing to compile.
    x, y = regression.data
    rows = 190 + (num_devices or 0)
    with jax.log_compiles(), caplog.at_level("WARNING", "jax"):
        fit(regression._replace(data=(x[:rows], y[:rows])), key, mesh=mesh)
    compiled = [line for line in caplog.messages if line.startswith("Compiling jit(run_steps)")]
    assert len(compiled) == 1


def test_the_model_given_is_left_as_it_was(regression, key):
    fit(regression, key)
    assert not regression.model.weight.any()


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_cutting_epochs_into_calls_does_not_matter(regression, key, same_bits, ema_decay):
    config = dataclasses.replace(CONFIG, batch_size=8, max_epochs=3, ema_decay=ema_decay)
    results = [
        fit(regression, key, dataclasses.replace(config, steps_per_call=steps))
        for steps in (1, 7, 500)
    ]
    for result in results[1:]:
        assert same_bits(result.model, results[0].model)
        for one, other in zip(result.history, results[0].history, strict=True):
            assert one.training_loss == other.training_loss
            assert one.validation_loss == other.validation_loss


def test_the_key_decides(regression, key, same_bits):
    assert same_bits(fit(regression, key).model, fit(regression, key).model)
    assert not same_bits(fit(regression, key).model, fit(regression, jax.random.key(1)).model)


def test_one_compiled_program_serves_every_run_of_the_same_shapes(regression, key):
    traces = []

    def loss(model, batch, key):
        traces.append(batch[0].shape[0])
        return inner(model, batch, key)

    inner = regression.loss
    regression = regression._replace(loss=loss)
    fit(regression, key)
    first = list(traces)
    assert sorted(set(first)) == [30, 32]  # a block of held-out rows, a batch
    other = dataclasses.replace(
        CONFIG, learning_rate=0.01, max_epochs=5, clip_norm=1.0, patience=3, steps_per_call=3
    )
    fit(regression, jax.random.key(3), other)
    assert traces == first


def test_an_epoch_sees_every_row_once_in_an_order_of_its_own(key):
    class Seen(eqx.Module):
        weight: jax.Array

    def loss(model, batch, key):
        jax.debug.callback(lambda rows: seen.append(np.asarray(rows)), batch, ordered=True)
        return jnp.sum(model.weight) * jnp.mean(batch)

    seen = []
    rows = np.arange(10, dtype=np.float32)
    train(
        Seen(jnp.ones(1)),
        loss,
        rows,
        rows[:2],
        validation_loss=lambda model, batch, key: jnp.mean(batch),
        key=key,
        config=TrainingConfig(batch_size=4, max_epochs=30, patience=None),
    )
    jax.effects_barrier()
    epochs = [np.concatenate(seen[i : i + 2]) for i in range(0, 60, 2)]
    assert len(seen) == 60
    assert all(len(set(epoch)) == 8 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 30
    # Two of ten rows are left out of every epoch: 6 times of 30, with sd 2.2.
    counts = np.bincount(np.concatenate(epochs).astype(int), minlength=10)
    assert counts.sum() == 240
    assert (np.abs(counts - 24) < 4 * 2.2).all()


@pytest.mark.parametrize("num_held_out", [1, 7, 8, 29, 30])
@pytest.mark.parametrize("block", [1, 4, 8, 100])
def test_held_out_rows_all_count_the_same(regression, key, num_held_out, block):
    x, y = regression.validation_data
    held_out = (x[:num_held_out], y[:num_held_out])
    config = dataclasses.replace(CONFIG, max_epochs=1, validation_batch_size=block)
    result = fit(regression._replace(validation_data=held_out), key, config)
    expected = (held_out[1] ** 2).sum(axis=1).mean()  # the initial model predicts 0
    assert_allclose(result.history[0].validation_loss, expected, rtol=1e-5)


def test_another_validation_loss_chooses(regression, key):
    def distance_from_one_third(model, batch, key):
        return jnp.abs(model.weight[0, 0] - 1 / 3)

    config = dataclasses.replace(CONFIG, learning_rate=0.03)
    result = fit(regression, key, config, validation_loss=distance_from_one_third)
    losses = [record.validation_loss for record in result.history]
    assert 0 < np.argmin(losses) < 12
    assert_allclose(abs(result.model.weight[0, 0] - 1 / 3), min(losses), rtol=1e-5)


def test_metrics_are_told_and_decide_nothing(regression, key, same_bits, tmp_path):
    def bias_size(model, batch, key):
        return jnp.abs(model.bias).sum()

    def half(model, batch, key):
        return regression.loss(model, batch, key) / 2

    # 30 held-out rows in blocks of 8 and a rest of 6, each counted by its rows.
    config = dataclasses.replace(CONFIG, max_epochs=3, validation_batch_size=8)
    options = {"metrics": {"bias": bias_size, "half": half}, "checkpoint": tmp_path / "there"}
    told = fit(regression, key, config, **options)
    assert same_bits(told.model, fit(regression, key, config).model)
    frame = told.to_frame()
    assert list(frame.columns[-2:]) == ["bias", "half"]
    assert_allclose(frame["half"], frame["validation_loss"] / 2, rtol=1e-6)
    best = frame["validation_loss"].idxmin()
    assert_allclose(frame["bias"][best], jnp.abs(told.model.bias).sum(), rtol=1e-5)
    # A finished run that is asked for again knows them from its checkpoint.
    assert fit(regression, key, config, **options).history == told.history


def test_augmentation_touches_training_batches_only(regression, key):
    def shifted(batch, key):
        x, y = batch
        return x, y + 10.0 + 0.0 * jax.random.normal(key, y.shape)

    config = dataclasses.replace(CONFIG, max_epochs=40)
    moved_to_shifted_targets = fit(
        regression, key, config, augment=shifted, validation_loss=lambda m, b, k: -m.bias.sum()
    )
    assert_allclose(moved_to_shifted_targets.model.bias, regression.solution[:, 3] + 10, atol=0.3)
    plain = fit(regression, key, dataclasses.replace(CONFIG, max_epochs=1))
    augmented = fit(regression, key, dataclasses.replace(CONFIG, max_epochs=1), augment=shifted)
    assert augmented.history[0].validation_loss == plain.history[0].validation_loss


def test_dropout_is_on_in_training_and_off_in_validation(key):
    class Dropped(eqx.Module):
        weight: jax.Array
        dropout: eqx.nn.Dropout

    def loss(model, batch, key):
        keys = jax.random.split(key, batch.shape[0])
        kept = jax.vmap(lambda row, k: model.dropout(row, key=k))(batch, keys)
        return jnp.mean(kept == 0.0) + 0.0 * jnp.sum(model.weight)

    model = Dropped(jnp.ones(1), eqx.nn.Dropout(0.5))
    rows = np.ones((64, 8), np.float32)
    result = train(
        model, loss, rows, rows, key=key, config=TrainingConfig(batch_size=32, max_epochs=4)
    )
    assert all(record.validation_loss == 0.0 for record in result.history)
    assert_allclose([record.training_loss for record in result.history[1:]], 0.5, atol=0.09)
    assert result.model.dropout.inference is False


def test_frozen_leaves_stay(regression, key):
    trainable = jax.tree.map(lambda _: True, regression.model)
    trainable = eqx.tree_at(lambda tree: tree.bias, trainable, False)
    config = dataclasses.replace(CONFIG, weight_decay=0.1)
    start = eqx.tree_at(lambda model: model.bias, regression.model, jnp.array([5.0, 6.0]))
    result = fit(regression._replace(model=start), key, config, trainable=trainable)
    assert result.model.bias.tolist() == [5.0, 6.0]
    assert result.model.weight.any()


def test_the_moving_average_is_what_is_validated_and_kept(regression, key):
    # One step per epoch, so that the averages can be followed from outside.
    config = dataclasses.replace(CONFIG, batch_size=200, max_epochs=6, ema_decay=0.7)
    plain = dataclasses.replace(config, ema_decay=None)
    raw = []
    for epochs in range(1, 7):
        # Validation that always prefers the last epoch returns the raw parameters.
        short = fit(
            regression,
            key,
            dataclasses.replace(plain, warmup_fraction=0.0, final_learning_rate_fraction=1.0,
                                max_epochs=epochs),
            validation_loss=lambda m, b, k: -jnp.sum(m.weight**2),
        )  # fmt: skip
        raw.append(np.asarray(short.model.weight))
    averaged = fit(
        regression,
        key,
        dataclasses.replace(config, warmup_fraction=0.0, final_learning_rate_fraction=1.0),
        validation_loss=lambda m, b, k: -jnp.sum(m.weight**2),
    )
    weights = 0.3 * 0.7 ** np.arange(5, -1, -1)
    expected = np.tensordot(weights / weights.sum(), np.stack(raw), 1)
    assert averaged.best_epoch == 6
    assert_allclose(averaged.model.weight, expected, rtol=1e-4)


def test_weight_decay_shrinks(regression, key):
    free = fit(regression, key).model
    shrunk = fit(regression, key, dataclasses.replace(CONFIG, weight_decay=1.0)).model
    assert jnp.sum(shrunk.weight**2) < 0.9 * jnp.sum(free.weight**2)


def test_fewer_rows_than_a_batch(regression, key):
    x, y = regression.data
    result = fit(regression._replace(data=(x[:5], y[:5])), key)
    assert result.best_epoch > 0


def test_double_precision(regression, key):
    with jax.enable_x64(True):
        wide = jax.tree.map(
            lambda leaf: jnp.asarray(np.asarray(leaf, np.float64)),
            (regression.model, regression.data, regression.validation_data),
        )
        model, data, validation_data = wide
        config = dataclasses.replace(CONFIG, ema_decay=0.5, weight_decay=1e-9)
        result = train(
            model, regression.loss, data, validation_data, key=jax.random.key(1), config=config
        )
        assert result.model.weight.dtype == jnp.float64
        expected = error_of(result.model, jax.tree.map(np.asarray, validation_data))
        assert_allclose(result.best_validation_loss, expected, rtol=1e-12)


def test_half_precision_parameters_keep_their_type(regression, key):
    halved = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), regression.model)

    def loss(model, batch, key):
        return regression.loss(jax.tree.map(lambda a: a.astype(jnp.float32), model), batch, key)

    result = fit(regression._replace(model=halved, loss=loss), key)
    assert result.model.weight.dtype == jnp.bfloat16
    assert result.best_validation_loss < 0.5 * result.history[0].validation_loss


def test_time_out_returns_the_best_model(regression, key):
    config = dataclasses.replace(CONFIG, max_epochs=10**6, max_seconds=0.5)
    result = fit(regression, key, config)
    assert result.outcome is Outcome.TIME_OUT
    assert result.seconds < 30
    assert result.best_validation_loss == min(r.validation_loss for r in result.history)


def test_history_as_a_table(regression, key):
    result = fit(regression, key)
    frame = result.to_frame()
    assert list(frame.columns) == [
        "epoch",
        "training_loss",
        "validation_loss",
        "learning_rate",
        "seconds",
        "steps_per_second",
        "num_skipped",
    ]
    assert len(frame) == 13
    assert np.isnan(frame.training_loss[0])
    assert frame.training_loss[1:].notna().all()
    assert frame.seconds.is_monotonic_increasing
    assert (frame.steps_per_second[1:] > 0).all()
    assert_allclose(frame.learning_rate.iloc[-1], 0.001, rtol=1e-4)


def test_progress_hears_of_every_epoch(regression, key, recorder):
    progress = recorder()
    config = dataclasses.replace(CONFIG, steps_per_call=4)
    result = fit(regression, key, config, progress=progress, description="a test")
    assert progress.started == [(12, "a test")]
    assert progress.stopped == [Outcome.EXHAUSTED]
    finished = [record for record, _, fraction in progress.updates if fraction == 0]
    assert tuple(finished) == result.history
    shares = [(record.epoch + fraction) / 12 for record, _, fraction in progress.updates]
    assert shares == sorted(shares)
    assert len(set(shares)) == len(shares) > 13
    assert progress.updates[0][1] is None
    assert progress.updates[-1][1] == 0


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_sentence(outcome):
    assert str(outcome) == outcome.sentence
    assert outcome.sentence.endswith(".")


def test_the_result_says_how_it_went(regression, key):
    text = str(fit(regression, key))
    assert "all its epochs" in text
    assert "of 12" in text


def test_different_numbers_of_rows(regression, key):
    x, y = regression.data
    with pytest.raises(ShapeError, match=r"training.*\[199, 200\]"):
        fit(regression._replace(data=(x, y[1:])), key)
    with pytest.raises(ShapeError, match="held-out"):
        fit(regression._replace(validation_data=(x, y[1:])), key)


def test_no_rows(regression, key):
    x, y = regression.data
    with pytest.raises(TooFewRowsError, match="training"):
        fit(regression._replace(data=(x[:0], y[:0])), key)
    with pytest.raises(TooFewRowsError, match="held-out"):
        fit(regression._replace(validation_data=(x[:0], y[:0])), key)


def test_a_loss_that_is_not_one_number(regression, key):
    def loss(model, batch, key):
        return jnp.square(jax.vmap(model)(batch[0]) - batch[1])

    with pytest.raises(ConfigurationError, match=r"one number.*\(30, 2\)"):
        fit(regression._replace(loss=loss), key)
