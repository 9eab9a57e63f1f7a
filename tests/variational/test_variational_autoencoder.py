"""Variational autoencoders against the one whose likelihood is known: probabilistic PCA."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import parametrize_with_checks

import retrodict
from retrodict.errors import (
    ConditionError,
    ConfigurationError,
    NonFiniteError,
    NotFittedError,
    OutOfBoundsError,
    ShapeError,
)
from retrodict.variational import VariationalAutoencoder
from retrodict.variational.latent_model import LatentModel
from retrodict.variational.programs import imputed

SD = 0.5
# Orthogonal columns: the posterior of z has independent entries, as the encoder has.
LOADINGS = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 0.5], [-1.0, 1.0], [0.0, 1.5]])
OFFSET = np.arange(5.0)
EXACT = stats.multivariate_normal(OFFSET, LOADINGS @ LOADINGS.T + SD**2 * np.eye(5))


def rows(num, seed):
    rng = np.random.default_rng(seed)
    return OFFSET + rng.normal(size=(num, 2)) @ LOADINGS.T + SD * rng.normal(size=(num, 5))


def linear_model(*, shift=0.0):
    """p(x) = N(OFFSET, LOADINGS LOADINGS^T + SD^2), with its exact posterior as encoder."""
    model = LatentModel(
        5, 2, 0, (), (), activation="relu", use_bias=True, likelihood="gaussian",
        decoder_sd=SD, prior=None, key=jr.key(0),
    )  # fmt: skip
    precision = LOADINGS.T @ LOADINGS + SD**2 * np.eye(2)
    assert_allclose(precision, np.diag(np.diag(precision)))
    gain = np.linalg.inv(precision) @ LOADINGS.T
    log_sd = np.log(SD / np.sqrt(np.diag(precision)))
    return eqx.tree_at(
        lambda m: [
            m.encoder.layers[0].weight, m.encoder.layers[0].bias,
            m.decoder.layers[0].weight, m.decoder.layers[0].bias,
        ],
        model,
        [
            jnp.asarray(np.concatenate([gain, np.zeros((2, 5))]), jnp.float32),
            jnp.asarray(np.concatenate([shift - gain @ OFFSET, log_sd]), jnp.float32),
            jnp.asarray(LOADINGS, jnp.float32),
            jnp.asarray(OFFSET, jnp.float32),
        ],
    )  # fmt: skip


def bound(model, x, num_draws=400):
    """The evidence lower bound of each row, averaged over draws of z."""

    def one(row, key):
        reconstruction, kl = model.reconstruction_and_kl(row, None, key)
        return -reconstruction - kl.sum()

    keys = jr.split(jr.key(5), num_draws)
    values = jax.vmap(lambda row: jax.vmap(lambda key: one(row, key))(keys))(jnp.float32(x))
    return np.asarray(values, float)


@parametrize_with_checks(
    [VariationalAutoencoder(1, encoder=(4,), max_epochs=2)],
    expected_failed_checks=lambda _: {
        "check_do_not_raise_errors_in_init_or_set_params": "annotated types are checked in tests"
    },
)
def test_it_is_a_scikit_learn_transformer(estimator, check):
    check(estimator)


def test_with_the_exact_posterior_every_weight_is_the_likelihood():
    x = rows(20, 1)
    weights = jax.vmap(lambda row: linear_model().log_weights(row, None, jr.key(2), 6))
    exact = EXACT.logpdf(x)
    assert_allclose(weights(jnp.float32(x)), np.tile(exact[:, None], 6), rtol=1e-4, atol=1e-3)
    values = bound(linear_model(), x)
    errors = values.std(axis=1) / np.sqrt(values.shape[1])
    assert (np.abs(values.mean(axis=1) - exact) < 4.5 * errors).all()


def test_with_any_other_posterior_the_bound_is_lower_by_its_divergence():
    x = rows(20, 1)
    values = bound(linear_model(shift=0.3), x)
    precision = np.diag(LOADINGS.T @ LOADINGS + SD**2 * np.eye(2)) / SD**2
    gap = 0.5 * (0.3**2 * precision).sum()
    errors = values.std(axis=1) / np.sqrt(values.shape[1])
    assert (np.abs(values.mean(axis=1) + gap - EXACT.logpdf(x)) < 4.5 * errors).all()


@pytest.fixture(scope="module")
def linear():
    x = pd.DataFrame(rows(2000, 0), columns=list("abcde"))
    return VariationalAutoencoder(
        2, encoder=(), scaling="centre", max_epochs=80, batch_size=128, learning_rate=2e-2,
        patience=None,
    ).fit(x)  # fmt: skip


def test_a_trained_linear_one_is_probabilistic_pca(linear):
    """The maximum of the likelihood of Tipping and Bishop (1999), which scikit-learn's PCA has."""
    x = pd.DataFrame(rows(2000, 0), columns=list("abcde"))
    best = PCA(2).fit(x.to_numpy()).score(x.to_numpy())
    assert best - 0.02 < linear.score(x) < best + 0.005
    values, errors = linear.score_samples(x[:50], return_std=True)
    assert np.abs(values - EXACT.logpdf(x[:50])).mean() < 0.15
    assert errors.max() < 0.3
    assert_allclose(np.exp(linear._model.log_spread), SD, rtol=0.05)


