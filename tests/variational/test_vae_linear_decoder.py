"""Linear decoders: their weights are those of the rows, few where asked, masked where told."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone

import retrodict
from retrodict.errors import ColumnNotFoundError, ConfigurationError, NotFittedError
from retrodict.variational import VariationalAutoencoder
from retrodict.variational.feature_sets import membership
from retrodict.variational.linear_decoder import LinearDecoder

GENES = [f"g{i}" for i in range(8)]
# Two pathways of their own genes, in units of a hundredth: loadings are per unit of X.
BLOCKS = 0.01 * np.array([[2.0, 1, -1, 1.5, 0, 0, 0, 0], [0, 0, 0, 0, 1, -2, 1, 1.5]]).T
SD = 0.005
SETTINGS = {
    "encoder": (), "decoder_kind": "linear", "batch_size": 128, "learning_rate": 2e-2,
    "patience": None, "max_epochs": 40,
}  # fmt: skip


def table(num, seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(num, 2))
    x = 3 + z @ BLOCKS.T + SD * rng.normal(size=(num, 8))
    return pd.DataFrame(x, columns=GENES), z


@pytest.fixture(scope="module")
def plain():
    return VariationalAutoencoder(2, scaling="centre", **SETTINGS).fit(100 * table(2000, 0)[0])


def test_loadings_are_those_of_the_rows_up_to_a_rotation(plain):
    loadings = plain.loadings_
    assert list(loadings.index) == GENES
    assert list(loadings.columns) == ["variationalautoencoder0", "variationalautoencoder1"]
    product = loadings.to_numpy() @ loadings.to_numpy().T
    assert_allclose(product, 1e4 * BLOCKS @ BLOCKS.T, atol=0.3)
    exact = stats.multivariate_normal(
        300 * np.ones(8), 1e4 * (BLOCKS @ BLOCKS.T + SD**2 * np.eye(8))
    )
    x, _ = table(1000, 1)
    assert abs(plain.score(100 * x) - exact.logpdf(100 * x).mean()) < 0.1


def test_rows_change_by_the_loadings_per_unit_of_a_latent_number(plain):
    step = plain.inverse_transform(np.array([[0.0, 1.0], [0.0, 3.0]]))
    assert_allclose((step[1] - step[0]) / 2, plain.loadings_.iloc[:, 1], atol=1e-4)


def test_a_sparse_one_tells_the_blocks_apart(plain):
    x, z = table(2000, 0)
    sparse = VariationalAutoencoder(2, sparsity=0.15, **SETTINGS).fit(x)
    mixed = plain.active_loadings_.to_numpy()
    active = sparse.active_loadings_.to_numpy()
    order = slice(None) if active[0, 0] else slice(None, None, -1)
    assert_array_equal(active[:, order], BLOCKS != 0)
    assert mixed.sum() > 12
    # Scaled columns, and yet in units of X; the penalty shrinks them.
    found = sparse.loadings_.to_numpy()[:, order]
    signs = np.sign(found[[0, 4], [0, 1]])
    assert_allclose(found * signs, BLOCKS, rtol=0.25, atol=3e-4)
    latent = sparse.transform(x).to_numpy()[:, order] * signs
    for k in range(2):
        assert np.corrcoef(latent[:, k], z[:, k])[0, 1] > 0.95


SETS = {"stress": ["g3", "g4", "g5", "g6"], "growth": ["g0", "g1", "g2", "g3"]}


@pytest.fixture(scope="module")
def masked():
    x, _ = table(600, 2)
    condition = pd.Series(np.random.default_rng(3).choice(["old", "young"], 600), name="age")
    # The last gene belongs to no pathway, and ages.
    moved = x.assign(g7=3 + SD * x["g0"] + 0.1 * (condition == "old"))
    return VariationalAutoencoder(feature_sets=SETS, **SETTINGS).fit(moved, condition=condition)


def test_masked_latent_numbers_reach_their_sets_alone(masked):
    loadings = masked.loadings_
    assert list(loadings.columns) == list(SETS)
    for name, genes in SETS.items():
        assert set(loadings.index[loadings[name] != 0]) == set(genes)
    assert_allclose(loadings["growth"].abs()[:3], np.abs(BLOCKS[:3, 0]), rtol=0.25)
    x, z = table(600, 2)
    latent = masked.transform(x, condition=["old"] * 600)
    assert list(latent.columns) == list(SETS)
    assert abs(np.corrcoef(latent["growth"], z[:, 0])[0, 1]) > 0.95
    # What is in no set is reached by the condition alone.
    far, near = (masked.inverse_transform(np.full((1, 2), v), condition="old") for v in (0.0, 9.0))
    assert_array_equal(far[0, 7], near[0, 7])
    young = masked.inverse_transform(np.zeros((1, 2)), condition="young")
    assert_allclose(far[0, 7] - young[0, 7], 0.1, atol=0.02)


def test_a_saved_one_reads_alike(masked, tmp_path):
    retrodict.save(masked, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.loadings_, masked.loadings_)
    pd.testing.assert_frame_equal(loaded.active_loadings_, masked.active_loadings_)
    assert loaded.get_params() == masked.get_params()
    assert clone(masked).get_params() == masked.get_params()


def test_what_is_masked_or_missed_counts_has_nothing_to_do_with_latent_numbers():
    """Against NumPy."""
    mask = np.array([[True, False], [True, True], [False, True]])
    decoder = LinearDecoder(3, 2, 1, use_bias=True, has_zeros=True, is_reached=mask, key=jr.key(0))
    decoder = eqx.tree_at(
        lambda d: [d.bias, d.zero_logits], decoder, [jnp.arange(3.0), jnp.arange(3.0, 6)]
    )
    weight = np.asarray(decoder.weight)
    assert weight.shape == (3, 3)
    z, c = np.array([2.0, -1.0]), np.array([0.5])
    log_means = (weight[:, :2] * mask) @ z + weight[:, 2:] @ c + np.arange(3)
    found = decoder(jnp.asarray([2.0, -1.0, 0.5]))
    assert_allclose(found, np.concatenate([log_means, [3, 4, 5]]), rtol=1e-5, atol=1e-6)
    assert_allclose(decoder.absolute_sum, np.abs(weight[:, :2] * mask).sum(), rtol=1e-6)
    # No weight on what is masked is ever learned.
    gradient = eqx.filter_grad(lambda d: d(jnp.ones(3)).sum())(decoder)
    assert_array_equal(gradient.weight[:, :2] != 0, mask)


def test_of_counts_loadings_are_of_the_logarithms_of_means():
    rng = np.random.default_rng(4)
    expected = np.array([1.0, 1.0, 1.0, 0.5, 0.5, 0.0])
    means = np.exp(1.5 + rng.normal(size=(512, 1)) * expected)
    x = rng.poisson(means).astype(float)
    model = VariationalAutoencoder(
        1, encoder=(8,), decoder_kind="linear", likelihood="negative-binomial",
        max_epochs=60, learning_rate=2e-2, batch_size=64, patience=None,
    ).fit(x)  # fmt: skip
    at = model.inverse_transform(np.array([[-1.0], [0.5], [2.0]]))
    assert_allclose(np.log(at[1] / at[0]), 1.5 * model.loadings_.iloc[:, 0], rtol=1e-3, atol=1e-4)
    assert_allclose(np.log(at[2] / at[1]), 1.5 * model.loadings_.iloc[:, 0], rtol=1e-3, atol=1e-4)
    assert_allclose(model.loadings_.abs().iloc[:, 0], expected, atol=0.12)
    assert list(model.loadings_.index) == [f"x{i}" for i in range(6)]


def test_sets_of_columns_as_a_mask():
    expected = [[1, 0], [1, 1], [0, 1]]
    assert_array_equal(membership({"a": ["u", "v"], "b": ("w", "v", "w")}, list("uvw")), expected)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"decoder_kind": "lineal"}, ConfigurationError, "Unknown decoder_kind 'lineal'"),
        ({"sparsity": 0.1}, ConfigurationError, "`sparsity` is of a linear decoder"),
        ({"feature_sets": SETS}, ConfigurationError, "`feature_sets` is of a linear decoder"),
        ({"decoder_kind": "linear", "sparsity": -0.1}, ConfigurationError, "`sparsity` is at lea"),
        ({"decoder_kind": "linear", "decoder": (4,)}, ConfigurationError, "has no hidden layers"),
        (
            {"decoder_kind": "linear", "feature_sets": SETS, "latent_dim": 3},
            ConfigurationError,
            "one latent number per feature set, 2; got latent_dim=3",
        ),
        ({"decoder_kind": "linear", "feature_sets": {}}, ConfigurationError, "between 1 and"),
        (
            {"decoder_kind": "linear", "feature_sets": {"growth": []}},
            ConfigurationError,
            "`growth` is a list of names of columns",
        ),
        (
            {"decoder_kind": "linear", "feature_sets": {"growth": "g0"}},
            ConfigurationError,
            "`growth` is a list of names of columns",
        ),
        (
            {"decoder_kind": "linear", "feature_sets": {"growth": ["g0", "g9", "h"]}},
            ColumnNotFoundError,
            "`growth` names 2 of 3 columns that X does not have: g9, h",
        ),
    ],
)
def test_decoders_that_cannot_be_are_refused(settings, error, message):
    with pytest.raises(error, match=message) as caught:
        VariationalAutoencoder(**settings).fit(table(60, 0)[0])
    assert caught.value.hint


def test_only_a_fitted_one_has_loadings(plain):
    with pytest.raises(NotFittedError):
        VariationalAutoencoder(decoder_kind="linear").loadings_  # noqa: B018 (reading it raises)
    with pytest.raises(NotFittedError):
        clone(plain).active_loadings_  # noqa: B018 (reading it raises)
