"""What a variational autoencoder can be asked for, and which rows its likelihoods allow."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from retrodict.errors import ConfigurationError, OutOfBoundsError
from retrodict.variational.latent_model import COUNTS, LIKELIHOODS

DECODER_KINDS = ("network", "linear")

if TYPE_CHECKING:
    from retrodict.variational.variational_autoencoder import VariationalAutoencoder


def check_settings(estimator: "VariationalAutoencoder", dim: int) -> None:
    """Raises a `ConfigurationError` for settings that make no model of that many columns."""
    if not 1 <= estimator._n_features_out <= dim:
        raise ConfigurationError(
            f"`latent_dim` lies between 1 and the number of columns, {dim}; got "
            f"{estimator._n_features_out}.",
            "More latent numbers than columns have nothing to explain.",
        )
    if estimator.likelihood not in LIKELIHOODS:
        raise ConfigurationError(
            f"Unknown likelihood {estimator.likelihood!r}.", f"Use one of {', '.join(LIKELIHOODS)}."
        )
    if estimator.likelihood != "gaussian" and estimator.scaling not in (None, "none"):
        raise ConfigurationError(
            f"The likelihood {estimator.likelihood!r} is of values as they are; got "
            f"scaling={estimator.scaling!r}.",
            'Leave `scaling` out, or use likelihood="gaussian".',
        )
    sd = estimator.decoder_sd
    is_allowed = sd in ("learned", "per-feature") if isinstance(sd, str) else sd > 0
    if not is_allowed:
        raise ConfigurationError(
            f"`decoder_sd` is a positive number, 'learned' or 'per-feature'; got {sd!r}.",
            'Use "learned".',
        )
    _check_decoder(estimator)
    for name in ("beta", "free_bits", "warmup_fraction", "sparsity", "supervised_weight"):
        if not getattr(estimator, name) >= 0:
            raise ConfigurationError(
                f"`{name}` is at least 0; got {getattr(estimator, name)!r}.", "Leave it out."
            )


def _check_decoder(estimator: "VariationalAutoencoder") -> None:
    if estimator.decoder_kind not in DECODER_KINDS:
        raise ConfigurationError(
            f"Unknown decoder_kind {estimator.decoder_kind!r}.",
            f"Use one of {', '.join(DECODER_KINDS)}.",
        )
    is_linear = estimator.decoder_kind == "linear"
    for name, is_asked in (
        ("sparsity", estimator.sparsity > 0),
        ("feature_sets", estimator.feature_sets is not None),
    ):
        if is_asked and not is_linear:
            raise ConfigurationError(
                f"`{name}` is of a linear decoder; got decoder_kind={estimator.decoder_kind!r}.",
                'Use decoder_kind="linear".',
            )
    if is_linear and estimator.decoder:
        raise ConfigurationError(
            f"A linear decoder has no hidden layers; got decoder={list(estimator.decoder)}.",
            'Leave `decoder` out, or use decoder_kind="network".',
        )
    sets = estimator.feature_sets
    if sets is not None and estimator.latent_dim not in (None, len(sets)):
        raise ConfigurationError(
            f"There is one latent number per feature set, {len(sets)}; got "
            f"latent_dim={estimator.latent_dim}.",
            "Leave `latent_dim` out.",
        )


def check_support(values: Float[np.ndarray, "rows dim"], likelihood: str) -> None:
    """Raises an `OutOfBoundsError` for values that the likelihood cannot produce."""
    if likelihood in COUNTS and (values < 0).any():
        row, column = np.argwhere(values < 0)[0]
        raise OutOfBoundsError(
            f"Counts are not negative; got {(values < 0).sum():,} negative values, the first "
            f"in row {row}, column {column}: {values[row, column]:g}.",
            'Give the counts before any logarithm or centring, or use likelihood="gaussian".',
        )
    outside = (values < 0) | (values > 1)
    if likelihood == "bernoulli" and outside.any():
        row, column = np.argwhere(outside)[0]
        raise OutOfBoundsError(
            f"The Bernoulli likelihood takes values from 0 to 1; got {outside.sum():,} others, "
            f"the first in row {row}, column {column}: {values[row, column]:g}.",
            'Scale the columns to [0, 1], or use likelihood="gaussian".',
        )
