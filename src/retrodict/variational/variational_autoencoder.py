"""An autoencoder that is a probability distribution."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Bool as NpBool
from sklearn.base import ClassNamePrefixFeaturesOutMixin

from retrodict.flows import get_architecture
from retrodict.objectives import VariationalLoss, kl_loss, reconstruction_loss
from retrodict.objectives.variational import GuidedVariationalLoss, supervised_loss
from retrodict.training import Progress
from retrodict.typing import Key
from retrodict.variational import programs
from retrodict.variational.condition import Condition
from retrodict.variational.feature_sets import membership
from retrodict.variational.label_encoding import LabelEncoding
from retrodict.variational.latent_density import AbstractLatentDensity
from retrodict.variational.latent_model import LatentModel
from retrodict.variational.linear_decoder import LinearDecoder
from retrodict.variational.scale import Scale
from retrodict.variational.settings import check_settings, check_support

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

# Burda et al. 2015, arXiv:1509.00519, section 5.2.
_ACTIVE_VARIANCE = 0.01
_ACTIVE_WEIGHT = 0.02
_LATENT_DIM = 2
# What a flow as posterior is told about a row, at least.
_FEWEST_FEATURES = 16


class VariationalAutoencoder(AbstractLatentDensity):
    """A density over rows, with few latent numbers that explain them.

        log p(x) >= E_q log p(x | z) - KL(q(z | x) || p(z)),    z ~ N(0, I)

    (Kingma & Welling 2013, arXiv:1312.6114; Rezende et al. 2014, arXiv:1401.4082). Encoder and
    decoder are trained together to make the bound large. The standard deviation of the decoder
    balances the two terms: a large one makes reconstruction unimportant, until no latent number
    is used (posterior collapse; see `active_units_`), a small one makes it an autoencoder.

    A scikit-learn transformer: `transform` gives the posterior means of the latent numbers. A
    DataFrame in gives a DataFrame out.

    Args:
        latent_dim: number of latent numbers, at most that of columns; 2 by default, or that of
            `feature_sets`.
        encoder: widths of the hidden layers between x and the latent numbers.
        decoder: likewise between the latent numbers and x; those of the encoder backwards by
            default.
        decoder_kind: "network", or "linear" for one without hidden layers, whose weights are
            `loadings_`; of counts it gives the logarithms of the means (Svensson et al. 2020,
            doi:10.1093/bioinformatics/btaa169).
        sparsity: nats per row that a weight of 1 of the linear decoder costs, in scaled units,
            so that fewer are used (see `active_loadings_`).
        feature_sets: names of columns by the name of their set, e.g. the genes of a pathway.
            Latent number k of a linear decoder then reaches the columns of set k alone, and is
            called like it (Seninge et al. 2021, doi:10.1038/s41467-021-26017-0).
        activation: of hidden layers, one of `networks.ACTIVATIONS`.
        use_bias: whether layers add a bias.
        likelihood: of x given z: "gaussian"; "bernoulli" for values in [0, 1]; for counts
            "negative-binomial" or "zero-inflated-negative-binomial".
        decoder_sd: of the Gaussian likelihood in scaled units: a number, "learned" (one for all
            columns) or "per-feature".
        prior: "standard", N(0, I), or the name of a flow, e.g. "real-nvp", that is trained with
            the rest.
        posterior: "normal", or the name of a flow given what the encoder finds in a row, e.g.
            "iaf" or "spline-coupling", for posteriors with several modes or bends; `transform` then
            gives the mean of 200 draws.
        encoder_condition: whether the encoder sees the condition given to `fit`; if not, latent
            numbers can be found without knowing it. The decoder sees it in any case.
        supervised_weight: of -log p(y | z), in nats per row, of a linear map from the latent
            numbers to y, that is trained with the rest: they then tell y (`predict`). At 0, y is
            not used. Floats are numbers to be predicted; whole numbers, texts, booleans and
            categories are classes.
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
        loadings_: of a linear decoder: what each latent number adds to each column, in units of
            X (of log X for counts, of logits for "bernoulli") per unit of z: a DataFrame.
        active_loadings_: which of them count as not zero: those above .02 in scaled units. By
            gradient steps on absolute values none ends at zero exactly.
        classes_: of y, in the order of `predict_proba`, where it has classes.
        history_: one row per epoch; `reconstruction_loss`, `kl_loss` and, where y is told,
            `supervised_loss` in nats per held-out row.
        outcome_: how training ended.
        num_rows_: training and validation rows.
    """

    _learned_arrays: ClassVar[tuple[str, ...]] = ("active_units_",)
    _learned_parts: ClassVar[dict[str, Any]] = {
        "_condition": Condition,
        "_label_encoding": LabelEncoding,
    }
    active_units_: NpBool[np.ndarray, " latent"]

    def __init__(
        self,
        latent_dim: int | None = None,
        *,
        encoder: Sequence[int] = (128, 64),
        decoder: Sequence[int] | None = None,
        decoder_kind: str = "network",
        sparsity: float = 0.0,
        feature_sets: Mapping[str, Sequence[str]] | None = None,
        activation: str = "relu",
        use_bias: bool = True,
        likelihood: str = "gaussian",
        decoder_sd: float | str = "learned",
        prior: str = "standard",
        posterior: str = "normal",
        encoder_condition: bool = True,
        supervised_weight: float = 0.0,
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
        self.decoder_kind = decoder_kind
        self.sparsity = sparsity
        self.feature_sets = feature_sets
        self.activation = activation
        self.use_bias = use_bias
        self.likelihood = likelihood
        self.decoder_sd = decoder_sd
        self.prior = prior
        self.posterior = posterior
        self.encoder_condition = encoder_condition
        self.supervised_weight = supervised_weight
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
        condition: Any = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> "VariationalAutoencoder":
        """Learns the distribution of the rows of X.

        Args:
            X: (rows, columns): array or DataFrame, whose names are kept.
            y: labels of the rows, where `supervised_weight` is above 0; else not used.
            condition: what each row is to be explained given (Sohn et al. 2015): a table with
                one row per row of X, or one column. Numeric columns are standardised; texts,
                booleans and categories become one indicator per category.
            progress: is told how training goes, with `reconstruction_loss` and `kl_loss`.
            checkpoint: file from which a killed fit of the same data goes on, bit for bit.

        Raises:
            DataError: NaN, text, too few rows, values that the likelihood cannot produce, a
                condition with missing or constant columns, or another number of rows; labels
                that are missing, or all the same.
            ConfigurationError: settings that make no network for these columns.
            TrainingError: the loss stayed non-finite.
        """
        values = self._checked(X, reset=True)
        check_settings(self, values.shape[1])
        check_support(values, self.likelihood)
        known = None if condition is None else Condition.fit(condition, X)
        c = None if known is None else known.of_rows(condition, X)
        encoding, labels = None, None
        if self.supervised_weight > 0:
            encoding, labels = LabelEncoding.fit(y, len(values))
        held_out, used = self._split(len(values))
        self._scale = Scale.fit(values[used], self._scaling)
        self._condition, self._label_encoding = known, encoding
        u = self._scale.forward(values)

        def rows(of: np.ndarray) -> tuple[Any, ...]:
            unlabelled = (u[of], None if c is None else c[of])
            return unlabelled if labels is None else (*unlabelled, labels[of])

        key_build, key_train = jr.split(jr.key(self.random_state))
        result = self._trained(
            self._built(values.shape[1], key_build),
            self._loss,
            rows(used),
            rows(held_out),
            key=key_train,
            metrics={"reconstruction_loss": reconstruction_loss, "kl_loss": kl_loss}
            | ({} if labels is None else {"supervised_loss": supervised_loss}),
            progress=progress,
            checkpoint=checkpoint,
        )
        self._model = result.model
        self.history_ = result.to_frame()
        self.outcome_ = result.outcome
        self.num_rows_ = len(values)
        judged = held_out if len(held_out) > 1 else slice(None)
        means = programs.encoded(self._model, u[judged], None if c is None else c[judged])
        self.active_units_ = means.var(axis=0) > _ACTIVE_VARIANCE
        return self

    @property
    def loadings_(self) -> "pandas.DataFrame":
        """What each latent number adds to each column."""
        weights = self._weights()
        return weights.mul(self._scale.width, axis=0)

    @property
    def active_loadings_(self) -> "pandas.DataFrame":
        """Which loadings count as not zero."""
        return self._weights().abs() > _ACTIVE_WEIGHT

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the latent numbers: those of their feature sets, where there are any."""
        if self.feature_sets is None:
            return ClassNamePrefixFeaturesOutMixin.get_feature_names_out(self, input_features)
        self._require_fitted()
        return np.array(list(self.feature_sets), dtype=object)

    def _weights(self) -> "pandas.DataFrame":
        """Of the linear decoder, in scaled units."""
        import pandas as pd

        self._require_fitted()
        decoder = self._model.decoder
        if not isinstance(decoder, LinearDecoder):
            # Python's own error, so that `hasattr` says that there are none.
            raise AttributeError(
                f"Only a linear decoder has loadings; this one is a {self.decoder_kind}. "
                'Use decoder_kind="linear".'
            )
        return pd.DataFrame(
            np.asarray(decoder.loadings, float),
            index=self._feature_names,
            columns=list(self.get_feature_names_out()),
        )

    @property
    def _n_features_out(self) -> int:
        if self.latent_dim is not None:
            return self.latent_dim
        return _LATENT_DIM if self.feature_sets is None else len(self.feature_sets)

    @property
    def _loss(self) -> VariationalLoss | GuidedVariationalLoss:
        beta = jnp.asarray(self.beta, float)
        bound = VariationalLoss(beta, self.warmup_fraction, self.free_bits)
        if not self.sparsity and not self.supervised_weight:
            return bound
        return GuidedVariationalLoss(bound, self.sparsity, self.supervised_weight)

    @property
    def _scaling(self) -> str:
        if self.scaling is not None:
            return self.scaling
        return "standardise" if self.likelihood == "gaussian" else "none"

    def _built(self, dim: int, key: Key) -> LatentModel:
        encoder = tuple(self.encoder)
        latent_dim = self._n_features_out
        key_prior, key_rest = jr.split(key)
        prior, posterior = None, None
        if self.prior != "standard":
            prior = get_architecture(self.prior).build(latent_dim, 0, key=key_prior)
        if self.posterior != "normal":
            posterior = get_architecture(self.posterior).build(
                latent_dim, max(_FEWEST_FEATURES, 2 * latent_dim), key=jr.fold_in(key, 1)
            )
        return LatentModel(
            dim,
            latent_dim,
            0 if self._condition is None else self._condition.size,
            encoder,
            encoder[::-1] if self.decoder is None else tuple(self.decoder),
            activation=self.activation,
            use_bias=self.use_bias,
            likelihood=self.likelihood,
            decoder_sd=self.decoder_sd,
            prior=prior,
            posterior=posterior,
            encoder_condition=self.encoder_condition,
            decoder_kind=self.decoder_kind,
            is_reached=None
            if self.feature_sets is None
            else membership(self.feature_sets, self._feature_names),
            head=None if self._label_encoding is None else self._label_encoding.head(latent_dim),
            key=key_rest,
        )
