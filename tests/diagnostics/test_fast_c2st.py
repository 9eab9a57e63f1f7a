import json
from importlib import import_module

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest, norm
from sklearn.neural_network import MLPClassifier

from retrodict.diagnostics import c2st, fast_c2st
from retrodict.diagnostics.fast_c2st import (
    L2_PENALTY,
    _held_out,
    _initial_layer,
    _loss,
    _minibatch,
    _minibatch_orders,
    _num_right,
    _shuffled,
)
from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    DivergenceError,
    ShapeError,
    TooFewRowsError,
)

# The function hides the module of its name.
c2st_module = import_module("retrodict.diagnostics.c2st")


def two_samples(kind, num_draws=1000):
    rng = np.random.default_rng(20)
    first, second = rng.normal(size=(2, num_draws, 2))
    if kind == "shifted":
        second[:, 0] += 0.5
    if kind == "correlated":
        second[:, 1] = 0.8 * second[:, 0] + 0.6 * second[:, 1]
    if kind == "two modes":
        second = rng.choice([-1.0, 1.0], size=(num_draws, 1)) * [1.0, 0.0] + 0.5 * second
        first *= np.sqrt([1.25, 0.25])
    return first, second


@pytest.mark.parametrize("kind", ["equal", "shifted", "correlated", "two modes"])
def test_it_agrees_with_the_exact_definition(kind):
    first, second = two_samples(kind)
    exact = c2st(first, second)
    # The mean over seeds, since each training has a chance of its own of about .01.
    fast = [fast_c2st(first, second, seed=seed).accuracy for seed in (1, 2, 3)]
    assert abs(np.mean(fast) - exact.accuracy) < 0.015
    assert (exact.accuracy > 0.55) == (kind != "equal")


@pytest.mark.parametrize("seed", range(4))
def test_exact_draws_pass(seed):
    rng = np.random.default_rng(seed)
    result = fast_c2st(*rng.normal(size=(2, 1000, 2)), seed=seed)
    assert result.passed
    assert abs(result.accuracy - 0.5) < 4 * np.sqrt(0.25 / 2000)
    assert "cannot tell" in str(result)


def test_wrong_draws_are_rejected(lie):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 1000, 2))
    result = fast_c2st(first, lie.get("shift", 0.0) + lie.get("width", 1.0) * second)
    assert not result.passed
    assert 0.55 < float(result) < 0.8


def test_accuracy_is_nearly_that_of_the_best_classifier():
    first, second = np.random.default_rng(1).normal(size=(2, 1000, 2))
    result = fast_c2st(first * 10 + 100, (second + np.array([1.5, 0.0])) * 10 + 100)
    assert_allclose(result.accuracy, norm.cdf(0.75), atol=4 * np.sqrt(0.25 / 2000))
    right = round(result.accuracy * 2000)
    assert_allclose(result.p_value, binomtest(right, 2000, alternative="greater").pvalue)


def test_loss_and_gradient_are_those_of_scikit_learn():
    rng = np.random.default_rng(2)
    rows, labels = rng.normal(size=(60, 2)), rng.integers(0, 2, size=60)
    # One step of plain gradient descent over all rows shows the gradient.
    model = MLPClassifier(
        (20, 20), solver="sgd", momentum=0.0, learning_rate_init=1.0, batch_size=60, max_iter=1,
        random_state=0, shuffle=False,
    )  # fmt: skip
    with pytest.warns(match="Maximum iterations"):
        model.fit(rows, labels)
    after = tuple(zip(model.coefs_, model.intercepts_, strict=True))
    start = MLPClassifier((20, 20), learning_rate_init=1e-30, solver="sgd", momentum=0.0,
                          batch_size=60, max_iter=1, random_state=0, shuffle=False)  # fmt: skip
    with pytest.warns(match="Maximum iterations"):
        start.fit(rows, labels)
    before = tuple(zip(start.coefs_, start.intercepts_, strict=True))
    layers = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), before)
    # Rows that only fill up have no weight.
    padded = jnp.asarray(np.concatenate([rows, rows[:9] + 5]), jnp.float32)
    padded_labels = jnp.asarray(np.append(labels, np.ones(9)), jnp.float32)
    weights = jnp.asarray(np.arange(69) < 60, jnp.float32)
    loss, gradient = jax.jit(jax.value_and_grad(_loss))(layers, padded, padded_labels, weights)
    assert_allclose(loss, start.loss_, rtol=1e-5)
    for (w, b), (w_before, b_before), (w_after, b_after) in zip(
        gradient, before, after, strict=True
    ):
        assert_allclose(w, w_before - w_after, atol=1e-5)
        assert_allclose(b, b_before - b_after, atol=1e-5)
    penalty = L2_PENALTY / 2 * sum((w**2).sum() for w, _ in before) / 60
    assert penalty > 1e-6


