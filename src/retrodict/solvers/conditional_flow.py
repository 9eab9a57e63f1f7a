"""Neural posterior estimation by a conditional normalizing flow."""

from typing import ClassVar

from retrodict.flows import AbstractArchitecture, get_architecture
from retrodict.objectives import negative_log_likelihood
from retrodict.solvers.defaults import default_flow_settings, default_training
from retrodict.solvers.trained import AbstractTrainedSolver
from retrodict.training import TrainingConfig
from retrodict.training.step import Loss


class ConditionalFlow(AbstractTrainedSolver):
    """Learns p(x | y) from pairs (x, y) by maximum likelihood, for all observations at once.

    A normalizing flow over x, conditional on y, minimises the mean of -log q(x | y) over
    simulations, whose minimum is the posterior (Papamakarios & Murray 2016, arXiv:1605.06376;
    Ardizzone et al. 2019, arXiv:1907.02392). Scaling and bounds are bijections inside the
    model: densities are per unit of the user's x, and no draw leaves the bounds.

    Args:
        flow: an architecture's name (see `retrodict.flows.ARCHITECTURES`), or an
            architecture with settings of your own, e.g. `SplineCoupling(num_layers=4)`.
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

    def _chosen_architecture(self, num_rows: int) -> AbstractArchitecture:
        if isinstance(self.flow, AbstractArchitecture):
            return self.flow
        return get_architecture(self.flow, **default_flow_settings(num_rows))

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
