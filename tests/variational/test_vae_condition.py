"""Variational autoencoders given a condition, against the linear one whose density is known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import retrodict
from retrodict.errors import (
    ColumnNotFoundError,
    ConditionError,
    NonFiniteError,
    NotFittedError,
    NotNumericError,
    ShapeError,
)
from retrodict.variational import VariationalAutoencoder
from retrodict.variational.latent_model import LatentModel

SD = 0.5
# Orthogonal columns: the posterior of z has independent entries, as the encoder has.
LOADINGS = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 0.5], [-1.0, 1.0], [0.0, 1.5]])
OFFSET = np.arange(5.0)
# Of the dose, and of each of the sites "field", "lab" and "sea".
EFFECTS = np.array(
    [[1.0, 0.0, -2.0, 0.5, 0.0], [0.0, 1.0, 0.0, 0.0, 3.0], [0.0] * 5, [-2.0, 0.0, 1.0, 0.0, 1.0]]
)
SITES = ["field", "lab", "sea"]
COVARIANCE = LOADINGS @ LOADINGS.T + SD**2 * np.eye(5)
COLUMNS = list("abcde")


def table(num, seed):
    rng = np.random.default_rng(seed)
    condition = pd.DataFrame(
        {"dose": rng.normal(10, 2, num), "site": rng.choice(SITES, num, p=[0.5, 0.3, 0.2])}
    )
    noise = rng.normal(size=(num, 2)) @ LOADINGS.T + SD * rng.normal(size=(num, 5))
    return pd.DataFrame(means(condition) + noise, columns=COLUMNS), condition


def means(condition):
    sites = (condition["site"].to_numpy()[:, None] == np.array(SITES)).astype(float)
    dose = condition["dose"].to_numpy(float)[:, None] - 10
    return OFFSET + np.concatenate([dose, sites], axis=1) @ EFFECTS


def exact_log_density(x, condition):
    residual = np.asarray(x) - means(condition)
    return stats.multivariate_normal(np.zeros(5), COVARIANCE).logpdf(residual)


def exact_model(*, shift=0.0, encoder_condition=True):
    """p(x | c) = N(OFFSET + c EFFECTS, COVARIANCE), with its exact posterior as encoder."""
    model = LatentModel(
        5, 2, 4, (), (), activation="relu", use_bias=True, likelihood="gaussian", decoder_sd=SD,
        prior=None, encoder_condition=encoder_condition, key=jr.key(0),
    )  # fmt: skip
    precision = LOADINGS.T @ LOADINGS + SD**2 * np.eye(2)
    gain = np.linalg.inv(precision) @ LOADINGS.T
    to_loc = np.concatenate([gain, -gain @ EFFECTS.T], axis=1)
    if not encoder_condition:
        to_loc = gain
    log_sd = np.log(SD / np.sqrt(np.diag(precision)))
    return eqx.tree_at(
        lambda m: [
            m.encoder.layers[0].weight, m.encoder.layers[0].bias,
            m.decoder.layers[0].weight, m.decoder.layers[0].bias,
        ],
        model,
        [
            jnp.asarray(np.concatenate([to_loc, np.zeros_like(to_loc)]), jnp.float32),
            jnp.asarray(np.concatenate([shift - gain @ OFFSET, log_sd]), jnp.float32),
            jnp.asarray(np.concatenate([LOADINGS, EFFECTS.T], axis=1), jnp.float32),
            jnp.asarray(OFFSET, jnp.float32),
        ],
    )  # fmt: skip


def encoded(condition):
    sites = condition["site"].to_numpy()[:, None] == np.array(SITES)
    numbers = np.concatenate([condition[["dose"]].to_numpy() - 10, sites], axis=1)
    return jnp.asarray(numbers, jnp.float32)


@eqx.filter_jit
def bounds(model, u, c):
    """The evidence lower bound of each row at 400 draws of z."""

    def one(row, c, key):
        reconstruction, kl = model.reconstruction_and_kl(row, c, key)
        return -reconstruction - kl.sum()

    keys = jr.split(jr.key(5), 400)
    return jax.vmap(lambda row, c: jax.vmap(lambda key: one(row, c, key))(keys))(u, c)


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_the_bound_is_the_conditional_likelihood_less_the_divergence_of_the_encoder(shift):
    x, condition = table(20, 1)
    model = exact_model(shift=shift)
    u, c = jnp.asarray(x, jnp.float32), encoded(condition)
    values = np.asarray(bounds(model, u, c), float)
    precision = np.diag(LOADINGS.T @ LOADINGS + SD**2 * np.eye(2)) / SD**2
    expected = exact_log_density(x, condition) - 0.5 * (shift**2 * precision).sum()
    errors = values.std(axis=1) / np.sqrt(values.shape[1])
    assert (np.abs(values.mean(axis=1) - expected) < 4.5 * errors).all()
    if shift == 0:
        weights = jax.vmap(lambda row, c: model.log_weights(row, c, jr.key(2), 6))(u, c)
        assert_allclose(weights, np.tile(expected[:, None], 6), rtol=1e-4, atol=1e-3)


def test_an_encoder_without_the_condition_gives_the_same_numbers_under_any():
    x, condition = table(2, 1)
    row, (one, other) = jnp.asarray(x, jnp.float32)[0], encoded(condition)
    blind, seeing = exact_model(encoder_condition=False), exact_model()
    assert_array_equal(blind.encode(row, one).loc, blind.encode(row, other).loc)
    assert_array_equal(blind.encode(row, one).loc, blind.encode(row, None).loc)
    assert not np.allclose(seeing.encode(row, one).loc, seeing.encode(row, other).loc)
    assert not np.allclose(blind.mean(jnp.zeros(2), one), blind.mean(jnp.zeros(2), other))


SETTINGS = {"encoder": (), "scaling": "centre", "batch_size": 128, "learning_rate": 2e-2}


@pytest.fixture(scope="module")
def fitted():
    x, condition = table(2000, 0)
    model = VariationalAutoencoder(2, max_epochs=60, patience=None, **SETTINGS)
    return model.fit(x, condition=condition)


def test_a_trained_one_has_the_conditional_density(fitted):
    x, condition = table(1000, 2)
    exact = exact_log_density(x, condition)
    assert exact.mean() - 0.06 < fitted.score(x, condition=condition) < exact.mean() + 0.02
    values, errors = fitted.score_samples(x, condition=condition, return_std=True)
    assert_allclose(values.mean(), fitted.score(x, condition=condition))
    assert np.abs(values - exact).mean() < 0.2
    assert errors.max() < 0.5
    # What the condition explains is far more than these deviations.
    assert exact.mean() > PCA(2).fit(x.to_numpy()).score(x.to_numpy()) + 1


def test_draws_have_the_moments_of_their_condition(fitted):
    one = {"dose": 12.0, "site": "sea"}
    draws = fitted.sample(20_000, condition=one)
    assert list(draws.columns) == COLUMNS
    assert_allclose(draws.mean(), means(pd.DataFrame([one]))[0], atol=0.2)
    assert_allclose(draws.cov(), COVARIANCE, atol=0.4)
    _, condition = table(4000, 3)
    each = fitted.sample(4000, condition=condition)
    residual = each - means(condition)
    assert_allclose(residual.mean(), np.zeros(5), atol=0.2)
    assert_allclose(residual.cov(), COVARIANCE, atol=0.6)


def test_every_way_to_write_a_row_says_the_same(fitted):
    frame = pd.DataFrame({"site": ["sea"], "dose": [12.0], "note": ["not looked at"]})
    expected = fitted.sample(3, condition=frame)
    for row in (
        {"dose": 12.0, "site": "sea"},
        {"site": ["sea"], "dose": [12.0]},
        frame.iloc[0],
        [12.0, "sea"],
        np.array([12.0, "sea"], dtype=object),
        [[12.0, "sea"]] * 3,
        frame.iloc[[0, 0, 0]],
        frame.astype({"site": "category"}),
    ):
        pd.testing.assert_frame_equal(fitted.sample(3, condition=row), expected)


def test_another_condition_moves_rows_by_its_effect(fitted):
    x, condition = table(200, 4)
    z = fitted.transform(x, condition=condition)
    back = fitted.reconstruct(x, condition=condition)
    pd.testing.assert_frame_equal(back, fitted.inverse_transform(z, condition=condition))
    at_sea = condition.assign(site="sea")
    moved = fitted.inverse_transform(z, condition=at_sea) - back
    assert_allclose(moved, means(at_sea) - means(condition), atol=0.25)
    # Latent numbers are what the condition does not explain.
    for latent in z:
        assert abs(np.corrcoef(z[latent], condition["dose"])[0, 1]) < 0.25


def test_interpolations_end_at_reconstructions_under_either_condition(fitted):
    x, condition = table(2, 5)
    between = fitted.interpolate(x[:1], x[1:], num_rows=3, condition=condition)
    back = fitted.reconstruct(x, condition=condition)
    assert_allclose(between.iloc[[0, 2]], back, rtol=1e-4, atol=1e-4)
    assert_allclose(between.iloc[1], back.mean(), rtol=1e-4, atol=1e-4)
    one = condition.iloc[[0]]
    alone = fitted.interpolate(x[:1], x[1:], num_rows=2, condition=one)
    assert_allclose(alone.iloc[0], back.iloc[0], rtol=1e-4, atol=1e-4)
    assert not np.allclose(alone.iloc[1], back.iloc[1], atol=0.1)


def test_missing_entries_are_filled_in_given_the_condition(fitted):
    x, condition = table(100, 6)
    holes = x.copy()
    holes[["b", "e"]] = np.nan
    filled = fitted.impute(holes, condition=condition, num_steps=600)
    centre, known = means(condition), [0, 2, 3]
    gain = COVARIANCE[np.ix_([1, 4], known)] @ np.linalg.inv(COVARIANCE[np.ix_(known, known)])
    expected = centre[:, [1, 4]] + (x.to_numpy() - centre)[:, known] @ gain.T
    assert np.abs(filled[["b", "e"]].to_numpy() - expected).mean() < 0.3
    assert x[["b", "e"]].sub(expected).abs().mean().mean() > 0.4


def test_a_saved_one_answers_alike(fitted, tmp_path):
    retrodict.save(fitted, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    x, condition = table(5, 7)
    assert loaded._condition == fitted._condition
    pd.testing.assert_frame_equal(
        loaded.transform(x, condition=condition), fitted.transform(x, condition=condition)
    )
    one = {"dose": 9.0, "site": "lab"}
    assert loaded.sample(3, condition=one).equals(fitted.sample(3, condition=one))
    with pytest.raises(ConditionError, match="no 'space'"):
        loaded.sample(3, condition={"dose": 9.0, "site": "space"})


class Cut:
    """The power goes in the second epoch."""

    def start(self, total_epochs, description):
        pass

    def update(self, record, time_left_seconds, fraction):
        if record.epoch == 2:
            raise RuntimeError("power cut")

    def stop(self, outcome):
        pass


def test_a_cut_training_goes_on_and_only_under_the_same_condition(tmp_path):
    x, condition = table(300, 8)
    model = VariationalAutoencoder(2, max_epochs=4, encoder_condition=False, **SETTINGS)
    whole = sklearn.clone(model).fit(x, condition=condition)
    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(RuntimeError, match="power cut"):
        model.fit(x, condition=condition, progress=Cut(), checkpoint=checkpoint)
    another = condition.assign(dose=condition["dose"] ** 2)
    with pytest.raises(retrodict.errors.CheckpointMismatchError):
        sklearn.clone(model).fit(x, condition=another, checkpoint=checkpoint)
    again = sklearn.clone(model).fit(x, condition=condition, checkpoint=checkpoint)
    for ours, theirs in zip(
        jax.tree.leaves(again.to_state()[1]), jax.tree.leaves(whole.to_state()[1]), strict=True
    ):
        assert_array_equal(ours, theirs)
    # This encoder does not look at the condition; the decoder does.
    pd.testing.assert_frame_equal(whole.transform(x), whole.transform(x, condition=condition))
    with pytest.raises(ConditionError, match=r"fitted with a condition \(dose, site\)"):
        whole.reconstruct(x)
    with pytest.raises(ConditionError, match="fitted without a condition"):
        whole.fit(x).transform(x, condition=condition)


def test_searches_and_pipelines_hand_the_condition_on():
    x, condition = table(600, 8)
    model = VariationalAutoencoder(2, max_epochs=4, **SETTINGS)
    pipeline = make_pipeline(StandardScaler(), model)
    z = pipeline.fit_transform(x[:300], variationalautoencoder__condition=condition[:300])
    scaled = StandardScaler().fit_transform(x[:300])
    assert_array_equal(z, model.transform(scaled, condition=condition[:300]))
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(condition=True).set_score_request(condition=True)
        one_split = [(np.arange(300), np.arange(300, 600))]
        search = GridSearchCV(model, {"learning_rate": [2e-2, 1e-9]}, cv=one_split, refit=False)
        search.fit(x, condition=condition)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[0] > scores[1]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (None, ConditionError, r"fitted with a condition \(dose, site\); got none"),
        ({"dose": 1.0, "site": "space"}, ConditionError, "had no 'space' in the condition `site`"),
        ({"dose": "much", "site": "sea"}, NotNumericError, "must hold numbers"),
        ({"dose": np.nan, "site": "sea"}, NonFiniteError, "`dose` has 1 missing"),
        ({"dose": 1.0, "sight": "sea"}, ColumnNotFoundError, "no column called `site`"),
        ([[1.0, "sea", 2.0]], ShapeError, r"had 2 columns \(dose, site\); got 3"),
        ([[1.0, "sea"]] * 3, ShapeError, "one row for all, or one for each of 2 rows; got 3"),
    ],
)
def test_conditions_unlike_those_of_training_are_refused(fitted, given, error, message):
    with pytest.raises(error, match=message) as caught:
        fitted.sample(2, condition=given)
    assert caught.value.hint


def test_rows_are_not_answered_without_their_condition(fitted):
    x, condition = table(3, 9)
    for answer in (fitted.transform, fitted.reconstruct, fitted.score, fitted.impute):
        with pytest.raises(ConditionError, match="got none"):
            answer(x)
        with pytest.raises(ShapeError, match="one row per row of X, 3; got 2"):
            answer(x, condition=condition[:2])
    with pytest.raises(ConditionError, match="got none"):
        fitted.interpolate(x[:1], x[1:2])
    with pytest.raises(NotFittedError):
        VariationalAutoencoder().transform(x, condition=condition)
