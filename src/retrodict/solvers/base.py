"""What all solvers share: pairs or a problem in, posteriors out."""

import abc
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator

from retrodict.diagnostics import TypicalObservations
from retrodict.errors import NotFittedError
from retrodict.problems.base import AbstractProblem
from retrodict.solvers.posterior import Posterior
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.solvers.training_observations import TrainingObservations
from retrodict.tables import Matrix, as_matrix, check_observation, check_pairs
from retrodict.training import Progress
from retrodict.variables import Variable, default_variables, names_of

FEWEST_ROWS = 50
_Solver = TypeVar("_Solver", bound="AbstractSolver")


class AbstractSolver(BaseEstimator, abc.ABC):
    """Learns from pairs (x, y), or from a problem, and answers each y with its posterior.

    Attributes:
        parameters_, observables_: the columns of x and y.
        typical_observations_: tests whether an observation is like those of training.
        n_features_in_: columns of y.
    """

    random_state: int

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
        """
        self.check_settings()
        x, y = problem.simulations(jax.random.key(self.random_state), num_simulations)
        # In a table a constant column is a mistake; a simulator may well have such an output.
        return self._fit(
            as_matrix(x, "x", problem.parameters),
            as_matrix(y, "y", problem.observables),
            problem.parameters,
            problem.observables,
            progress,
            checkpoint,
            allow_constant_y=True,
        )

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
            DataError: wrong length or names, NaN.
        """
        self._require_fitted()
        values, is_single = check_observation(y, self.observables_)
        warning = self._training_observations.warning(values, names_of(self.observables_))
        if warning is not None:
            warnings.warn(warning, stacklevel=2)
        return Posterior(
            self._sampler(values),
            values,
            is_single=is_single,
            parameters=self.parameters_,
            observables=self.observables_,
            random_state=self.random_state,
        )

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
        check_pairs(x, y, FEWEST_ROWS, allow_constant_y=allow_constant_y)
        self.parameters_ = _variables(parameters, x.names, "x", x.values.shape[1])
        self.observables_ = _variables(observables, y.names, "y", y.values.shape[1])
        self.n_features_in_ = len(self.observables_)
        if seen is None:
            seen = TrainingObservations.fit(
                y.values, names_of(self.observables_), self.random_state
            )
        self._training_observations = seen
        self._learn(x.values, y.values, progress, checkpoint)
        return self

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