def test_weights_start_where_glorot_and_bengio_put_them():
    weights, biases = _initial_layer(jr.key(0), 300, 200)
    bound = np.sqrt(6 / 500)
    assert_allclose(np.abs(weights).max(), bound, rtol=1e-3)
    assert_allclose(np.std(weights), bound / np.sqrt(3), rtol=0.02)
    assert_allclose(np.abs(biases).max(), bound, rtol=0.05)


def test_every_epoch_sees_each_training_row_once_in_another_order():
    held_out = _held_out(103, 5, seed=3)
    assert_array_equal(np.sort(np.bincount(held_out)), [20, 20, 21, 21, 21])
    orders, sizes = _minibatch_orders(held_out, 5, 128, seed=3)
    training = np.flatnonzero(held_out != 4)
    epochs = set()
    for epoch in range(8):
        row_of = _shuffled(jr.key(epoch), jnp.asarray(orders[4]), jnp.asarray(sizes[4]))
        rows = np.asarray(row_of(jnp.arange(sizes[4])))
        assert_array_equal(np.sort(rows), training)
        epochs.add(tuple(rows))
    assert len(epochs) == 8


@pytest.mark.parametrize(("size", "sizes"), [(450, [200, 200, 50]), (96, [96]), (400, [200, 200])])
def test_minibatches_hold_each_place_once(size, sizes):
    seen = []
    for i, expected in enumerate(sizes):
        places, is_there = map(np.asarray, _minibatch(jnp.asarray(i), jnp.asarray(size)))
        assert is_there.sum() == expected
        assert places.max() < size
        seen += places[is_there].tolist()
    assert seen == list(range(size))


@pytest.mark.parametrize("far", [1e25, 1e37])
def test_samples_too_far_apart_to_train_on_do_not_pass(far):
    first, second = two_samples("equal")
    with pytest.raises(DivergenceError, match="must stay below"):
        fast_c2st(first, second + far)


def test_a_classifier_that_was_not_trained_does_not_pass(monkeypatch):
    monkeypatch.setattr(c2st_module, "FARTHEST", np.inf)
    first, second = two_samples("equal")
    with pytest.raises(DivergenceError, match="not trained"):
        fast_c2st(first, second + 1e25)


def test_held_out_labels_are_not_seen():
    # Labels without any relation to the rows can be learnt by heart, but not foretold.
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(2048, 2)).astype(np.float32)
    labels = rng.permutation(np.arange(2048) >= 1024)
    held_out = _held_out(2048, 5, seed=4)
    orders, sizes = _minibatch_orders(held_out, 5, 2048, seed=4)
    right, _ = _num_right(jr.key(4), rows, labels, orders, sizes, held_out)
    assert abs(int(np.sum(right)) - 1024) < 4 * np.sqrt(512)


def test_seed_and_folds_are_heard():
    first, second = two_samples("shifted", 100)
    result, again = (fast_c2st(first, second, num_folds=3) for _ in range(2))
    assert len(result.fold_accuracies) == 3
    assert again.to_dict() == result.to_dict()
    assert fast_c2st(first, second, num_folds=3, seed=2).to_dict() != result.to_dict()
    assert json.loads(json.dumps(result.to_dict()))["num_draws"] == 100


def test_senseless_arguments_are_refused():
    first, second = two_samples("equal", 60)
    with pytest.raises(ShapeError, match="same shape"):
        fast_c2st(first, second[:50])
    with pytest.raises(TooFewRowsError, match="at least 50"):
        fast_c2st(first[:10], second[:10])
    with pytest.raises(ConstantColumnError, match="cannot be standardised"):
        fast_c2st(first * [1, 0], second)
    with pytest.raises(ConfigurationError, match="num_folds"):
        fast_c2st(first, second, num_folds=1)
