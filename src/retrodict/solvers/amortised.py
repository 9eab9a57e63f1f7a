"""What all solvers share that learn a conditional density once, for every observation."""

import abc
import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import equinox as eqx
import jax
import numpy as np
from sklearn.base import BaseEstimator

from retrodict.bijections import without_throw
from retrodict.diagnostics import RoundTrip, round_trip
from retrodict.distributions import Transformed
from retrodict.errors import ConfigurationError, NotFittedError, OutsideTrainingRangeWarning
from retrodict.flows import AbstractArchitecture
from retrodict.problems.base import AbstractProblem
from retrodict.solvers import state as saved
from retrodict.solvers.posterior import Posterior
from retrodict.solvers.scaling import fit_scaling, transform_names
from retrodict.tables import as_matrix, check_observation, check_pairs, outside_range
from retrodict.training import Progress, TrainingConfig, TrainingResult, train
from retrodict.training.mesh import shared_mesh
from retrodict.training.step import Loss
from retrodict.typing import Key
from retrodict.variables import Variable, default_variables, names_of

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_FEWEST_ROWS = 50
_Solver = TypeVar("_Solver", bound="AbstractAmortisedSolver")


class AbstractAmortisedSolver(BaseEstimator, abc.ABC):
    """Learns a density of x given y from pairs and answers each y with its posterior.

    Scaling and bounds are bijections inside the model: densities are per unit of the user's
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
    random_state: int
    _loss_is_likelihood: ClassVar[bool]

    def check_settings(self) -> None:
        """Refuses settings that cannot be trained, before anything is simulated for them.

        Raises:
            ConfigurationError: an unknown flow, or one that this solver cannot train.
        """
        self._chosen_architecture(_FEWEST_ROWS)
        self._chosen_training(_FEWEST_ROWS)

    @abc.abstractmethod
    def _objective(self) -> Loss:
        """What training minimises."""

    def _held_out_objective(self) -> Loss:
        """What the best epoch is chosen by: the objective itself, unless a solver says more."""
        return self._objective()

    @abc.abstractmethod
    def _chosen_architecture(self, num_rows: int) -> AbstractArchitecture:
        """The flow for that many training rows."""

    @abc.abstractmethod
    def _chosen_training(self, num_rows: int) -> TrainingConfig:
        """How to train on that many rows."""

    def fit(
        self: _Solver,
        x: Any,
        y: Any,
        *,
        parameters: Sequence[Variable] | None = None,
        observables: Sequence[Variable] | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> _Solver:
        """Learns from pairs: row i of `y` was observed when row i of `x` was the cause.

        Args:
            x: causes, (rows, dim): array or DataFrame, whose names are kept.
            y: effects, (rows, cond): likewise.
            parameters: names, units and bounds of the columns of x.
            observables: the same for y.
            progress: is told how training goes.
            checkpoint: file from which a killed fit of the same data goes on, bit for bit.

        Returns:
            The fitted estimator. After Ctrl-C it holds the best model so far, and `outcome_`
            says so.

        Raises:
            DataError: NaN, text, constant columns, rows that do not match, too few rows.
            TrainingError: the loss stayed non-finite.
        """
        x_matrix = as_matrix(x, "x", parameters)
        y_matrix = as_matrix(y, "y", observables)
        check_pairs(x_matrix, y_matrix, _FEWEST_ROWS)
        self.parameters_ = _variables(parameters, x_matrix.names, "x", x_matrix.values.shape[1])
        self.observables_ = _variables(observables, y_matrix.names, "y", y_matrix.values.shape[1])
        self._learn(x_matrix.values, y_matrix.values, progress, checkpoint)
        return self

    def fit_problem(
        self: _Solver,
        problem: AbstractProblem,
        *,
        num_simulations: int = 10_000,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> _Solver:
        """Simulates pairs from a problem's prior and learns from them.

        Args:
            problem: prior and simulator.
            num_simulations: how many pairs.
            progress: as in `fit`.
            checkpoint: as in `fit`.
        """
        self.check_settings()
        x, y = problem.simulations(jax.random.key(self.random_state), num_simulations)
        return self.fit(
            x,
            y,
            parameters=problem.parameters,
            observables=problem.observables,
            progress=progress,
            checkpoint=checkpoint,
        )

    def retrodict(self, y: Any) -> Posterior:
        """The posterior p(x | y) of one observation, or of a batch of them.

        Args:
            y: one observation as vector, dict or Series; a batch as (observations, cond)
                array or DataFrame.

        Warns:
            OutsideTrainingRangeWarning: an observation unlike all training data, with how far.

        Raises:
            NotFittedError: before `fit`.
            DataError: wrong length or names, NaN.
        """
        self._require_fitted()
        values, is_single = check_observation(y, self.observables_)
        outside = outside_range(
            values,
            np.asarray(self._scaling.y_lower),
            np.asarray(self._scaling.y_upper),
            names_of(self.observables_),
        )
        if outside is not None:
            _warn(outside)
        return Posterior(
            self._flow,
            self._scaling,
            values,
            is_single=is_single,
            parameters=self.parameters_,
            observables=self.observables_,
            random_state=self.random_state,
        )

    def round_trip(self, x: Any, y: Any, *, random_state: int = 0) -> RoundTrip:
        """The certificate of the flow's inverse, at pairs and at draws from its base.

        See `retrodict.diagnostics.round_trip`. Errors are in standard deviations of each
        parameter over these pairs.

        Args:
            x: causes, as in `fit`.
            y: their effects, as in `fit`.
            random_state: seed of the draws from the base.
        """
        self._require_fitted()
        x_matrix = as_matrix(x, "x", self.parameters_)
        y_matrix = as_matrix(y, "y", self.observables_)
        rng = np.random.default_rng(random_state)
        spread = self._scaling.point_masses.spread(x_matrix.values, rng)
        u, c, _ = self._scaling.forward(spread, y_matrix.values)
        return round_trip(
            self._flow,
            u,
            c,
            key=jax.random.key(random_state),
            names=names_of(self.parameters_),
        )

    @property
    def scaling_(self) -> "pandas.DataFrame":
        """What was done to each column before the flow saw it, decided from training data."""
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
        """Trained numbers in the flow."""
        self._require_fitted()
        leaves = jax.tree.leaves(eqx.filter(self._flow, eqx.is_inexact_array))
        return sum(leaf.size for leaf in leaves)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON-able settings and arrays, enough for `from_state`."""
        self._require_fitted()
        return saved.to_state(self)

    @classmethod
    def from_state(
        cls, state: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> "AbstractAmortisedSolver":
        """The estimator that `to_state` described."""
        return saved.from_state(cls, state, arrays)

    def _learn(
        self,
        x: np.ndarray,
        y: np.ndarray,
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> None:
        num_rows = len(x)
        key_build, key_train = jax.random.split(jax.random.key(self.random_state))
        rng = np.random.default_rng(self.random_state)
        held_out, used = self._split(num_rows, rng)
        scaling, spread = fit_scaling(x[used], y[used], self.parameters_, rng)
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
            mesh=shared_mesh(config.batch_size),
        )
        self._flow = result.model
        history = result.to_frame()
        if self._loss_is_likelihood:
            # In the user's units: -log p(x | y), not -log p(u | c).
            history["training_loss"] -= log_det.mean()
            history["validation_loss"] -= log_det_held_out.mean()
        self.history_ = history
        self.outcome_ = result.outcome
        self.num_rows_ = num_rows
        self.n_features_in_ = y.shape[1]
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

    def _build(self, key: Key) -> Transformed:
        flow = self._architecture.build(len(self.parameters_), len(self.observables_), key=key)
        # Training skips a step that did not converge; `Posterior` refuses such rows by count.
        return without_throw(flow)

    def _require_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} has not learned anything yet.",
                "Call `fit(x, y)` or `fit_problem(problem)` first.",
            )

    def __sklearn_is_fitted__(self) -> bool:
        return "_flow" in vars(self)


def _variables(
    given: Sequence[Variable] | None, names: tuple[str, ...] | None, prefix: str, num: int
) -> tuple[Variable, ...]:
    if given is not None:
        return tuple(given)
    if names is not None:
        return tuple(Variable(name) for name in names)
    return default_variables(prefix, num)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, OutsideTrainingRangeWarning, stacklevel=3)
