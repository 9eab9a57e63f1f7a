"""What one worker does with its share of the rows: call the simulator, notice what fails."""

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_ENOUGH_FAILURES = 3


@dataclass(frozen=True)
class Failure:
    """One row that could not be simulated.

    Args:
        row: its index among all rows.
        what: what the function did, e.g. "returned [nan, 1.0]".
        exception: what it raised, if it did.
    """

    row: int
    what: str
    exception: Exception | None = None


@dataclass(frozen=True)
class RowSimulator:
    """A user's function with the way it wants to be called. Small, and picklable if it is.

    Args:
        function: the simulator.
        parameters: names of the columns of x.
        num_observables: how many numbers it returns for a row.
        by_name: parameters go in as keyword arguments.
        batched: many rows go in at once.
        stochastic: a `rng` goes in, too.
        may_diverge: NaN or infinity is an answer, and makes the whole row NaN.
    """

    function: Callable[..., Any]
    parameters: tuple[str, ...]
    num_observables: int
    by_name: bool
    batched: bool
    stochastic: bool
    may_diverge: bool

    def __call__(
        self, x: np.ndarray, first_row: int, entropy: Any, portable: bool
    ) -> tuple[np.ndarray | None, list[Failure]]:
        """The rows of y, or None and why not.

        Args:
            x: consecutive rows of parameters.
            first_row: index of the first of them among all rows.
            entropy: root of the random streams; row i uses its i-th child.
            portable: exceptions are made ready to be sent to another process.
        """
        if self.batched:
            y, failures = self._batch(x, first_row, entropy)
        else:
            y, failures = self._one_by_one(x, first_row, entropy)
        if failures and portable:
            failures = [_portable(failure) for failure in failures]
        return (None if failures else y), failures

    def _call(self, x: np.ndarray, row: int, entropy: Any) -> np.ndarray:
        """The function's answer for one row, or for a batch that starts at `row`."""
        extra: dict[str, Any] = {}
        if self.stochastic:
            child = np.random.SeedSequence(entropy, spawn_key=(row,))
            extra["rng"] = np.random.default_rng(child)
        if self.by_name:
            named = dict(zip(self.parameters, x.T if x.ndim == 2 else x.tolist(), strict=True))
            return np.asarray(self.function(**named, **extra))
        # A copy, so that a function that writes into its input cannot change the parameters.
        return np.asarray(self.function(x.copy(), **extra))

    def _one_by_one(
        self, x: np.ndarray, first_row: int, entropy: Any
    ) -> tuple[np.ndarray, list[Failure]]:
        y = np.empty((len(x), self.num_observables))
        failures: list[Failure] = []
        for i, row in enumerate(range(first_row, first_row + len(x))):
            try:
                answer = self._call(x[i], row, entropy)
            except Exception as error:
                failures.append(_raised(row, error))
            else:
                what = self._fault(answer, (self.num_observables,))
                if what:
                    failures.append(Failure(row, what))
                else:
                    y[i] = self._or_nan(answer.reshape(1, -1))
            if len(failures) == _ENOUGH_FAILURES:
                break
        return y, failures

    def _batch(
        self, x: np.ndarray, first_row: int, entropy: Any
    ) -> tuple[np.ndarray, list[Failure]]:
        shape = (len(x), self.num_observables)
        try:
            answer = self._call(x, first_row, entropy)
        except Exception as error:
            return np.empty(shape), self._culprits(x, first_row, entropy, error)
        what = self._fault(answer, shape)
        if what is None:
            return self._or_nan(answer.reshape(shape)), []
        numbers = (
            answer.reshape(shape) if answer.size == x.shape[0] * self.num_observables else None
        )
        if numbers is None or numbers.dtype.kind not in "fiub":
            return np.empty(shape), [Failure(first_row, f"and the rest of its batch {what}")]
        bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))[:_ENOUGH_FAILURES]
        return np.empty(shape), [
            Failure(first_row + int(i), f"returned {numbers[i].tolist()}") for i in bad
        ]

    def _culprits(
        self, x: np.ndarray, first_row: int, entropy: Any, error: Exception
    ) -> list[Failure]:
        """The rows of a batch that raise on their own; the whole batch where none does."""
        failures: list[Failure] = []
        for i, row in enumerate(range(first_row, first_row + len(x))):
            try:
                self._call(x[i : i + 1], row, entropy)
            except Exception as single:
                failures.append(_raised(row, single))
            if len(failures) == _ENOUGH_FAILURES:
                break
        if failures:
            return failures
        return [Failure(first_row, f"and the rest of its batch raised {_name(error)}", error)]

    def _fault(self, answer: np.ndarray, shape: tuple[int, ...]) -> str | None:
        """What is wrong with an answer, in words; None where nothing is."""
        squeezed = shape[:-1] if self.num_observables == 1 else shape
        if answer.shape not in (shape, squeezed):
            return f"returned the shape {answer.shape} instead of {shape}"
        if answer.dtype.kind not in "fiub":
            return f"returned {answer.dtype} instead of numbers"
        if not self.may_diverge and not np.isfinite(answer).all():
            return f"returned {np.atleast_1d(answer).tolist()}"
        return None

    @staticmethod
    def _or_nan(y: np.ndarray) -> np.ndarray:
        """Rows whose simulation diverged are NaN throughout: what is left of them means nothing."""
        ended = np.isfinite(y).all(axis=1, keepdims=True)
        return np.where(ended, y, np.nan)


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _raised(row: int, error: Exception) -> Failure:
    return Failure(row, f"raised {_name(error)}", error)


def _portable(failure: Failure) -> Failure:
    """The same failure with an exception that survives pickling and keeps its traceback."""
    error = failure.exception
    if error is None:
        return failure
    trace = "".join(traceback.format_exception(error))
    try:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes, written just now)
    except Exception:
        # Whatever a user's exception does when pickled, the failure itself must get through.
        copy = RuntimeError(_name(error))
    copy.add_note(f"In a worker:\n{trace}")
    return Failure(failure.row, failure.what, copy)
