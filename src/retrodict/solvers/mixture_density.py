"""Posterior estimation by a mixture density network."""

from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.distributions import Conditional, Mixture, PrecisionNormal, num_parameters
from retrodict.errors import ConfigurationError
from retrodict.networks import AbstractRecipe, ResidualMLP
from retrodict.objectives import negative_log_likelihood
from retrodict.solvers.defaults import default_mixture_settings, default_mixture_training
from retrodict.solvers.trained import AbstractTrainedSolver
from retrodict.training import TrainingConfig
from retrodict.training.step import Loss
from retrodict.typing import Array, Float, Key

COVARIANCES = ("full", "diagonal")


@dataclass(frozen=True)
class MixtureDensity(AbstractRecipe):
    """A mixture of normals whose parameters a network computes from the condition.

    It starts as a mixture of equal weights for all conditions, with components spread so that
    the whole has about the moments of a standard normal; one component starts as it exactly.

    Args:
        num_components: of the mixture.
        covariance: of a component: "full" or "diagonal".
        width, depth: of the residual network, see `networks.ResidualMLP`.
        activation: of the network, see `networks.ACTIVATIONS`.

    Raises:
        ConfigurationError: no components, or no such covariance.
    """

    name: ClassVar[str] = "mixture-density"
    num_components: int = 20
    covariance: str = "full"
    width: int = 128
    depth: int = 2
    activation: str = "silu"

    def __post_init__(self) -> None:
        if self.num_components < 1:
            raise ConfigurationError(
                f"A mixture has at least one component; got {self.num_components}.", "Use 20."
            )
        if self.covariance not in COVARIANCES:
            raise ConfigurationError(
                f"Unknown covariance {self.covariance!r}.", 'Use "full" or "diagonal".'
            )

    def build(self, dim: int, cond_dim: int, *, key: Key) -> Conditional:
        key_template, key_network = jr.split(key)
        template = self._template(dim, key_template)
        network = ResidualMLP(
            cond_dim,
            num_parameters(template),
            self.width,
            self.depth,
            self.activation,
            key=key_network,
        )
        return Conditional(template, network, cond_dim)

    def _template(self, dim: int, key: Key) -> Mixture:
        # As wide as so many components have to be to fill the place of one.
        share = self.num_components ** (-1 / dim)
        locs = np.sqrt(1 - share**2) * jr.normal(key, (self.num_components, dim))
        coefficients = np.zeros((dim, dim)) if self.covariance == "full" else None

        def component(loc: Float[Array, " dim"]) -> PrecisionNormal:
            return PrecisionNormal(loc, np.full(dim, share), coefficients)

        components = eqx.filter_vmap(component)(locs)
        return Mixture(components, jnp.zeros(self.num_components))


class MixtureDensityNetwork(AbstractTrainedSolver):
    """Learns p(x | y) as a mixture of normals that a network computes from y (Bishop 1994).

        q(x | y) = sum_k w_k(y) N(x; m_k(y), S_k(y))

    (NCRG/94/004), by maximum likelihood. Density and draws are exact and cost one pass of the
    network. Each component has a full covariance by its regression factors (see
    `distributions.PrecisionNormal`), so that it can lie along a posterior that is a thin sheet;
    its deviations cannot fall below 1.2e-4 of the scaled x, so no component can shrink onto a
    single row until the likelihood diverges.

    Args:
        num_components: of the mixture; None takes what suits the number of rows.
        covariance: "full" or "diagonal".
        width, depth: of the residual network; None takes what suits the number of rows.
        max_epochs, batch_size, learning_rate, patience, weight_decay: of the training, see
            `retrodict.training.TrainingConfig`; None takes what suits the number of rows.
        max_seconds: training stops after this time with the best model so far.
        validation_fraction: share of the rows on which the best epoch is chosen.
        random_state: seed of everything.

    Attributes:
        parameters_, observables_: the columns of x and y.
        history_: one row per epoch.
        outcome_: how training ended.
        scaling_: what was done to each column.
        num_parameters_: trained numbers.
        num_rows_: training and validation rows.
        n_features_in_: columns of y.
    """

    _loss_is_likelihood: ClassVar[bool] = True

    def __init__(
        self,
        num_components: int | None = None,
        covariance: str = "full",
        *,
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
        self.num_components = num_components
        self.covariance = covariance
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

    def _objective(self) -> Loss:
        return negative_log_likelihood

    def _chosen_architecture(self, num_rows: int) -> MixtureDensity:
        settings = default_mixture_settings(num_rows)
        given = {"num_components": self.num_components, "width": self.width}
        settings |= {name: value for name, value in given.items() if value is not None}
        return MixtureDensity(covariance=self.covariance, depth=self.depth, **settings)

    @classmethod
    def _restored_architecture(cls, description: dict[str, Any]) -> MixtureDensity:
        return MixtureDensity(**{key: v for key, v in description.items() if key != "name"})

    def _chosen_training(self, num_rows: int) -> TrainingConfig:
        return default_mixture_training(
            num_rows,
            max_epochs=self.max_epochs,
            max_seconds=self.max_seconds,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            weight_decay=self.weight_decay,
        )
