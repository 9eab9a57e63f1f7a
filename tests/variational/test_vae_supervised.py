"""Latent numbers that are to tell a label, and what they then say of it."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer

import retrodict
from retrodict.errors import (
    CapabilityError,
    ConditionError,
    ConfigurationError,
    ConstantColumnError,
    DataError,
    NonFiniteError,
    NotFittedError,
    NotNumericError,
    ShapeError,
)
from retrodict.objectives import VariationalLoss
from retrodict.objectives.variational import GuidedVariationalLoss, supervised_loss
from retrodict.variational import VariationalAutoencoder
from retrodict.variational.heads import ClassHead, NumberHead
from retrodict.variational.label_encoding import LabelEncoding
from retrodict.variational.latent_model import LatentModel

SETTINGS = {
    "encoder": (16,), "activation": "relu", "max_epochs": 40, "batch_size": 128,
    "learning_rate": 1e-2,
}  # fmt: skip


def table(num, seed):
    """What tells the label is the direction of least variance, which one latent number leaves."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(num, 2))
    x = z @ np.array([[3.0, 3.0, 3.0, 0.0], [0.0, 0.0, 1.0, 1.0]]) + 0.3 * rng.normal(size=(num, 4))
    return x, z[:, 1]


@pytest.fixture(scope="module")
def classes():
    x, t = table(1000, 0)
    y = np.where(t > 0.3, "high", np.where(t < -0.8, "low", "middle"))
    return VariationalAutoencoder(1, scaling="centre", supervised_weight=100.0, **SETTINGS).fit(
        x, y
    )


def test_a_label_decides_what_the_latent_number_is(classes):
    x, t = table(500, 1)
    y = np.where(t > 0.3, "high", np.where(t < -0.8, "low", "middle"))
    alone = VariationalAutoencoder(1, scaling="centre", **SETTINGS).fit(table(1000, 0)[0], y)
    told, untold = (abs(np.corrcoef(m.transform(x)[:, 0], t)[0, 1]) for m in (classes, alone))
    assert told > 0.9
    assert untold < 0.5
    accuracy = get_scorer("accuracy")(classes, x, y)
    assert accuracy == (classes.predict(x) == y).mean() > 0.8
    assert not hasattr(alone, "predict")
    assert not hasattr(alone, "predict_proba")


def test_probabilities_are_of_the_sorted_classes_and_calibrated(classes):
    x, t = table(2000, 2)
    assert_array_equal(classes.classes_, ["high", "low", "middle"])
    found = classes.predict_proba(x)
    assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert_array_equal(classes.predict(x), classes.classes_[found.argmax(axis=1)])
    is_high = t > 0.3
    log_loss = -np.log(np.where(is_high, found[:, 0], 1 - found[:, 0])).mean()
    best = LogisticRegression().fit(x, is_high).predict_proba(x)[:, 1]
    assert log_loss < -np.log(np.where(is_high, best, 1 - best)).mean() + 0.08
    assert_allclose(found[:, 0].mean(), is_high.mean(), atol=0.05)


def test_the_history_has_the_terms_of_the_loss(classes):
    last = classes.history_.iloc[-1]
    parts = last["reconstruction_loss"] + last["kl_loss"] + 100 * last["supervised_loss"]
    assert_allclose(last["validation_loss"], parts, rtol=1e-5)
    assert last["supervised_loss"] < classes.history_["supervised_loss"].iloc[0] / 2