def test_its_draws_have_the_moments_of_the_rows(linear):
    draws = linear.sample(20_000, random_state=1)
    assert list(draws.columns) == list("abcde")
    assert_allclose(draws.mean(), OFFSET, atol=0.15)
    assert_allclose(draws.cov(), LOADINGS @ LOADINGS.T + SD**2 * np.eye(5), atol=0.35)
    pd.testing.assert_frame_equal(draws[:0], linear.sample(20_000, random_state=2)[:0])
    assert not draws.equals(linear.sample(20_000, random_state=2))
    assert draws.equals(linear.sample(20_000, random_state=1))


def test_the_history_has_both_terms(linear):
    history = linear.history_
    total = history["reconstruction_loss"] + history["kl_loss"]
    assert_allclose(total, history["validation_loss"], rtol=1e-5)
    assert history["kl_loss"].iloc[-1] > 1


def test_reconstructions_and_interpolations_go_through_the_means(linear):
    x = pd.DataFrame(rows(5, 3), columns=list("abcde"), index=[3, 1, 4, 15, 9])
    z = linear.transform(x)
    assert list(z.columns) == ["variationalautoencoder0", "variationalautoencoder1"]
    back = linear.reconstruct(x)
    pd.testing.assert_frame_equal(back, linear.inverse_transform(z))
    assert_array_equal(back.index, x.index)
    between = linear.interpolate(x[:1], x[1:2], num_rows=3)
    assert_allclose(between.iloc[[0, 2]], back.iloc[:2], rtol=1e-4, atol=1e-4)
    # A linear decoder maps the middle to the middle.
    assert_allclose(between.iloc[1], back.iloc[:2].mean(), rtol=1e-4, atol=1e-4)


def test_missing_entries_are_filled_in_by_their_mean_given_the_others(linear):
    x = pd.DataFrame(rows(200, 11), columns=list("abcde"), index=np.arange(200) + 5)
    holes = x.mask(np.random.default_rng(0).random(x.shape) < 0.3)
    filled, sds = linear.impute(holes, num_steps=600, return_std=True)
    assert_array_equal(filled.index, x.index)
    assert filled.notna().all(axis=None)
    pd.testing.assert_frame_equal(filled.where(holes.notna()), holes)
    assert (sds.where(holes.notna(), 0) == 0).all(axis=None)
    covariance = np.asarray(EXACT.cov)
    for row, mean, sd in zip(holes.to_numpy(), filled.to_numpy(), sds.to_numpy(), strict=True):
        out, known = np.isnan(row), ~np.isnan(row)
        gain = covariance[np.ix_(out, known)] @ np.linalg.pinv(covariance[np.ix_(known, known)])
        expected = OFFSET[out] + gain @ (row - OFFSET)[known]
        left = covariance[np.ix_(out, out)] - gain @ covariance[np.ix_(known, out)]
        # Chains of 300 steps whose draws depend on each other; the model itself is trained.
        deviations = np.sqrt(np.diag(left))
        assert (np.abs(mean[out] - expected) < 0.6 * deviations + 0.15).all()
        assert_allclose(sd[out], deviations, rtol=0.4)
    pd.testing.assert_frame_equal(linear.impute(x[:3]), x[:3])


def test_a_poor_encoder_does_not_mislead_the_imputation(key):
    """Proposals from a shifted posterior are accepted by their weights; all would be biased."""
    # All rows share their random numbers, and so the error of the chains, about 0.02.
    x = rows(8, 12).astype(np.float32)
    is_missing = np.zeros(x.shape, bool)
    is_missing[:, [1, 4]] = True
    means, _ = imputed(
        linear_model(shift=0.1), jnp.asarray(x), None, jnp.asarray(is_missing), key, 100_000
    )
    covariance, known = np.asarray(EXACT.cov), [0, 2, 3]
    gain = covariance[np.ix_([1, 4], known)] @ np.linalg.inv(covariance[np.ix_(known, known)])
    expected = OFFSET[[1, 4]] + (x - OFFSET)[:, known] @ gain.T
    errors = np.asarray(means)[:, [1, 4]] - expected
    assert np.abs(errors).max() < 0.06


