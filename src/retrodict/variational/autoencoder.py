"""The nonlinear relative of principal components."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float as NpFloat
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from retrodict.errors import ConfigurationError
from retrodict.networks import DenseNetwork, require_share
from retrodict.objectives import ReconstructionError, clean_reconstruction_error
from retrodict.training import Progress
from retrodict.typing import Array, Float, Key
from retrodict.variational.scale import Scale
from retrodict.variational.tabular import AbstractTabularNetwork, like

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)


class AutoencoderNetwork(eqx.Module):
    """decode(encode(x)), both dense networks.

    Args:
        dim: length of x.
        latent_dim: length of what is between.
        encoder, decoder: widths of their hidden layers.
        activation, use_bias, dropout: see `networks.DenseNetwork`.
    """

    encoder: DenseNetwork
    decoder: DenseNetwork

    def __init__(
        self,
        dim: int,
        latent_dim: int,
        encoder: Sequence[int],
        decoder: Sequence[int],
        *,
        activation: str,
        use_bias: bool,
        dropout: float,
        key: Key,
    ) -> None:
        key_encoder, key_decoder = jr.split(key)
        settings: dict[str, Any] = {"use_bias": use_bias, "dropout": dropout}
        self.encoder = DenseNetwork(
            [dim, *encoder, latent_dim], activation, key=key_encoder, **settings
        )
        self.decoder = DenseNetwork(
            [latent_dim, *decoder, dim], activation, key=key_decoder, **settings
        )

    def __call__(self, x: Float[Array, " dim"], key: Key | None) -> Float[Array, " dim"]:
        keys = (None, None) if key is None else jr.split(key)
        return self.decoder(self.encoder(x, keys[0]), keys[1])


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, AbstractTabularNetwork):
    """Compresses rows into few numbers, from which it gives them back as well as it can.

    minimise mean (x - decode(encode(x)))^2 over the training rows (Rumelhart, Hinton and Williams
    1986; Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647). Without hidden layers both
    maps are linear, and the best of them is a projection onto the leading principal subspace
    (Baldi and Hornik 1989, doi:10.1016/0893-6080(89)90014-2): PCA's error, in axes of its own.

    A scikit-learn transformer: `transform` gives the latent numbers, `inverse_transform` the rows
    that they stand for. A DataFrame in gives a DataFrame out.

    Args:
        latent_dim: number of latent numbers, at most that of columns.
        encoder: widths of the hidden layers between x and the latent numbers; empty for a linear
            map.
        decoder: likewise between the latent numbers and x; those of the encoder backwards by
            default.
        activation: of hidden layers, one of `networks.ACTIVATIONS`.
        use_bias: whether layers add a bias.
        dropout: share of the hidden units left out at random in training.
        noise_sd: of noise on the input in training, in units of the scaled columns.
        masked_fraction: share of the input's entries set to zero (the mean, for scaled columns) in
            training.
        scaling: of the columns: "standardise", "centre" or "none". Errors are made small in these
            units.
        max_epochs: passes over the data; 100 by default.
        batch_size: rows per step; by default 128, or 512 from 10,000 rows on.
        learning_rate: largest of the schedule; .001 by default.
        weight_decay: of AdamW.
        patience: epochs without a better held-out error before training stops; None for none.
        validation_fraction: share of the rows that choose the best epoch.
        random_state: seed of everything.

    Attributes:
        n_features_in_, feature_names_in_: columns of X, and their names where there are any.
        history_: one row per epoch, errors in scaled units.
        outcome_: how training ended.
        num_rows_: training and validation rows.
    """

    def __init__(
        self,
        latent_dim: int = 2,
        *,
        encoder: Sequence[int] = (128, 64),
        decoder: Sequence[int] | None = None,
        activation: str = "relu",
        use_bias: bool = True,
        dropout: float = 0.0,
        noise_sd: float = 0.0,
        masked_fraction: float = 0.0,
        scaling: str = "standardise",
        max_epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        weight_decay: float = 0.0,
        patience: int | None = 20,
        validation_fraction: float = 0.1,
        random_state: int = 0,
    ) -> None:
        self.latent_dim = latent_dim
        self.encoder = encoder
        self.decoder = decoder
        self.activation = activation
        self.use_bias = use_bias
        self.dropout = dropout
        self.noise_sd = noise_sd
        self.masked_fraction = masked_fraction
        self.scaling = scaling
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> "Autoencoder":
        """Learns to give back the rows of X.

        Args:
            X: (rows, columns): array or DataFrame, whose names are kept.
            y: not used; there for pipelines.
            progress: is told how training goes.
            checkpoint: file from which a killed fit of the same data goes on, bit for bit.

        Raises:
            DataError: NaN, text, too few rows.
            ConfigurationError: settings that make no network for these columns.
            TrainingError: the loss stayed non-finite.
        """
        del y
        values = self._checked(X, reset=True)
        self._check_settings(values.shape[1])
        held_out, used = self._split(len(values))
        self._scale = Scale.fit(values[used], self.scaling)
        u = self._scale.forward(values)
        key_build, key_train = jr.split(jr.key(self.random_state))
        result = self._trained(
            self._built(values.shape[1], key_build),
            ReconstructionError(self.noise_sd, self.masked_fraction),
            (u[used],),
            (u[held_out],),
            key=key_train,
            validation_loss=clean_reconstruction_error,
            progress=progress,
            checkpoint=checkpoint,
        )
        self._model = result.model
        self.history_ = result.to_frame()
        self.outcome_ = result.outcome
        self.num_rows_ = len(values)
        return self

    def transform(self, X: Any) -> "NpFloat[np.ndarray, 'rows latent'] | pandas.DataFrame":
        """The latent numbers of each row.

        Raises:
            NotFittedError: before `fit`.
            DataError: other columns than in `fit`, NaN.
        """
        values = self._checked(X, reset=False)
        z = _encoded(self._model, jnp.asarray(self._scale.forward(values)))
        return like(X, np.asarray(z, float), list(self.get_feature_names_out()))

    def inverse_transform(self, Z: Any) -> "NpFloat[np.ndarray, 'rows dim'] | pandas.DataFrame":
        """The rows that latent numbers stand for, in the units of X.

        Raises:
            NotFittedError: before `fit`.
            ShapeError: another number of columns than latent numbers.
        """
        z = self._latent_numbers(Z)
        u = _decoded(self._model, jnp.asarray(z, jnp.float32))
        return like(Z, self._scale.inverse(np.asarray(u)), self._feature_names)

    def reconstruction_error(self, X: Any) -> NpFloat[np.ndarray, " rows"]:
        """Mean squared error of each row, in scaled units: large for rows unlike those of training.

        Raises:
            NotFittedError, DataError: as in `transform`.
        """
        u = self._scale.forward(self._checked(X, reset=False))
        given_back = _decoded(self._model, _encoded(self._model, jnp.asarray(u)))
        return np.mean((np.asarray(given_back, float) - u) ** 2, axis=1)

    def score(self, X: Any, y: Any = None) -> float:
        """Share of the variance of X, in scaled units, that survives: R^2, at most 1.

        Raises:
            NotFittedError, DataError: as in `transform`.
        """
        del y
        error = self.reconstruction_error(X).mean()
        u = self._scale.forward(self._checked(X, reset=False))
        variance = u.var(axis=0, dtype=float).mean()
        return float(1 - error / variance) if variance > 0 else float(error == 0)

    def _built(self, dim: int, key: Key) -> AutoencoderNetwork:
        encoder = tuple(self.encoder)
        return AutoencoderNetwork(
            dim,
            self.latent_dim,
            encoder,
            encoder[::-1] if self.decoder is None else tuple(self.decoder),
            activation=self.activation,
            use_bias=self.use_bias,
            dropout=self.dropout,
            key=key,
        )

    def _check_settings(self, dim: int) -> None:
        if not 1 <= self.latent_dim <= dim:
            raise ConfigurationError(
                f"`latent_dim` lies between 1 and the number of columns, {dim}; got "
                f"{self.latent_dim}.",
                "With as many latent numbers as columns nothing is compressed any more.",
            )
        require_share("masked_fraction", self.masked_fraction)
        if self.noise_sd < 0:
            raise ConfigurationError(
                f"`noise_sd` is at least 0; got {self.noise_sd}.", "Use 0 for no noise."
            )


@eqx.filter_jit
def _encoded(model: AutoencoderNetwork, u: Float[Array, "rows dim"]) -> Float[Array, "rows latent"]:
    return jax.vmap(model.encoder)(u)


@eqx.filter_jit
def _decoded(model: AutoencoderNetwork, z: Float[Array, "rows latent"]) -> Float[Array, "rows dim"]:
    return jax.vmap(model.decoder)(z)