def test_numbers_are_predicted_in_their_units_and_given_a_condition(tmp_path):
    """What the condition adds to a column does not hide them."""
    x, t = table(1000, 3)
    side = np.random.default_rng(9).choice([-1.0, 1.0], 1000)
    x[:, 3] += 3 * side
    train, y = slice(600), pd.Series(500 + 40 * t[:600], name="dose")
    model = VariationalAutoencoder(2, supervised_weight=20.0, **SETTINGS | {"batch_size": 64})
    model.fit(x[train], y, condition=side[train])
    new, truth, sides = x[600:], 500 + 40 * t[600:], side[600:]
    found = model.predict(new, condition=sides)
    assert abs((found - truth).mean()) < 5
    assert (found - truth).std() < 0.4 * 40
    assert (model.predict(new, condition=-sides) - truth).std() > 0.8 * 40
    with pytest.raises(ConditionError, match="got none"):
        model.predict(new)
    with pytest.raises(CapabilityError, match="Only classes have probabilities"):
        model.predict_proba(new, condition=sides)
    assert not hasattr(model, "classes_")
    retrodict.save(model, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    assert_array_equal(loaded.predict(new, condition=sides), found)


def test_a_saved_one_predicts_alike(classes, tmp_path):
    retrodict.save(classes, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    x, _ = table(5, 5)
    assert_array_equal(loaded.predict_proba(x), classes.predict_proba(x))
    assert_array_equal(loaded.predict(x), classes.predict(x))


def test_the_loss_adds_what_is_asked_for():
    """Against scipy, at the draws that reconstruct."""
    head = NumberHead(2)
    head = jax.tree.map(lambda leaf: leaf + 0.3, head)
    model = LatentModel(
        3, 2, 0, (), (), activation="relu", use_bias=True, likelihood="gaussian", decoder_sd=1.0,
        prior=None, decoder_kind="linear", head=head, key=jr.key(0),
    )  # fmt: skip
    x, label, key = jr.normal(jr.key(1), (5, 3)), jnp.arange(5.0), jr.key(2)
    batch = (x, None, label)
    draws = np.stack(
        [model.encode(row, None).sample(k) for row, k in zip(x, jr.split(key, 5), strict=True)]
    )
    expected = -stats.norm.logpdf(label, 0.3 * draws.sum(axis=1) + 0.3, np.exp(0.3)).mean()
    assert_allclose(supervised_loss(model, batch, key), expected, rtol=1e-5)
    bound = VariationalLoss(beta=2.0, warmup_fraction=0.5)
    weights = np.abs(np.asarray(model.decoder.weight)).sum()
    loss = GuidedVariationalLoss(bound, sparsity=0.1, supervised_weight=3.0)
    assert_allclose(
        loss(model, batch, key), bound(model, batch, key) + 0.1 * weights + 3 * expected, rtol=1e-5
    )
    half = jnp.asarray(0.25)
    assert_allclose(
        loss.at(half)(model, batch, key),
        bound.at(half)(model, batch, key) + 0.1 * weights + 3 * expected,
        rtol=1e-5,
    )
    assert_allclose(
        GuidedVariationalLoss(bound, sparsity=0.1)(model, (x, None), key),
        bound(model, (x, None), key) + 0.1 * weights,
        rtol=1e-5,
    )


def test_probabilities_of_classes_are_a_softmax():
    head = ClassHead(3, 2)
    weight = jnp.asarray([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]])
    head = jax.tree.map(lambda leaf: weight if leaf.ndim == 2 else jnp.arange(3.0), head)
    z = jnp.asarray([0.5, -1.0])
    logits = np.array([0.5, -2.0 + 1, -1.5 + 2])
    assert_allclose(head.expected(z), np.exp(logits) / np.exp(logits).sum(), rtol=1e-5)
    assert_allclose(jnp.exp(head.log_prob(jnp.asarray(2), z)), head.expected(z)[2], rtol=1e-5)


def test_labels_are_classes_unless_they_are_floats():
    for y, classes in (
        ([3, 1, 3], (1, 3)),
        (["b", "a", "b"], ("a", "b")),
        ([True, False, True], (False, True)),
        (pd.Categorical(["b", "a", "b"], ["b", "a", "c"]), ("b", "a")),
        (np.array([3, 1, 3], dtype=object), (1, 3)),
    ):
        target, codes = LabelEncoding.fit(y, 3)
        assert set(target.classes) == set(classes)
        assert [target.classes[code] for code in codes] == list(y)
        assert LabelEncoding.from_state(target.to_state()) == target
    target, numbers = LabelEncoding.fit([1.0, 2.0, 6.0], 3)
    assert target.classes is None
    mixed = VariationalAutoencoder(1, encoder=(), max_epochs=1, supervised_weight=1.0)
    mixed.fit(table(60, 0)[0], np.array([1, "a"] * 30, dtype=object))
    assert list(mixed.classes_) == [1, "a"]
    assert_allclose(numbers, stats.zscore([1.0, 2.0, 6.0]), rtol=1e-6)
    assert LabelEncoding.from_state(target.to_state()) == target


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (None, DataError, "requires y to be passed"),
        (["a"] * 60, ConstantColumnError, "a single class, 'a'"),
        ([2.5] * 60, ConstantColumnError, r"is 2\.5 in every row"),
        (["a", "b"], ShapeError, "one label per row of X, 60; got 2"),
        ([0.0, np.nan] * 30, NonFiniteError, "30 missing or infinite labels .* row 1"),
        ([0.0, np.inf] * 30, NonFiniteError, "30 missing or infinite labels"),
        (["a", None] * 30, NonFiniteError, "30 missing or infinite labels"),
        (pd.date_range("2020", periods=60), NotNumericError, "got Timestamp"),
    ],
)
def test_labels_that_tell_nothing_are_refused(y, error, message):
    x, _ = table(60, 0)
    with pytest.raises(error, match=message) as caught:
        VariationalAutoencoder(supervised_weight=1.0).fit(x, y)
    assert caught.value.hint


def test_weights_and_models_without_labels_are_refused():
    x, _ = table(60, 0)
    with pytest.raises(ConfigurationError, match="`supervised_weight` is at least 0"):
        VariationalAutoencoder(supervised_weight=-1.0).fit(x)
    with pytest.raises(NotFittedError):
        VariationalAutoencoder(supervised_weight=1.0).predict(x)
    late = VariationalAutoencoder(1, encoder=(), max_epochs=1).fit(x)
    late.set_params(supervised_weight=1.0)
    with pytest.raises(CapabilityError, match="fitted without labels"):
        late.predict(x)
