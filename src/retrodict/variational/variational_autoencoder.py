"""An autoencoder that is a probability distribution."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Bool as NpBool, Float as NpFloat
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from retrodict.errors import ConfigurationError, ShapeError
from retrodict.flows import AbstractArchitecture, get_architecture
from retrodict.objectives import VariationalLoss, kl_loss, reconstruction_loss
from retrodict.training import Progress
from retrodict.typing import Key
from retrodict.variational import programs
from retrodict.variational.latent_model import LatentModel
from retrodict.variational.scale import Scale
from retrodict.variational.settings import check_settings, check_support
from retrodict.variational.tabular import AbstractTabularNetwork, dense, like

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

# Burda et al. 2015, arXiv:1509.00519, section 5.2.
_ACTIVE_VARIANCE = 0.01


class VariationalAutoencoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, AbstractTabularNetwork
):
    """A density over rows, with few latent numbers that explain them.

        log p(x) >= E_q log p(x | z) - KL(q(z | x) || p(z)),    z ~ N(0, I)

    (Kingma & Welling 2013, arXiv:1312.6114; Rezende et al. 2014, arXiv:1401.4082). Encoder and
    decoder are trained together to make the bound large. The standard deviation of the decoder
    balances the two terms: a large one makes reconstruction unimportant, until no latent number
    is used (posterior collapse; see `active_units_`), a small one makes it an autoencoder.

    A scikit-learn transformer: `transform` gives the posterior means of the latent numbers. A
    DataFrame in gives a DataFrame out.

    Args:
        latent_dim: number of latent numbers, at most that of columns.
        encoder: widths of the hidden layers between x and the latent numbers.
        decoder: likewise between the latent numbers and x; those of the encoder backwards by
            default.
        activation: of hidden layers, one of `networks.ACTIVATIONS`.
        use_bias: whether layers add a bias.
        likelihood: of x given z: "gaussian"; "bernoulli" for values in [0, 1]; for counts
            "negative-binomial" or "zero-inflated-negative-binomial".
        decoder_sd: of the Gaussian likelihood in scaled units: a number, "learned" (one for all
            columns) or "per-feature".
        prior: "standard", N(0, I), or the name of a flow, e.g. "real-nvp", that is trained with
            the rest.
        beta, warmup_fraction, free_bits: see `objectives.VariationalLoss`.
        scaling: of the columns: "standardise", "centre" or "none"; by default "standardise" for
            the Gaussian likelihood. Others take x as it is.
        max_epochs: passes over the data; 100 by default.
        batch_size: rows per step; by default 128, or 512 from 10,000 rows on.
        learning_rate: largest of the schedule; .001 by default.
        weight_decay: of AdamW.
        patience: epochs without a better held-out bound before training stops; None for none.
        validation_fraction: share of the rows that choose the best epoch.
        random_state: seed of everything.

    Attributes:
        n_features_in_, feature_names_in_: columns of X, and their names where there are any.
        active_units_: which latent numbers tell anything about x: those whose posterior mean has
            a variance above .01 over the held-out rows.
        history_: one row per epoch; `reconstruction_loss` and `kl_loss` in nats per held-out row.
        outcome_: how training ended.
        num_rows_: training and validation rows.
    """

    _learned_arrays: ClassVar[tuple[str, ...]] = ("active_units_",)
    active_units_: NpBool[np.ndarray, " latent"]

    def __init__(
        self,
        latent_dim: int = 2,
        *,
        encoder: Sequence[int] = (128, 64),
        decoder: Sequence[int] | None = None,
        activation: str = "relu",
        use_bias: bool = True,
        likelihood: str = "gaussian",
        decoder_sd: float | str = "learned",
        prior: str = "standard",
        beta: float = 1.0,
        warmup_fraction: float = 0.0,
        free_bits: float = 0.0,
        scaling: str | None = None,
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
        self.likelihood = likelihood
        self.decoder_sd = decoder_sd
        self.prior = prior
        self.beta = beta
        self.warmup_fraction = warmup_fraction
        self.free_bits = free_bits
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
    ) -> "VariationalAutoencoder":
        """Learns the distribution of the rows of X.

        Args:
            X: (rows, columns): array or DataFrame, whose names are kept.
            y: not used; there for pipelines.
            progress: is told how training goes, with `reconstruction_loss` and `kl_loss`.
            checkpoint: file from which a killed fit of the same data goes on, bit for bit.

        Raises:
            DataError: NaN, text, too few rows, values that the likelihood cannot produce.
            ConfigurationError: settings that make no network for these columns.
            TrainingError: the loss stayed non-finite.
        """
        del y
        values = self._checked(X, reset=True)
        check_settings(self, values.shape[1])
        check_support(values, self.likelihood)
        held_out, used = self._split(len(values))
        self._scale = Scale.fit(values[used], self._scaling)
        u = self._scale.forward(values)
        key_build, key_train = jr.split(jr.key(self.random_state))
        result = self._trained(
            self._built(values.shape[1], key_build),
            VariationalLoss(self.beta, self.warmup_fraction, self.free_bits),
            (u[used], None),
            (u[held_out], None),
            key=key_train,
            metrics={"reconstruction_loss": reconstruction_loss, "kl_loss": kl_loss},
            progress=progress,
            checkpoint=checkpoint,
        )
        self._model = result.model
        self.history_ = result.to_frame()
        self.outcome_ = result.outcome
        self.num_rows_ = len(values)
        means, _ = self._posterior(u[held_out] if len(held_out) > 1 else u)
        self.active_units_ = means.var(axis=0) > _ACTIVE_VARIANCE
        return self

    def transform(self, X: Any) -> "NpFloat[np.ndarray, 'rows latent'] | pandas.DataFrame":
        """Posterior means of the latent numbers of each row.

        Raises:
            NotFittedError: before `fit`.
            DataError: other columns than in `fit`, NaN, values that the likelihood cannot produce.
        """
        means, _ = self._posterior(self._scaled(X))
        return like(X, means, list(self.get_feature_names_out()))

    def inverse_transform(self, Z: Any) -> "NpFloat[np.ndarray, 'rows dim'] | pandas.DataFrame":
        """The mean row that latent numbers stand for, in the units of X.

        Raises:
            NotFittedError: before `fit`.
            ShapeError: another number of columns than latent numbers.
        """
        z = self._latent_numbers(Z)
        u = np.asarray(programs.means(self._model, jnp.asarray(z, jnp.float32)))
        return like(Z, self._scale.inverse(u), self._feature_names)

    def reconstruct(self, X: Any) -> "NpFloat[np.ndarray, 'rows dim'] | pandas.DataFrame":
        """The mean row given the posterior mean of the latent numbers of each row.

        Raises:
            NotFittedError, DataError: as in `transform`.
        """
        means, _ = self._posterior(self._scaled(X))
        u = np.asarray(programs.means(self._model, jnp.asarray(means, jnp.float32)))
        return like(X, self._scale.inverse(u), self._feature_names)

    def sample(
        self, num_draws: int, *, random_state: int | None = None
    ) -> "NpFloat[np.ndarray, 'rows dim'] | pandas.DataFrame":
        """New rows: z from the prior, x from the decoder, its noise included.

        Args:
            num_draws: how many.
            random_state: seed; that of the estimator by default.

        Returns:
            An array, or a DataFrame where X had names.

        Raises:
            NotFittedError: before `fit`.
        """
        import pandas as pd

        self._require_fitted()
        seed = self.random_state if random_state is None else random_state
        u = np.asarray(programs.draws(self._model, jr.key(seed), num_draws))
        values = self._scale.inverse(u)
        if hasattr(self, "feature_names_in_"):
            return pd.DataFrame(values, columns=self._feature_names)
        return values

    def score_samples(
        self, X: Any, *, num_samples: int = 100, return_std: bool = False
    ) -> (
        NpFloat[np.ndarray, " rows"]
        | tuple[NpFloat[np.ndarray, " rows"], NpFloat[np.ndarray, " rows"]]
    ):
        """log p(x) of each row in nats, in the units of X: high is normal.

        The importance-weighted bound log mean_s p(x | z_s) p(z_s) / q(z_s | x) (Burda et al.
        2015, arXiv:1509.00519): below log p(x) in expectation, and nearer with more samples.

        Args:
            X: rows.
            num_samples: draws of z for each.
            return_std: whether to return the standard error of each value as well, from the
                spread of its weights. Where it exceeds about .5, use more samples.

        Raises:
            NotFittedError, DataError: as in `transform`.
            ConfigurationError: fewer than 2 samples.
        """
        if num_samples < 2:
            raise ConfigurationError(
                f"A standard error takes at least 2 samples; got num_samples={num_samples}.",
                "Use 100.",
            )
        key = jr.key(self.random_state)
        bound, errors = programs.marginal_bound(self._model, self._scaled(X), key, num_samples)
        bound = bound + self._log_det
        return (bound, errors) if return_std else bound

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples` over the rows.

        Raises:
            NotFittedError, DataError: as in `transform`.
        """
        del y
        return float(np.mean(self.score_samples(X)))

    def impute(self, X: Any, *, num_steps: int = 200, return_std: bool = False) -> Any:
        """Rows with their missing entries (NaN) filled in by their mean given the others.

        By Markov chains on latent numbers and missing entries together (Mattei and Frellsen
        2018, arXiv:1802.04826), which a poor encoder slows down but does not mislead.

        Args:
            X: rows; what is missing is NaN.
            num_steps: of each chain, of which the second half counts.
            return_std: whether to return the standard deviation of each entry as well; zero
                where nothing is missing.

        Raises:
            NotFittedError, DataError: as in `transform`.
            ConfigurationError: fewer than 2 steps.
        """
        self._require_fitted()
        if num_steps < 2:
            raise ConfigurationError(
                f"A chain has at least 2 steps; got num_steps={num_steps}.", "Use 200."
            )
        given = np.array(dense(X), float)
        is_missing = np.isnan(given)
        # Any value that the likelihood allows: the chain starts from a typical one.
        filled = self._scale.inverse(np.zeros((1, self.n_features_in_)))
        u = self._scaled(like(X, np.where(is_missing, filled, given), self._feature_names))
        key = jr.key(self.random_state)
        means, sds = programs.imputed(
            self._model, jnp.asarray(u), jnp.asarray(is_missing), key, num_steps
        )
        values = np.where(is_missing, self._scale.inverse(np.asarray(means)), given)
        complete = like(X, values, self._feature_names)
        if not return_std:
            return complete
        spread = np.where(is_missing, self._scale.width * np.asarray(sds, float), 0.0)
        return complete, like(X, spread, self._feature_names)

    def interpolate(
        self, start: Any, end: Any, num_rows: int = 10
    ) -> "NpFloat[np.ndarray, 'rows dim'] | pandas.DataFrame":
        """Rows between two others, along the straight line between their latent numbers.

        Args:
            start: a table of one row.
            end: another.
            num_rows: of the answer, both ends included.

        Raises:
            NotFittedError, DataError: as in `transform`.
            ShapeError: not one row each.
        """
        ends = [self._posterior(self._scaled(row))[0] for row in (start, end)]
        if any(len(end) != 1 for end in ends):
            raise ShapeError(
                f"Interpolation is between two rows; got {len(ends[0])} and {len(ends[1])}.",
                "Give e.g. `X[:1]` and `X[1:2]`.",
            )
        share = np.linspace(0, 1, num_rows)[:, None]
        z = (1 - share) * ends[0] + share * ends[1]
        u = np.asarray(programs.means(self._model, jnp.asarray(z, jnp.float32)))
        return like(start, self._scale.inverse(u), self._feature_names, index=range(num_rows))

    @property
    def _scaling(self) -> str:
        if self.scaling is not None:
            return self.scaling
        return "standardise" if self.likelihood == "gaussian" else "none"

    @property
    def _log_det(self) -> float:
        """Of the scaling: densities are per unit of X."""
        width = self._scale.width
        return 0.0 if self.likelihood != "gaussian" else -float(np.log(width[width > 0]).sum())

    def _scaled(self, X: Any) -> NpFloat[np.ndarray, "rows dim"]:
        values = self._checked(X, reset=False)
        check_support(values, self.likelihood)
        return self._scale.forward(values)

    def _posterior(
        self, u: NpFloat[np.ndarray, "rows dim"]
    ) -> tuple[NpFloat[np.ndarray, "rows latent"], NpFloat[np.ndarray, "rows latent"]]:
        """Means and standard deviations of q(z | x)."""
        means, sds = programs.encoded(self._model, jnp.asarray(u))
        return np.asarray(means, float), np.asarray(sds, float)

    def _built(self, dim: int, key: Key) -> LatentModel:
        encoder = tuple(self.encoder)
        key_prior, key_rest = jr.split(key)
        return LatentModel(
            dim,
            self.latent_dim,
            0,
            encoder,
            encoder[::-1] if self.decoder is None else tuple(self.decoder),
            activation=self.activation,
            use_bias=self.use_bias,
            likelihood=self.likelihood,
            decoder_sd=self.decoder_sd,
            prior=None
            if self._flow is None
            else self._flow.build(self.latent_dim, 0, key=key_prior),
            key=key_rest,
        )

    @property
    def _flow(self) -> AbstractArchitecture | None:
        return None if self.prior == "standard" else get_architecture(self.prior)