def test_counts_are_encoded_by_their_logarithms():
    settings = {
        "activation": "relu", "use_bias": True, "decoder_sd": 1.0, "prior": None, "key": jr.key(0),
    }  # fmt: skip
    counts, numbers = (
        LatentModel(3, 2, 0, (4,), (4,), likelihood=likelihood, **settings)
        for likelihood in ("negative-binomial", "gaussian")
    )
    x = jnp.asarray([0.0, 3.0, 1e6])
    assert_array_equal(counts.encode(x, None).loc, numbers.encode(jnp.log1p(x), None).loc)


def test_a_saved_one_answers_alike(linear, tmp_path):
    retrodict.save(linear, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    x = pd.DataFrame(rows(5, 3), columns=list("abcde"))
    pd.testing.assert_frame_equal(loaded.transform(x), linear.transform(x))
    assert_array_equal(loaded.score_samples(x), linear.score_samples(x))
    assert loaded.sample(3).equals(linear.sample(3))
    assert loaded.get_params() == linear.get_params()
    assert_array_equal(loaded.active_units_, linear.active_units_)
    assert loaded.history_.equals(linear.history_)


def test_one_saved_before_there_were_conditions_can_be_loaded(linear):
    state, arrays = linear.to_state()
    later = (
        "decoder_kind", "sparsity", "feature_sets", "posterior", "encoder_condition",
        "supervised_weight",
    )  # fmt: skip
    state["hyperparameters"] = {
        name: value for name, value in state["hyperparameters"].items() if name not in later
    }
    del state["parts"]
    loaded = VariationalAutoencoder.from_state(state, arrays)
    x = pd.DataFrame(rows(5, 3), columns=list("abcde"))
    pd.testing.assert_frame_equal(loaded.transform(x), linear.transform(x))


def test_units_that_tell_nothing_are_not_active(linear):
    assert linear.active_units_.tolist() == [True, True]
    rng = np.random.default_rng(4)
    x = rng.normal(size=(1000, 1)) * np.ones(4) + 0.3 * rng.normal(size=(1000, 4))
    settings = {
        "encoder": (), "max_epochs": 200, "learning_rate": 2e-2, "batch_size": 128,
        "patience": None,
    }  # fmt: skip
    one = VariationalAutoencoder(3, **settings).fit(x)
    variances = one.transform(x).var(axis=0)
    assert np.sort(variances)[-1] > 0.9
    assert np.sort(variances)[-2] < 0.15
    assert one.active_units_[variances.argmax()]
    # A decoder that expects nothing but noise has no use for z.
    collapsed = VariationalAutoencoder(3, decoder_sd=30.0, **settings).fit(x)
    assert not collapsed.active_units_.any()
    assert collapsed.history_["kl_loss"].iloc[-1] < 0.05


def test_densities_are_per_unit_of_the_rows():
    settings = {"encoder": (), "max_epochs": 3, "batch_size": 128}
    small, large = (
        VariationalAutoencoder(2, **settings).fit(unit * rows(300, 0)) for unit in (1.0, 1e3)
    )
    found = large.score_samples(1e3 * rows(20, 1)) - small.score_samples(rows(20, 1))
    assert_allclose(found, -5 * np.log(1e3), atol=0.01)


def test_each_column_may_have_a_noise_of_its_own():
    rng = np.random.default_rng(5)
    sds = np.array([0.1, 1.0, 0.1, 1.0])
    x = rng.normal(size=(2000, 1)) * np.ones(4) + sds * rng.normal(size=(2000, 4))
    each = VariationalAutoencoder(
        1, encoder=(), decoder_sd="per-feature", scaling="centre", max_epochs=60,
        learning_rate=2e-2, batch_size=128,
    ).fit(x)  # fmt: skip
    assert_allclose(np.exp(each._model.log_spread), sds, rtol=0.2)
    exact = stats.multivariate_normal(np.zeros(4), np.ones((4, 4)) + np.diag(sds**2))
    assert abs(each.score(x) - exact.logpdf(x).mean()) < 0.1


@pytest.mark.parametrize("likelihood", ["negative-binomial", "zero-inflated-negative-binomial"])
def test_counts_are_explained_better_than_column_by_column(likelihood):
    rng = np.random.default_rng(6)
    means = np.exp(1.5 + rng.normal(size=(1500, 1)) * np.array([1.0, 1.0, -1.0, 0.5]))
    x = rng.negative_binomial(5, 5 / (5 + means)).astype(float)
    if likelihood.startswith("zero"):
        x[rng.random(x.shape) < 0.3] = 0
    settings = {"likelihood": likelihood, "max_epochs": 40, "learning_rate": 1e-2}
    model = VariationalAutoencoder(1, encoder=(16,), **settings).fit(x)
    # With no active unit the columns are independent.
    alone = VariationalAutoencoder(1, encoder=(16,), beta=100.0, **settings).fit(x)
    assert model.active_units_.all()
    assert not alone.active_units_.any()
    # Missed counts hide what the others tell.
    assert model.score(x) > alone.score(x) + (0.05 if likelihood.startswith("zero") else 0.3)
    draws = model.sample(4000)
    assert (draws == np.round(draws)).all()
    assert_allclose((draws == 0).mean(axis=0), (x == 0).mean(axis=0), atol=0.06)
    assert_allclose(np.log1p(draws).mean(axis=0), np.log1p(x).mean(axis=0), atol=0.15)


def test_intensities_between_zero_and_one():
    rng = np.random.default_rng(7)
    groups = rng.integers(0, 2, 600)
    x = (rng.random((600, 6)) < np.where(groups, 0.9, 0.1)[:, None]).astype(float)
    model = VariationalAutoencoder(
        1, encoder=(8,), likelihood="bernoulli", max_epochs=60, learning_rate=1e-2, batch_size=64
    ).fit(x)
    ones = x.sum(axis=1)
    exact = np.logaddexp(
        ones * np.log(0.9) + (6 - ones) * np.log(0.1), ones * np.log(0.1) + (6 - ones) * np.log(0.9)
    ) - np.log(2)
    assert exact.mean() - 0.15 < model.score(x) < exact.mean() + 0.05
    back = model.reconstruct(x)
    assert (back > 0).all()
    assert (back < 1).all()


def test_a_flow_as_prior_takes_the_form_of_the_latent_numbers():
    rng = np.random.default_rng(8)
    side = rng.choice([-1.0, 1.0], size=(1000, 1))
    x = side * np.array([1.0, -1.0, 0.5]) + 0.1 * rng.normal(size=(1000, 3))
    settings = {
        "encoder": (), "decoder_sd": 0.15, "max_epochs": 60, "learning_rate": 1e-2,
        "batch_size": 128,
    }  # fmt: skip
    standard = VariationalAutoencoder(1, **settings).fit(x)
    flow = VariationalAutoencoder(1, prior="spline-coupling", **settings).fit(x)
    assert flow.score(x) > standard.score(x) + 1
    between, few = ((np.abs(m.sample(4000)[:, 0]) < 0.5).mean() for m in (standard, flow))
    assert few < 0.05 < between


@pytest.mark.parametrize(
    ("settings", "spoil", "error", "message"),
    [
        ({"latent_dim": 6}, None, ConfigurationError, "`latent_dim` lies between 1 and"),
        ({"likelihood": "poisson"}, None, ConfigurationError, "Unknown likelihood 'poisson'"),
        ({"decoder_sd": 0.0}, None, ConfigurationError, "`decoder_sd` is a positive number"),
        ({"decoder_sd": "free"}, None, ConfigurationError, "`decoder_sd` is a positive number"),
        ({"beta": -1.0}, None, ConfigurationError, "`beta` is at least 0"),
        ({"prior": "real-nvpp"}, None, ConfigurationError, "Unknown flow"),
        ({"likelihood": "negative-binomial"}, None, OutOfBoundsError, "Counts are not negative"),
        ({"likelihood": "bernoulli"}, None, OutOfBoundsError, "from 0 to 1"),
        (
            {"likelihood": "bernoulli", "scaling": "centre"},
            lambda x: x > 0,
            ConfigurationError,
            "is of values as they are",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused(settings, spoil, error, message):
    x = rows(60, 0)
    with pytest.raises(error, match=message) as caught:
        VariationalAutoencoder(**settings).fit(x if spoil is None else spoil(x).astype(float))
    assert caught.value.hint


def test_what_cannot_be_answered_is_refused(linear):
    x = pd.DataFrame(rows(3, 0), columns=list("abcde"))
    with pytest.raises(AttributeError, match="Only a linear decoder has loadings"):
        linear.loadings_  # noqa: B018 (reading it raises)
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        linear.predict(x)
    assert not hasattr(linear, "loadings_")
    assert not hasattr(linear, "classes_")
    with pytest.raises(ConditionError, match="fitted without a condition"):
        linear.transform(x, condition=x["a"])
    with pytest.raises(ShapeError, match="there are 2 latent numbers"):
        linear.inverse_transform(np.zeros((3, 3)))
    with pytest.raises(ConfigurationError, match="at least 2 steps"):
        linear.impute(x, num_steps=1)
    with pytest.raises(NonFiniteError, match="NaN"):
        linear.transform(x.mask(x > x.max() - 1e-9))
    with pytest.raises(ConfigurationError, match="at least 2 samples"):
        linear.score_samples(x, num_samples=1)
    with pytest.raises(ShapeError, match="between two rows; got 2 and 1"):
        linear.interpolate(x[:2], x[:1])
    with pytest.raises(NotFittedError, match="VariationalAutoencoder has not learned"):
        VariationalAutoencoder().sample(3)
