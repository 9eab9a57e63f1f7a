"""What all solvers share that train a network once, for every observation."""

import abc
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PyTree

from retrodict.bijections import without_throw
from retrodict.diagnostics import RoundTrip, round_trip
from retrodict.distributions import AbstractGenerator, Transformed
from retrodict.errors import CapabilityError, ConfigurationError
from retrodict.flows import get_architecture
from retrodict.networks import AbstractRecipe
from retrodict.solvers import state as saved
from retrodict.solvers.base import FEWEST_ROWS, AbstractSolver
from retrodict.solvers.sampler import AbstractPosteriorSampler, ScaledDistribution
from retrodict.solvers.scaling import fit_scaling, transform_names
from retrodict.tables import as_matrix
from retrodict.training import Progress, TrainingConfig, TrainingResult, train
from retrodict.training.mesh import shared_mesh
from retrodict.training.step import Loss
from retrodict.typing import Key
from retrodict.variables import names_of

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)


class AbstractTrainedSolver(AbstractSolver):
    """Trains a model on scaled pairs (u, c) and answers each y with draws from it.

    Scaling and bounds are bijections around the model: densities are per unit of the user's
    x, and no draw leaves the bounds. A final solver stores its settings and says which
    objective trains which architecture.

    Attributes:
        parameters_, observables_: the columns of x and y.
        history_: one row per epoch.
        outcome_: how training ended.
        scaling_: what was done to each column.
        num_parameters_: trained numbers.
        num_rows_: training and validation rows.
        n_features_in_: columns of y.
    """

    validation_fraction: float
    _loss_is_likelihood: ClassVar[bool]
    # Whether x is replaced by what a linear regression on y leaves of it. Not for a model that
    # has to find y in x.
    _regresses_on_y: ClassVar[bool] = True
    _shares_batches: ClassVar[bool] = True

    def check_settings(self) -> None:
        self._chosen_architecture(FEWEST_ROWS)
        self._chosen_training(FEWEST_ROWS)

    @abc.abstractmethod
    def _objective(self) -> Loss:
        """What training minimises."""

    def _held_out_objective(self) -> Loss:
        """What the best epoch is chosen by: the objective itself, unless a solver says more."""
        return self._objective()

    @abc.abstractmethod
    def _chosen_architecture(self, num_rows: int) -> AbstractRecipe:
        """What is trained on that many rows."""

    @abc.abstractmethod
    def _chosen_training(self, num_rows: int) -> TrainingConfig:
        """How to train on that many rows."""

    def _distribution(self) -> AbstractGenerator:
        """Of u given c, from the trained model: the model itself, unless a solver says more."""
        model: AbstractGenerator = self._model
        return model

    @classmethod
    def _restored_architecture(cls, description: dict[str, Any]) -> AbstractRecipe:
        """The architecture from its name and settings, as a bundle holds them."""
        return get_architecture(**description)

    def _sampler(self, y: Float[np.ndarray, "observations cond"]) -> AbstractPosteriorSampler:
        return ScaledDistribution(self._distribution(), self._scaling, y)

    @property
    def has_round_trip(self) -> bool:
        """Whether draws come from a flow, whose inverse `round_trip` can certify."""
        return isinstance(self._distribution(), Transformed)

    def round_trip(self, x: Any, y: Any, *, random_state: int = 0) -> RoundTrip:
        """The certificate of the flow's inverse, at pairs and at draws from its base.

        See `retrodict.diagnostics.round_trip`. Errors are in standard deviations of each
        parameter over these pairs.

        Args:
            x: causes, as in `fit`.
            y: their effects, as in `fit`.
            random_state: seed of the draws from the base.

        Raises:
            CapabilityError: this solver has no flow to invert.
        """
        self._require_fitted()
        flow = self._distribution()
        if not isinstance(flow, Transformed):
            raise CapabilityError(
                f"A round trip needs a flow; {type(self).__name__} has none.",
                "Nothing has to be inverted here.",
            )
        x_matrix = as_matrix(x, "x", self.parameters_)
        y_matrix = as_matrix(y, "y", self.observables_)
        rng = np.random.default_rng(random_state)
        spread = self._scaling.point_masses.spread(x_matrix.values, rng)
        u, c, _ = self._scaling.forward(spread, y_matrix.values)
        return round_trip(
            flow,
            u,
            c,
            key=jax.random.key(random_state),
            names=names_of(self.parameters_),
        )

    @property
    def scaling_(self) -> "pandas.DataFrame":
        """What was done to each column before the model saw it, decided from training data."""
        import pandas as pd

        self._require_fitted()
        of_x, of_y = transform_names(self._scaling)
        return pd.DataFrame(
            {
                "variable": names_of(self.parameters_) + names_of(self.observables_),
                "role": ["parameter"] * len(of_x) + ["observable"] * len(of_y),
                "transform": of_x + of_y,
            }
        )

    @property
    def num_parameters_(self) -> int:
        """Trained numbers in the model."""
        self._require_fitted()
        leaves = jax.tree.leaves(eqx.filter(self._model, eqx.is_inexact_array))
        return sum(leaf.size for leaf in leaves)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON-able settings and arrays, enough for `from_state`."""
        self._require_fitted()
        return saved.to_state(self)

    @classmethod
    def from_state(
        cls, state: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> "AbstractTrainedSolver":
        """The estimator that `to_state` described."""
        return saved.from_state(cls, state, arrays)

    def _learn(
        self,
        x: Float[np.ndarray, "rows dim"],
        y: Float[np.ndarray, "rows cond"],
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> None:
        num_rows = len(x)
        key_build, key_train = jax.random.split(jax.random.key(self.random_state))
        rng = np.random.default_rng(self.random_state)
        held_out, used = self._split(num_rows, rng)
        scaling, spread = fit_scaling(
            x[used], y[used], self.parameters_, rng, regress=self._regresses_on_y
        )
        spread_held_out = scaling.point_masses.spread(x[held_out], rng)
        self._scaling = scaling
        self._architecture = self._chosen_architecture(len(used))
        config = self._chosen_training(len(used))
        u, c, log_det = scaling.forward(spread, y[used])
        u_held_out, c_held_out, log_det_held_out = scaling.forward(spread_held_out, y[held_out])
        result: TrainingResult = train(
            self._build(key_build),
            self._objective(),
            (np.float32(u), np.float32(c)),
            (np.float32(u_held_out), np.float32(c_held_out)),
            key=key_train,
            config=config,
            progress=progress,
            checkpoint=checkpoint,
            validation_loss=self._held_out_objective(),
            mesh=shared_mesh(config.batch_size) if self._shares_batches else None,
        )
        self._model = result.model
        history = result.to_frame()
        if self._loss_is_likelihood:
            # In the user's units: -log p(x | y), not -log p(u | c).
            history["training_loss"] -= log_det.mean()
            history["validation_loss"] -= log_det_held_out.mean()
        self.history_ = history
        self.outcome_ = result.outcome
        self.num_rows_ = num_rows
        self.data_sha256_ = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()

    def _split(self, num_rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if not 0 < self.validation_fraction < 1:
            raise ConfigurationError(
                f"`validation_fraction` must lie between 0 and 1; got {self.validation_fraction}.",
                "Use 0.1.",
            )
        order = rng.permutation(num_rows)
        # More than 5,000 rows judge an epoch no better, and are better trained on.
        num_held_out = min(max(1, round(self.validation_fraction * num_rows)), 5_000)
        return order[:num_held_out], order[num_held_out:]

    def _build(self, key: Key) -> PyTree:
        model = self._architecture.build(len(self.parameters_), len(self.observables_), key=key)
        # Training skips a step that did not converge; `Posterior` refuses such rows by count.
        return without_throw(model)

    def __sklearn_is_fitted__(self) -> bool:
        return "_model" in vars(self)
