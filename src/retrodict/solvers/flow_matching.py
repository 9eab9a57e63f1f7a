"""Posterior estimation by flow matching."""

from typing import ClassVar

from retrodict.errors import ConfigurationError
from retrodict.flows import FFJORD, AbstractArchitecture, get_architecture
from retrodict.objectives import FlowMatchingLoss
from retrodict.solvers.defaults import default_flow_matching, default_velocity_settings
from retrodict.solvers.trained import AbstractTrainedSolver
from retrodict.training import TrainingConfig
from retrodict.training.step import Loss

# The least value of the loss is far from zero: few pairs for each held-out row would choose
# the best epoch by chance.
_HELD_OUT_PAIRS = 8


class FlowMatching(AbstractTrainedSolver):
    """Learns p(x | y) from pairs (x, y) as a continuous flow, by regression of its velocity.

    Draws follow dx/dt = v(t, x; y) from normal numbers at t = 0 to the posterior at t = 1; v is
    learned without solving this equation (Lipman et al. 2022, arXiv:2210.02747; Wildberger et
    al. 2023, arXiv:2305.17161). Densities are exact, through the trace of the velocity's
    Jacobian, up to the tolerance of the solver. Training is cheap and unconstrained; draws and
    densities cost some tens of network passes where `ConditionalFlow` needs one.

    Args:
        flow: "ffjord", or an `FFJORD` with settings of your own, e.g. `FFJORD(rtol=1e-4)`.
        time_power: training times have density (1 + p) t^p; 0 is uniform. 1 suits simulators
            (nearly) without noise: it resolves a thin posterior better, and a broad one worse.
        max_epochs, batch_size, learning_rate, patience, weight_decay: of the training, see
            `retrodict.training.TrainingConfig`; None takes what suits the number of rows.
        max_seconds: training stops after this time with the best model so far.
        validation_fraction: share of the rows on which the best epoch is chosen.
        random_state: seed of everything.

    Attributes:
        parameters_, observables_: the columns of x and y.
        history_: one row per epoch; losses are squared errors of the velocity, whose least
            value is not zero.
        outcome_: how training ended.
        scaling_: what was done to each column.
        num_parameters_: trained numbers.
        num_rows_: training and validation rows.
        n_features_in_: columns of y.
    """

    _loss_is_likelihood: ClassVar[bool] = False

    def __init__(
        self,
        flow: str | AbstractArchitecture = "ffjord",
        *,
        time_power: float = 0.0,
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
        self.time_power = time_power
        self.max_epochs = max_epochs
        self.max_seconds = max_seconds
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def _objective(self) -> Loss:
        return FlowMatchingLoss(time_power=self.time_power)

    def _held_out_objective(self) -> Loss:
        return FlowMatchingLoss(num_pairs=_HELD_OUT_PAIRS, time_power=self.time_power)

    def _chosen_architecture(self, num_rows: int) -> AbstractArchitecture:
        flow = self.flow
        if isinstance(flow, str):
            known = default_velocity_settings(num_rows) if flow == FFJORD.name else {}
            flow = get_architecture(flow, **known)
        if not isinstance(flow, FFJORD):
            raise ConfigurationError(
                f"Flow matching trains the velocity of a continuous flow; {flow.name!r} has none.",
                "Use `ConditionalFlow` for this architecture, or leave `flow` out.",
            )
        return flow

    def _chosen_training(self, num_rows: int) -> TrainingConfig:
        return default_flow_matching(
            num_rows,
            max_epochs=self.max_epochs,
            max_seconds=self.max_seconds,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            weight_decay=self.weight_decay,
        )
