"""A network against PCA of the same size, and which columns its latent numbers move."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score

from retrodict.errors import ConfigurationError, ConstantColumnError, NotFittedError, ShapeError
from retrodict.variational import (
    Autoencoder,
    VariationalAutoencoder,
    compare_with_pca,
    feature_influence,
)


class PCANetwork:
    """PCA of the rows given, perhaps spoiled: a network that PCA can be compared with itself by."""

    def __init__(self, rows, num, noise=0.0):
        self.latent_dim = num
        self.mean, self.sd = rows.mean(axis=0), rows.std(axis=0)
        self.pca = PCA(num).fit((rows - self.mean) / self.sd)
        self.noise = noise

    def transform(self, X):
        z = self.pca.transform((X - self.mean) / self.sd)
        return z + self.noise * np.random.default_rng(0).normal(size=z.shape)

    def inverse_transform(self, Z):
        return self.mean + self.sd * self.pca.inverse_transform(Z)


class Bent:
    """What generated the rows of `bent`, exactly."""

    latent_dim = 1

    def transform(self, X):
        return X[:, :1] / 100

    def inverse_transform(self, Z):
        return np.concatenate([100 * Z, Z**2, np.full_like(Z, 7.0)], axis=1)


def flat(num, seed):
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(0).normal(size=(3, 8))
    rows = rng.normal(size=(num, 3)) @ mix + 0.5 * rng.normal(size=(num, 8))
    return 4 + rows * 10.0 ** np.arange(-3, 5)


def bent(num, seed):
    t = np.random.default_rng(seed).uniform(-2, 2, (num, 1))
    return np.concatenate([100 * t, t**2, np.full_like(t, 7.0)], axis=1)


def test_pca_is_as_good_as_itself():
    train, test = flat(300, 1), flat(100, 2)
    result = compare_with_pca(PCANetwork(train, 3), train, test)
    assert result.r_squared == pytest.approx(result.r_squared_of_pca, abs=1e-10)
    assert not result.passed
    assert "PCA will do" in str(result)


def test_the_truth_passes_and_a_spoiled_network_does_not():
    better = compare_with_pca(Bent(), bent(300, 1), bent(100, 2))
    assert better.r_squared == pytest.approx(1)
    assert better.passed
    assert "worth its trouble" in str(better)
    train, test = flat(300, 1), flat(100, 2)
    worse = compare_with_pca(PCANetwork(train, 3, noise=1.0), train, test)
    assert not worse.passed
    assert worse.gain < 0
    assert "use PCA" in str(worse)


def test_r_squared_is_that_of_scikit_learn_column_by_column():
    train, test = flat(300, 1), flat(100, 2)
    network = PCANetwork(train, 2, noise=0.3)
    result = compare_with_pca(network, train, test)
    back = network.inverse_transform(network.transform(test))
    assert_allclose(result.per_feature, r2_score(test, back, multioutput="raw_values"), rtol=1e-9)
    # In units of the training rows' deviations, so that the largest column does not rule.
    u, back = ((rows - network.mean) / network.sd for rows in (test, back))
    assert result.r_squared == pytest.approx(1 - ((u - back) ** 2).sum() / (u**2).sum())
    expected = network.pca.inverse_transform(network.pca.transform(u))
    assert result.r_squared_of_pca == pytest.approx(1 - ((u - expected) ** 2).sum() / (u**2).sum())
    assert result.to_dict()["num_dimensions"] == 2


def test_the_standard_error_is_that_of_other_test_rows():
    train = flat(300, 1)
    network = PCANetwork(train, 3, noise=0.5)
    results = [compare_with_pca(network, train, flat(100, seed)) for seed in range(2, 42)]
    spread = np.std([result.gain for result in results], ddof=1)
    stated = np.mean([result.standard_error for result in results])
    # The standard error of a deviation of 40 values is 11 %; three of these.
    assert stated == pytest.approx(spread, rel=0.35)


def test_constant_columns_do_not_count():
    result = compare_with_pca(Bent(), bent(300, 1), bent(100, 2))
    assert np.isnan(result.per_feature[2])
    assert np.isfinite(result.per_feature[:2]).all()


def test_bad_input_is_refused():
    train, test = bent(300, 1), bent(100, 2)
    with pytest.raises(NotFittedError):
        compare_with_pca(Autoencoder(1), train, test)
    with pytest.raises(ShapeError, match="3 columns and `X_test` 2"):
        compare_with_pca(Bent(), train, test[:, :2])
    with pytest.raises(ShapeError, match="two test rows"):
        compare_with_pca(Bent(), train, test[:1])
    with pytest.raises(ConfigurationError, match="at most 3 dimensions; the network has 4"):
        compare_with_pca(PCANetworkOf4(), train, test)
    with pytest.raises(ConstantColumnError, match="Nothing in `X_train` varies"):
        compare_with_pca(Bent(), train * 0, test)


class PCANetworkOf4(Bent):
    latent_dim = 4


@pytest.fixture(scope="module")
def rows():
    values = flat(200, 5)[:, 2:6]
    return pd.DataFrame(values, columns=["TES", "SOX2", "ALB", "TP53"])


@pytest.fixture(scope="module")
def trained(rows):
    return VariationalAutoencoder(
        2, encoder=(8,), activation="silu", max_epochs=3, learning_rate=1e-2
    ).fit(rows)


def test_influence_is_the_derivative_of_the_decoder(trained, rows):
    result = feature_influence(trained, rows, num_rows=30)
    z = trained.transform(rows).to_numpy()
    places = np.unique(np.linspace(0, len(z) - 1, 30).astype(int))
    one = jax.jacfwd(lambda z: trained._model.mean(z, None))
    jacobians = np.asarray(jax.vmap(one)(jnp.asarray(z[places], jnp.float32)), float)
    expected = (jacobians * trained._scale.width[:, None] * z.std(axis=0)).mean(axis=0).T
    assert_allclose(result.influence, expected, rtol=0.02, atol=0.01 * np.abs(expected).max())
    assert result.feature_names == ("TES", "SOX2", "ALB", "TP53")


def test_influence_of_a_known_decoder_has_size_and_sign():
    train = bent(500, 3)
    result = feature_influence(Bent(), train)
    sd = (train[:, 0] / 100).std()
    assert result.influence[0, 0] == pytest.approx(100 * sd)
    assert result.same_sign[0, 0] == 1
    # The derivative of z^2 is positive at half of the rows.
    assert result.same_sign[0, 1] == pytest.approx(0.5, abs=0.15)
    assert result.influence[0, 2] == 0
    assert result.strongest(0, 2).tolist() == [0, 1]
    table = result.to_dataframe(2)
    assert table["latent"].tolist() == [1, 1]
    assert table["feature"].tolist() == ["x0", "x1"]
    assert "latent number 1 on `x0`" in str(result)


def test_influence_takes_rows():
    with pytest.raises(ConfigurationError, match="at least 2; got 1"):
        feature_influence(Bent(), bent(1, 0))
