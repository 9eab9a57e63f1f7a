"""Neural posterior estimation by a conditional normalizing flow."""

from typing import Any, ClassVar

from jax.sharding import Mesh

from retrodict.distributions import AbstractGenerator
from retrodict.errors import ConfigurationError
from retrodict.flows import AbstractArchitecture, FlowEnsemble
from retrodict.networks import AbstractRecipe
from retrodict.objectives import members_negative_log_likelihood, negative_log_likelihood
from retrodict.solvers.defaults import (
    default_flow,
    default_flow_members,
    default_training,
)
from retrodict.solvers.trained import AbstractTrainedSolver
from retrodict.training import TrainingConfig
from retrodict.training.mesh import members_mesh
from retrodict.training.step import Loss


class ConditionalFlow(AbstractTrainedSolver):
    """Learns p(x | y) from pairs (x, y) by maximum likelihood, for all observations at once.

    A normalizing flow over x, conditional on y, minimises the mean of -log q(x | y) over
    simulations, whose minimum is the posterior (Papamakarios & Murray 2016, arXiv:1605.06376;
    Ardizzone et al. 2019, arXiv:1907.02392). Scaling and bounds are bijections inside the
    model: densities are per unit of the user's x, and no draw leaves the bounds.

    By default the posterior is a mixture of several flows that differ in their first weights
    (deep ensembles, Lakshminarayanan et al. 2017, arXiv:1612.01474), trained side by side in one
    program: where rows are few, each is too sure in its own way.

    Args:
        flow: an architecture's name (see `retrodict.flows.ARCHITECTURES`), or an
            architecture with settings of your own, e.g. `SplineCoupling(num_layers=4)`.
        num_members: how many flows; None takes what suits the number of rows, and one where
            `flow` is an architecture with settings of your own.
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
        flow: str | AbstractArchitecture = "spline-coupling",
        *,
        num_members: int | None = None,
        max_epochs: int | None = None,
        max_seconds: float | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        patience: int | None = None,
        weight_decay: float | None = None,
        validation_fraction: float = 0.1,
        random_state: int = 0,
    ) -> None:
        self.flow = flow
        self.num_members = num_members
        self.max_epochs = max_epochs
        self.max_seconds = max_seconds
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def check_settings(self) -> None:
        if self.num_members is not None and self.num_members < 1:
            raise ConfigurationError(
                f"A posterior needs at least one flow; got num_members={self.num_members}.",
                "Leave it out to take what suits the number of rows.",
            )
        super().check_settings()

    def _objective(self) -> Loss:
        if isinstance(self._architecture, FlowEnsemble):
            return members_negative_log_likelihood
        return negative_log_likelihood

    def _mesh(self, config: TrainingConfig) -> Mesh | None:
        shared = self._batch_mesh(config)
        if shared is None or not isinstance(self._architecture, FlowEnsemble):
            return shared
        by_members = members_mesh(self._architecture.num_members)
        if by_members is None or by_members.size < shared.size:
            return shared
        return by_members

    def _held_out_objective(self) -> Loss:
        return negative_log_likelihood

    def _chosen_architecture(self, num_rows: int) -> AbstractRecipe:
        if isinstance(self.flow, AbstractArchitecture):
            flow, num_members = self.flow, self.num_members or 1
        else:
            flow = default_flow(self.flow, num_rows)
            num_members = self.num_members or default_flow_members(num_rows)
        return FlowEnsemble.of(flow, num_members) if num_members > 1 else flow

    @classmethod
    def _restored_architecture(cls, description: dict[str, Any]) -> AbstractRecipe:
        if description["name"] != FlowEnsemble.name:
            return super()._restored_architecture(description)
        return FlowEnsemble(**{key: v for key, v in description.items() if key != "name"})

    def _distributions(self) -> list[AbstractGenerator]:
        model = self._model
        if not isinstance(self._architecture, FlowEnsemble):
            return [model]
        return [model.component(k) for k in range(self._architecture.num_members)]

    def _chosen_training(self, num_rows: int) -> TrainingConfig:
        return default_training(
            num_rows,
            max_epochs=self.max_epochs,
            max_seconds=self.max_seconds,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            weight_decay=self.weight_decay,
        )
