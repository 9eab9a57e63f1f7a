"""What all solvers share: pairs or a problem in, posteriors out."""

import abc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import jax
import numpy as np
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator

from retrodict.diagnostics import TypicalObservations
from retrodict.errors import NotFittedError, TooFewRowsError, warn
from retrodict.problems.base import AbstractProblem
from retrodict.problems.valid import valid_simulations
from retrodict.solvers.posterior import Posterior
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.solvers.sequential import OneObservation, TruncationCheck, fit_sequentially
from retrodict.solvers.training_observations import TrainingObservations
from retrodict.tables import Matrix, as_matrix, check_observation, check_pairs
from retrodict.training import Progress
from retrodict.variables import Variable, default_variables, names_of

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

FEWEST_ROWS = 50
_Solver = TypeVar("_Solver", bound="AbstractSolver")


class AbstractSolver(BaseEstimator, abc.ABC):
    """Learns from pairs (x, y), or from a problem, and answers each y with its posterior.

    Attributes:
        parameters_, observables_: the columns of x and y.
        num_diverged_: simulations that were left out because they ended in NaN or infinity.
        typical_observations_: tests whether an observation is like those of training.
        n_features_in_: columns of y.
    """

    random_state: int
    # Whether posteriors have a density, as far as the class tells.
    _has_density: ClassVar[bool] = True
    # What a fit for a single observation leaves; such a solver answers no other.
    _one_observation: OneObservation | None = None

    def check_settings(self) -> None:
        """Refuses settings that cannot work, before anything is simulated for them.

        Raises:
            ConfigurationError: a setting that this solver cannot use.
        """

    @abc.abstractmethod
    def _learn(
        self,
        x: Float[np.ndarray, "rows dim"],
        y: Float[np.ndarray, "rows cond"],
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> None:
        """Learns from checked rows, `parameters_` and `observables_` being known."""

    @abc.abstractmethod
    def _sampler(self, y: Float[np.ndarray, "observations cond"]) -> AbstractPosteriorSampler:
        """The posteriors of checked observations."""

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
        return self._fit(
            as_matrix(x, "x", parameters),
            as_matrix(y, "y", observables),
            parameters,
            observables,
            progress,
            checkpoint,
        )

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

        Warns:
            DivergedSimulationsWarning: some ended in NaN or infinity, and are left out.

        Raises:
            TooFewRowsError: too few to train and to validate on.
            SimulationError: more than a tenth ended in NaN or infinity.
        """
        self.check_settings()
        if num_simulations < FEWEST_ROWS:
            raise TooFewRowsError(
                f"At least {FEWEST_ROWS} simulations are needed to train and to validate on; got "
                f"`num_simulations={num_simulations}`.",
                "Ask for a thousand or more; `retrodict curve` tells how many are enough.",
            )
        x, y, num_diverged = valid_simulations(
            problem, jax.random.key(self.random_state), num_simulations
        )
        # In a table a constant column is a mistake; a simulator may well have such an output.
        self._fit(
            as_matrix(x, "x", problem.parameters),
            as_matrix(y, "y", problem.observables),
            problem.parameters,
            problem.observables,
            progress,
            checkpoint,
            allow_constant_y=True,
        )
        self.num_diverged_ = num_diverged
        return self

    def retrodict(self, y: Any) -> Posterior:
        """The posterior p(x | y) of one observation, or of a batch of them.

        Args:
            y: one observation as vector, dict or Series; a batch as (observations, cond)
                array or DataFrame.

        Warns:
            MisspecificationWarning: an observation unlike those of training, with what is odd
                about it (see `typical_observations_`); of a batch, more of them than by chance.
            OutsideTrainingRangeWarning: the same, for values far outside the training range.

        Raises:
            NotFittedError: before `fit`.
            DataError: wrong length or names, NaN; another observation than the one that the
                solver was fitted for, if it was.
        """
        self._require_fitted()
        values, is_single = check_observation(y, self.observables_)
        if self._one_observation is not None:
            self._one_observation.require(values)
        warning = self._training_observations.warning(values, names_of(self.observables_))
        if warning is not None:
            warn(warning)
        return Posterior(
            self._sampler(values),
            values,
            is_single=is_single,
            parameters=self.parameters_,
            observables=self.observables_,
            random_state=self.random_state,
        )

    @property
    def observation_(self) -> Float[np.ndarray, " cond"]:
        """The one observation that the solver was fitted for; no attribute of any other fit."""
        return self._sequential().observation

    @property
    def rounds_(self) -> "pandas.DataFrame":
        """How the rounds for one observation went, a row each; no attribute of any other fit.

        Columns: `round`; `num_simulations` and `num_diverged` of them; `share_kept` of the prior
        of the round before, `prior_share` of the whole prior and its standard error
        `prior_share_se`; `drawn_by` "prior", "rejection" or "chains", and their `acceptance`;
        `num_rows` trained on and held out; `held_out_loss` in nats; `share_outside` of the
        posterior, `share_missed` of held-out causes and `p_value`, see `truncation_check_`;
        `seconds`.
        """
        return self._sequential().rounds

    @property
    def truncation_check_(self) -> TruncationCheck:
        """Whether the rounds for one observation may have cut off some of its posterior."""
        return TruncationCheck.of(self.rounds_)

    @property
    def typical_observations_(self) -> TypicalObservations | None:
        """Tests whether an observation is like those of training, at a level of 1 %.

        `retrodict` asks it of every observation; `typical_observations_.test(y)` says more. None
        with fewer than 400 training rows, more than 1,000 observables, or none that varies.
        """
        self._require_fitted()
        return self._training_observations.typical

    def _fit(
        self: _Solver,
        x: Matrix,
        y: Matrix,
        parameters: Sequence[Variable] | None,
        observables: Sequence[Variable] | None,
        progress: Progress | None,
        checkpoint: Path | None,
        *,
        allow_constant_y: bool = False,
        seen: TrainingObservations | None = None,
    ) -> _Solver:
        self._look_at(x, y, parameters, observables, allow_constant_y=allow_constant_y, seen=seen)
        self._learn(x.values, y.values, progress, checkpoint)
        return self

    def _look_at(
        self,
        x: Matrix,
        y: Matrix,
        parameters: Sequence[Variable] | None,
        observables: Sequence[Variable] | None,
        *,
        allow_constant_y: bool = False,
        seen: TrainingObservations | None = None,
    ) -> None:
        """Checks the pairs, and keeps what they tell before anything is learned from them."""
        check_pairs(x, y, FEWEST_ROWS, allow_constant_y=allow_constant_y)
        self.parameters_ = _variables(parameters, x.names, "x", x.values.shape[1])
        self.observables_ = _variables(observables, y.names, "y", y.values.shape[1])
        self.n_features_in_ = len(self.observables_)
        if seen is None:
            seen = TrainingObservations.fit(
                y.values, names_of(self.observables_), self.random_state
            )
        self._training_observations = seen
        self.num_diverged_ = 0
        self._one_observation = None

    def _fit_for_one(
        self: _Solver,
        problem: AbstractProblem,
        observation: Any,
        *,
        num_simulations: int,
        num_rounds: int,
        truncation: float,
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> _Solver:
        """`fit_problem` for one observation, by truncated proposals."""
        self.check_settings()
        self._one_observation = fit_sequentially(
            self,
            problem,
            observation,
            num_simulations=num_simulations,
            num_rounds=num_rounds,
            truncation=truncation,
            progress=progress,
            checkpoint=checkpoint,
        )
        return self

    def _held_out(self, num_rows: int) -> Int[np.ndarray, " held_out"]:
        """The rows that a fit of so many keeps from training; none unless a solver says more."""
        del num_rows
        return np.empty(0, np.int64)

    def _sequential(self) -> OneObservation:
        if self._one_observation is None:
            raise AttributeError(
                f"This {type(self).__name__} was not fitted for one observation; "
                "`fit_problem(problem, observation=y)` does."
            )
        return self._one_observation

    def _require_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} has not learned anything yet.",
                "Call `fit(x, y)` or `fit_problem(problem)` first.",
            )

    @abc.abstractmethod
    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is something to answer with."""


def _variables(
    given: Sequence[Variable] | None, names: tuple[str, ...] | None, prefix: str, num: int
) -> tuple[Variable, ...]:
    if given is not None:
        return tuple(given)
    if names is not None:
        return tuple(Variable(name) for name in names)
    return default_variables(prefix, num)
