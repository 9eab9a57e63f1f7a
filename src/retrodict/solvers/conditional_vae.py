"""Posterior estimation by a conditional variational autoencoder."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float as NpFloat

from retrodict._blocks import in_blocks
from retrodict.distributions import (
    Conditional,
    LatentVariableModel,
    Normal,
    PrecisionNormal,
    StandardNormal,
    normal_kl,
    num_parameters,
)
from retrodict.distributions.base import AbstractDistribution
from retrodict.errors import ConfigurationError
from retrodict.networks import AbstractRecipe, ResidualMLP
from retrodict.objectives import NegativeELBO
from retrodict.solvers.base import FEWEST_ROWS
from retrodict.solvers.defaults import default_autoencoder_settings, default_autoencoder_training
from retrodict.solvers.trained import AbstractTrainedSolver
from retrodict.tables import as_matrix
from retrodict.training import TrainingConfig
from retrodict.training.step import Loss
from retrodict.typing import Array, Float, Key

# One draw for each held-out row would choose the best epoch by chance.
_HELD_OUT_SAMPLES = 8
_START_SCALE = 0.1
# Given y and z, nothing spreads more than in all the data, where it has deviation 1. Without a
# limit, the decoder's deviation grows by orders of magnitude wherever no x has put its z.
_LARGEST_SCALE = 2.0
PRIORS = ("standard", "learned")
COVARIANCES = ("full", "diagonal")


@dataclass(frozen=True)
class ConditionalAutoencoder(AbstractRecipe):
    """Encoder, decoder and prior of a conditional variational autoencoder.

    All three are residual networks that give the parameters of a normal. Before training the
    whole is a standard normal for every condition, and z tells x up to a tenth.

    Args:
        latent_dim: length of z; None takes that of x.
        covariance: of the decoder: "full" or "diagonal".
        prior: "standard", N(0, I), or "learned", a normal given the condition.
        width, depth: of the networks, see `networks.ResidualMLP`.
        activation: of the networks, see `networks.ACTIVATIONS`.

    Raises:
        ConfigurationError: no latent entries, no such covariance or prior.
    """

    name: ClassVar[str] = "conditional-autoencoder"
    latent_dim: int | None = None
    covariance: str = "full"
    prior: str = "standard"
    width: int = 128
    depth: int = 2
    activation: str = "silu"

    def __post_init__(self) -> None:
        if self.latent_dim is not None and self.latent_dim < 1:
            raise ConfigurationError(
                f"A latent variable has at least one entry; got latent_dim={self.latent_dim}.",
                "Leave it out for as many as x has.",
            )
        if self.covariance not in COVARIANCES:
            raise ConfigurationError(
                f"Unknown covariance {self.covariance!r}.", 'Use "full" or "diagonal".'
            )
        if self.prior not in PRIORS:
            raise ConfigurationError(
                f"Unknown prior {self.prior!r}.", 'Use "standard" or "learned".'
            )

    def build(self, dim: int, cond_dim: int, *, key: Key) -> LatentVariableModel:
        latent_dim = self.latent_dim or dim
        key_encoder, key_decoder, key_prior = jr.split(key, 3)
        coefficients = np.zeros((dim, dim)) if self.covariance == "full" else None
        decoder_scale = np.where(np.arange(dim) < latent_dim, _START_SCALE, 1.0)
        encoder_scale = np.where(np.arange(latent_dim) < dim, _START_SCALE, 1.0)
        return LatentVariableModel(
            prior=(
                StandardNormal((latent_dim,))
                if self.prior == "standard"
                else self._conditional(_normal(np.ones(latent_dim)), cond_dim, 0, key_prior)
            ),
            encoder=self._conditional(
                _normal(encoder_scale), dim + cond_dim, min(dim, latent_dim), key_encoder
            ),
            decoder=self._conditional(
                PrecisionNormal(
                    np.zeros(dim), decoder_scale, coefficients, largest_scale=_LARGEST_SCALE
                ),
                latent_dim + cond_dim,
                min(dim, latent_dim),
                key_decoder,
            ),
            cond_dim=cond_dim,
        )

    def _conditional(
        self, template: AbstractDistribution, in_size: int, num_passed: int, key: Key
    ) -> Conditional:
        out_size = num_parameters(template)
        network = ResidualMLP(in_size, out_size, self.width, self.depth, self.activation, key=key)
        return Conditional(template, _Shortcut(network, num_passed), in_size)


class _Shortcut(eqx.Module):
    """A network from zero, whose first outputs, the locations, start as the first inputs, shrunk.

    x = a z + s e and z = a x + s e, a^2 + s^2 = 1, are each other's posterior: both halves of
    an autoencoder that start so have no gap to the standard normal that they model, and z tells
    x. From zero, decoder and encoder would teach each other to do without z.
    """

    network: ResidualMLP
    num_passed: int = eqx.field(static=True)

    def __call__(self, known: Float[Array, " in"]) -> Float[Array, " out"]:
        out = self.network(known)
        passed = math.sqrt(1 - _START_SCALE**2) * known[: self.num_passed]
        return out + jnp.pad(passed, (0, out.shape[0] - self.num_passed))


def _normal(scale: NpFloat[np.ndarray, " dim"]) -> Normal:
    return Normal(np.zeros(len(scale)), scale)


class ConditionalVAE(AbstractTrainedSolver):
    """Learns to draw from p(x | y) as a conditional variational autoencoder (Sohn et al. 2015).

        x ~ p(x | z, y),   z ~ p(z)

    ("Learning structured output representation using deep conditional generative models",
    NeurIPS 28), by the evidence lower bound on log p(x | y). The decoder's covariance is
    learned as a function of z and y, and draws include its noise: with a fixed variance their
    width would be a setting, and the decoder's means alone would be too narrow. There is no
    density: `log_prob` and `mode` raise a `CapabilityError`.

    Args:
        latent_dim: length of z; None takes that of x.
        covariance: of the decoder: "full" or "diagonal".
        prior: of z: "standard", N(0, I), or "learned", a normal given y.
        num_samples: draws of z for each row and step.
        bound: "elbo" or "importance-weighted", see `objectives.NegativeELBO`.
        width, depth: of the residual networks; None takes what suits the number of rows.
        max_epochs, batch_size, learning_rate, patience, weight_decay: of the training, see
            `retrodict.training.TrainingConfig`; None takes what suits the number of rows.
        max_seconds: training stops after this time with the best model so far.
        validation_fraction: share of the rows on which the best epoch is chosen.
        random_state: seed of everything.

    Attributes:
        parameters_, observables_: the columns of x and y.
        history_: one row per epoch; losses are bounds on -log p(x | y) from above.
        outcome_: how training ended.
        scaling_: what was done to each column.
        num_parameters_: trained numbers.
        num_rows_: training and validation rows.
        n_features_in_: columns of y.
    """

    _loss_is_likelihood: ClassVar[bool] = True
    _has_density: ClassVar[bool] = False

    def __init__(
        self,
        latent_dim: int | None = None,
        covariance: str = "full",
        prior: str = "standard",
        *,
        num_samples: int = 1,
        bound: str = "elbo",
        width: int | None = None,
        depth: int = 2,
        max_epochs: int | None = None,
        max_seconds: float | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        patience: int | None = None,
        weight_decay: float | None = None,
        validation_fraction: float = 0.1,
        random_state: int = 0,
    ) -> None:
        self.latent_dim = latent_dim
        self.covariance = covariance
        self.prior = prior
        self.num_samples = num_samples
        self.bound = bound
        self.width = width
        self.depth = depth
        self.max_epochs = max_epochs
        self.max_seconds = max_seconds
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def latent_information(self, x: Any, y: Any) -> NpFloat[np.ndarray, " latent"]:
        """What each entry of z carries: the mean of KL(q(z_i | x, y) || p(z_i | y)), in nats.

        An entry at zero is not used: posterior collapse (Burda et al. 2015, arXiv:1509.00519,
        count those above .01). Entries beyond what the posterior needs end there by right; all
        of them at zero means that x is one normal given y.

        Args:
            x: causes, as in `fit`.
            y: their effects, as in `fit`.
        """
        self._require_fitted()
        x_matrix = as_matrix(x, "x", self.parameters_)
        y_matrix = as_matrix(y, "y", self.observables_)
        rng = np.random.default_rng(self.random_state)
        spread = self._scaling.point_masses.spread(x_matrix.values, rng)
        u, c, _ = self._scaling.forward(spread, y_matrix.values)
        kl = in_blocks(
            lambda u, c: _latent_kl_rows(self._model, u, c),
            np.asarray(u, np.float32),
            np.asarray(c, np.float32),
        )
        return np.asarray(kl.mean(axis=0))

    def check_settings(self) -> None:
        self._objective()
        self._chosen_architecture(FEWEST_ROWS)
        self._chosen_training(FEWEST_ROWS)

    def _objective(self) -> Loss:
        return NegativeELBO(self.num_samples, self.bound)

    def _held_out_objective(self) -> Loss:
        if self.bound == "elbo":
            return NegativeELBO(max(self.num_samples, _HELD_OUT_SAMPLES))
        return self._objective()

    def _chosen_architecture(self, num_rows: int) -> ConditionalAutoencoder:
        settings = default_autoencoder_settings(num_rows)
        if self.width is not None:
            settings["width"] = self.width
        return ConditionalAutoencoder(
            self.latent_dim, self.covariance, self.prior, depth=self.depth, **settings
        )

    @classmethod
    def _restored_architecture(cls, description: dict[str, Any]) -> ConditionalAutoencoder:
        return ConditionalAutoencoder(**{k: v for k, v in description.items() if k != "name"})

    def _chosen_training(self, num_rows: int) -> TrainingConfig:
        return default_autoencoder_training(
            num_rows,
            max_epochs=self.max_epochs,
            max_seconds=self.max_seconds,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            weight_decay=self.weight_decay,
        )


@eqx.filter_jit
def _latent_kl_rows(
    model: LatentVariableModel, u: Float[Array, "rows dim"], c: Float[Array, "rows cond"]
) -> Float[Array, "rows latent"]:
    return jax.vmap(lambda u, c: normal_kl(model.encode(u, c), model.prior_at(c)))(u, c)
