"""The invertible network of the papers: one map, trained in both directions."""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, PyTree

from retrodict.diagnostics import RoundTrip, round_trip
from retrodict.distributions import AbstractGenerator, StandardNormal, Transformed
from retrodict.errors import ConfigurationError
from retrodict.flows import AbstractArchitecture, Bidirectional, get_architecture
from retrodict.objectives import BidirectionalLoss, bidirectional_likelihood
from retrodict.solvers.defaults import default_bidirectional
from retrodict.solvers.surrogate import AbstractForwardSolver
from retrodict.tables import as_matrix
from retrodict.training import TrainingConfig
from retrodict.training.step import Loss
from retrodict.typing import Array
from retrodict.variables import names_of

OBJECTIVES = ("bidirectional", "maximum-likelihood")
# The published network: four blocks of two couplings (Ardizzone et al. 2019).
_PUBLISHED = {"num_layers": 8, "width": 128, "clamp": 4.0}


class InvertibleNetwork(AbstractForwardSolver):
    """Learns x -> [y, z] by an invertible network, whose inverse retrodicts.

    f([x, padding]) = [y, z, padding] predicts y from x; with z drawn from N(0, I), its inverse
    draws x from p(x | y) (Ardizzone et al. 2019, arXiv:1808.04730). Trained by supervision of
    y and two maximum mean discrepancies, see `retrodict.objectives.BidirectionalLoss`, the
    draws have no density, and what is random in y has to be among the causes x: f predicts one y
    for each x. Trained by maximum likelihood, f_y(x) given y spreads around y by noise of a
    learned size, and posteriors have a density where x has no padding; where y is noisy, f_y is
    then not the mean of y given x, and `predict` spreads more than it.

    Args:
        flow: architecture whose bijection is f, by name or with settings of your own, e.g.
            `RealNVP(num_layers=12)`. The default is that of the paper.
        objective: "bidirectional" or "maximum-likelihood".
        latent_dim: entries of z; None takes what y leaves open of x, or as many as x has where
            y has no fewer.
        total_dim: entries of each side with its padding; None takes as few as hold both.
        padding: "zeros" or "noise"; None takes zeros, and noise for maximum likelihood, which
            needs a density.
        weight_y, weight_z, weight_x, weight_reconstruction, weight_padding: of the bidirectional
            losses.
        noise_y: around how much of the standardised y the reconstruction makes the inverse
            smooth, as a standard deviation.
        ramps_up: whether L_x enters by and by.
        joint: whether L_x compares pairs of x and y; otherwise x alone, as published.
        max_epochs, batch_size, learning_rate, patience, weight_decay: of the training, see
            `retrodict.training.TrainingConfig`; None takes what suits the number of rows.
        max_seconds: training stops after this time with the best model so far.
        validation_fraction: share of the rows on which the best epoch is chosen.
        random_state: seed of everything.

    Attributes:
        parameters_, observables_: the columns of x and y.
        history_: one row per epoch; losses in standardised units.
        outcome_: how training ended.
        scaling_: what was done to each column.
        num_parameters_: trained numbers.
        num_rows_: training and validation rows.
        n_features_in_: columns of y.
    """

    _loss_is_likelihood: ClassVar[bool] = False
    # A discrepancy compares the rows of a batch with each other.
    _shares_batches: ClassVar[bool] = False

    def __init__(
        self,
        flow: str | AbstractArchitecture = "real-nvp",
        *,
        objective: str = "bidirectional",
        latent_dim: int | None = None,
        total_dim: int | None = None,
        padding: str | None = None,
        weight_y: float = 100.0,
        weight_z: float = 50.0,
        weight_x: float = 500.0,
        weight_reconstruction: float = 1.0,
        weight_padding: float = 30.0,
        noise_y: float = 0.1,
        ramps_up: bool = True,
        joint: bool = True,
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
        self.objective = objective
        self.latent_dim = latent_dim
        self.total_dim = total_dim
        self.padding = padding
        self.weight_y = weight_y
        self.weight_z = weight_z
        self.weight_x = weight_x
        self.weight_reconstruction = weight_reconstruction
        self.weight_padding = weight_padding
        self.noise_y = noise_y
        self.ramps_up = ramps_up
        self.joint = joint
        self.max_epochs = max_epochs
        self.max_seconds = max_seconds
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def check_settings(self) -> None:
        super().check_settings()
        self._objective()

    @property
    def _by_likelihood(self) -> bool:
        if self.objective not in OBJECTIVES:
            raise ConfigurationError(
                f"`objective` has to be one of {', '.join(OBJECTIVES)}; got {self.objective!r}.",
                'Use objective="bidirectional".',
            )
        return self.objective == "maximum-likelihood"

    def _objective(self) -> Loss:
        if self._by_likelihood:
            return bidirectional_likelihood
        return BidirectionalLoss(
            weight_y=self.weight_y,
            weight_z=self.weight_z,
            weight_x=self.weight_x,
            weight_reconstruction=self.weight_reconstruction,
            weight_padding=self.weight_padding,
            noise_y=self.noise_y,
            ramps_up=self.ramps_up,
            joint=self.joint,
        )

    def _chosen_architecture(self, num_rows: int) -> Bidirectional:
        del num_rows
        flow = self.flow
        if isinstance(flow, str):
            flow = get_architecture(flow, **(_PUBLISHED if flow == "real-nvp" else {}))
        padding = self.padding
        if padding is None:
            padding = "noise" if self._by_likelihood else "zeros"
        if self._by_likelihood and padding != "noise":
            raise ConfigurationError(
                f"Maximum likelihood needs a density, which padding={padding!r} does not have.",
                'Use padding="noise", or leave it out.',
            )
        return Bidirectional.of(
            flow,
            latent_dim=self.latent_dim,
            total_dim=self.total_dim,
            padding=padding,
            has_noise=self._by_likelihood,
        )

    def _chosen_training(self, num_rows: int) -> TrainingConfig:
        return default_bidirectional(
            num_rows,
            by_likelihood=self._by_likelihood,
            max_epochs=self.max_epochs,
            max_seconds=self.max_seconds,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            weight_decay=self.weight_decay,
        )

    def _distribution(self) -> AbstractGenerator:
        model = self._model
        # With nothing beside x, draws and their density are those of one flow.
        if model.log_noise is not None and not model.num_padding[0]:
            return model.density()
        return model

    @property
    def has_round_trip(self) -> bool:
        """Always: f itself is a flow, whether or not its draws have a density."""
        return True

    def round_trip(self, x: Any, y: Any, *, random_state: int = 0) -> RoundTrip:
        """The certificate of the inverse of f, from [x, padding] to [y, z, padding] and back.

        Where draws have a density, also from draws of its base; see
        `AbstractTrainedSolver.round_trip`.

        Args:
            x: causes, as in `fit`.
            y: their effects, as in `fit`.
            random_state: seed of the padding and of draws from the base.
        """
        self._require_fitted()
        if super().has_round_trip:
            return super().round_trip(x, y, random_state=random_state)
        rng = np.random.default_rng(random_state)
        x_matrix = as_matrix(x, "x", self.parameters_)
        u = self._scaling.whiten(self._scaling.point_masses.spread(x_matrix.values, rng))
        num_padding = self._model.num_padding[0]
        scale = 1.0 if self._model.pads_with_noise else 0.0
        padding = scale * rng.normal(size=(len(u), num_padding))
        bijection = self._model.bijection
        names = [*names_of(self.parameters_), *(f"padding{i + 1}" for i in range(num_padding))]
        flow = Transformed(StandardNormal(bijection.out_shape), bijection)
        return round_trip(flow, np.hstack([u, padding]), names=names)

    @classmethod
    def _restored_architecture(cls, description: dict[str, Any]) -> Bidirectional:
        return Bidirectional(**{k: v for k, v in description.items() if k != "name"})

    @staticmethod
    def _forward(model: PyTree, u: Float[Array, " dim"]) -> Float[Array, " cond"]:
        return model.predict(u)
