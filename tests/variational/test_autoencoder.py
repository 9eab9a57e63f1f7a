"""Autoencoders against PCA, and as scikit-learn transformers."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import retrodict
from retrodict.errors import (
    ConfigurationError,
    NonFiniteError,
    NotFittedError,
    ShapeError,
    TooFewRowsError,
)
from retrodict.variational import Autoencoder

SMALL = {
    "encoder": (32, 16), "activation": "silu", "max_epochs": 100, "learning_rate": 1e-2,
    "batch_size": 64, "patience": None,
}  # fmt: skip


def flat(num, seed):
    """Ten correlated columns, most of whose variance lies in a plane off the origin."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]
    sds = np.array([3, 2.5, 1, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    return 5 + rng.normal(size=(num, 10)) * sds @ axes.T


def bent(num, seed):
    """A curve in the plane: one number says where on it."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-2, 2, num)
    return pd.DataFrame({"along [m]": t, "across": t**2}, index=pd.RangeIndex(7, 7 + num))


@pytest.fixture(scope="module")
def curve():
    return Autoencoder(1, **SMALL).fit(bent(600, 0))


@parametrize_with_checks(
    [Autoencoder(1, encoder=(4,), max_epochs=2)],
    expected_failed_checks=lambda _: {
        "check_do_not_raise_errors_in_init_or_set_params": "annotated types are checked in tests"
    },
)
def test_it_is_a_scikit_learn_transformer(estimator, check):
    check(estimator)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_linear_one_is_as_good_as_pca_and_finds_its_subspace(seed):
    x = flat(2000, seed)
    linear = Autoencoder(
        2, encoder=(), scaling="centre", max_epochs=80, learning_rate=1e-2, batch_size=128,
        validation_fraction=0.05, patience=None, random_state=seed,
    ).fit(x)  # fmt: skip
    pca = PCA(2).fit(x)
    error = ((linear.inverse_transform(linear.transform(x)) - x) ** 2).mean()
    least = ((pca.inverse_transform(pca.transform(x)) - x) ** 2).mean()
    # Nothing linear is better; a twentieth of the rows was not learned from.
    assert least <= error < 1.005 * least
    decoder = np.asarray(linear._model.decoder.layers[-1].weight)
    assert np.degrees(subspace_angles(decoder, pca.components_.T)).max() < 3


def test_a_curve_takes_one_number_where_pca_takes_two(curve):
    fresh = bent(300, 5)
    assert curve.score(fresh) > 0.99
    u = (fresh - bent(600, 0).mean()) / bent(600, 0).std()
    pca = PCA(1).fit(u)
    assert 1 - ((pca.inverse_transform(pca.transform(u)) - u) ** 2).to_numpy().mean() < 0.75
    # The number goes along the curve.
    z = curve.transform(fresh).to_numpy()[:, 0]
    assert abs(np.corrcoef(np.argsort(np.argsort(z)), fresh["along [m]"].rank())[0, 1]) > 0.99


def test_rows_off_the_curve_are_given_back_worst(curve):
    on = curve.reconstruction_error(bent(200, 6))
    off = bent(200, 6)
    off["across"] = 4 - off["across"]
    away = off["across"].sub(bent(200, 6)["across"]).abs().to_numpy() > 1
    assert np.median(curve.reconstruction_error(off)[away]) > 20 * np.median(on)


def test_frames_keep_names_and_index_and_arrays_stay_arrays(curve):
    frame = bent(5, 3)
    z = curve.transform(frame)
    assert list(z.columns) == ["autoencoder0"]
    assert_array_equal(z.index, frame.index)
    back = curve.inverse_transform(z)
    assert list(back.columns) == ["along [m]", "across"]
    assert_array_equal(back.index, frame.index)
    with pytest.warns(UserWarning, match="feature names"):
        array = curve.transform(frame.to_numpy())
    assert_array_equal(array, z.to_numpy())
    assert isinstance(curve.inverse_transform(array), np.ndarray)


def test_errors_and_scores_follow_from_the_reconstruction(curve):
    x = bent(100, 4)
    given_back = curve.inverse_transform(curve.transform(x))
    width = curve._scale.width
    squared = ((given_back - x).to_numpy() / width) ** 2
    assert_allclose(curve.reconstruction_error(x), squared.mean(axis=1), rtol=1e-3, atol=1e-7)
    variance = (x.to_numpy() / width).var(axis=0).mean()
    assert_allclose(curve.score(x), 1 - squared.mean() / variance, rtol=1e-4)


def test_a_denoising_one_draws_noisy_rows_to_the_curve():
    denoising = Autoencoder(1, noise_sd=0.3, **SMALL).fit(bent(600, 0))
    clean = bent(500, 8)
    noise = 0.3 * bent(600, 0).std().to_numpy() * np.random.default_rng(1).normal(size=(500, 2))
    given_back = denoising.inverse_transform(denoising.transform(clean + noise))
    before, after = (noise**2).mean(), ((given_back - clean) ** 2).to_numpy().mean()
    assert after < 0.8 * before


def test_pipelines_and_grid_searches(rng):
    x = flat(200, 1)
    pipeline = make_pipeline(MinMaxScaler(), Autoencoder(2, encoder=(4,), max_epochs=1))
    assert pipeline.fit_transform(x).shape == (200, 2)
    search = GridSearchCV(
        Autoencoder(encoder=(), max_epochs=60, learning_rate=3e-2), {"latent_dim": [1, 5]}, cv=2
    )
    assert search.fit(x).best_params_ == {"latent_dim": 5}
    assert clone(search.best_estimator_).get_params()["encoder"] == ()


def test_sparse_rows_are_read_as_dense_ones(rng):
    x = sparse.random(60, 5, density=0.3, random_state=0, format="csr")
    estimator = Autoencoder(1, encoder=(4,), max_epochs=1).fit(x)
    assert_array_equal(estimator.transform(x), estimator.transform(x.toarray()))


def test_a_constant_column_comes_back_as_it_was(rng):
    x = np.stack([rng.normal(size=100), np.full(100, 3.0)], axis=1)
    estimator = Autoencoder(1, encoder=(4,), max_epochs=2).fit(x)
    assert_array_equal(estimator.inverse_transform(estimator.transform(x))[:, 1], 3)


def test_a_killed_fit_goes_on_bit_for_bit(tmp_path):
    x = flat(100, 2)
    settings = {"encoder": (4,), "batch_size": 32, "random_state": 3}
    whole = Autoencoder(2, max_epochs=4, **settings).fit(x, checkpoint=tmp_path / "whole")
    again = Autoencoder(2, max_epochs=4, **settings).fit(x, checkpoint=tmp_path / "whole")
    assert_array_equal(whole.transform(x), again.transform(x))
    assert again.history_.equals(whole.history_)


def test_a_saved_one_transforms_alike(curve, tmp_path):
    retrodict.save(curve, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    x = bent(20, 9)
    pd.testing.assert_frame_equal(loaded.transform(x), curve.transform(x))
    back = loaded.inverse_transform(loaded.transform(x))
    pd.testing.assert_frame_equal(back, curve.inverse_transform(curve.transform(x)))
    assert loaded.get_params() == curve.get_params()
    assert loaded.history_.equals(curve.history_)
    assert (loaded.outcome_, loaded.num_rows_) == (curve.outcome_, 600)
    assert list(loaded.feature_names_in_) == ["along [m]", "across"]


@pytest.mark.parametrize(
    ("settings", "spoil", "error", "message"),
    [
        ({"latent_dim": 11}, None, ConfigurationError, "`latent_dim` lies between 1 and"),
        ({"latent_dim": 0}, None, ConfigurationError, "`latent_dim` lies between 1 and"),
        ({"encoder": (0,)}, None, ConfigurationError, "whole numbers of units"),
        ({"decoder": (-2,)}, None, ConfigurationError, "whole numbers of units"),
        ({"scaling": "log"}, None, ConfigurationError, "Unknown scaling 'log'"),
        ({"masked_fraction": 1.0}, None, ConfigurationError, "`masked_fraction` is a share"),
        ({"noise_sd": -1.0}, None, ConfigurationError, "`noise_sd` is at least 0"),
        ({"dropout": -0.1}, None, ConfigurationError, "`dropout` is a share"),
        ({"validation_fraction": 1.5}, None, ConfigurationError, "`validation_fraction`"),
        ({}, lambda x: x[:1], TooFewRowsError, "1 sample"),
        ({}, lambda x: np.where(x > 8, np.nan, x), NonFiniteError, "NaN"),
    ],
)
def test_what_cannot_be_learned_is_refused(settings, spoil, error, message):
    x = flat(60, 0)
    with pytest.raises(error, match=message) as caught:
        Autoencoder(**settings).fit(x if spoil is None else spoil(x))
    assert caught.value.hint


def test_what_cannot_be_transformed_is_refused(curve):
    with pytest.raises(ShapeError, match="there are 1 latent numbers"):
        curve.inverse_transform(np.zeros((3, 2)))
    with pytest.raises(NotFittedError, match="Autoencoder has not learned"):
        Autoencoder().transform(np.zeros((3, 2)))
