"""Everything that can go wrong, as one tree.

    RetrodictError
    ├── DataError (also ValueError)
    │   ├── NonFiniteError          NaN or infinity where a number is needed
    │   ├── ShapeError              wrong number of dimensions, columns or rows
    │   ├── ColumnNotFoundError     a name that the table does not have
    │   ├── ConstantColumnError     a column without information
    │   ├── NotNumericError         text in a numeric column
    │   ├── TooFewRowsError         not enough to train and to validate on
    │   ├── OutOfBoundsError        a value outside the bounds of its variable
    │   └── TableFormatError        a file that is not the table it claims to be
    ├── ConfigurationError (also ValueError)   a setting that makes no sense
    ├── ConditionError (also ValueError)   a condition given to a model without one, or missing
    ├── ConvergenceError        a numerical inverse or an ODE missed its tolerance
    ├── SimulationError             a simulator raised, or returned what it should not
    ├── TrainingError
    │   ├── DivergenceError         the loss stayed non-finite
    │   └── CheckpointError         cannot go on from the checkpoint
    │       ├── CheckpointCorruptedError    truncated, damaged or something else
    │       └── CheckpointMismatchError     written by another run
    ├── NotFittedError (also scikit-learn's)   `fit` has not been called
    ├── CapabilityError             asked of a problem what it cannot give
    ├── RefinementError             the draws of a refined posterior cannot be relied on
    ├── BundleError
    │   ├── BundleNotFoundError     not a bundle at all
    │   ├── BundleCorruptedError    truncated, damaged or edited by hand
    │   └── BundleVersionError      written by a newer retrodict
    └── OutputError (also OSError)
        ├── OutputExistsError       never overwritten unless asked
        └── OutputNotWritableError  full disk, missing rights

Each carries a `message` (what was expected, what came) and a `hint` (what to do).
Warnings derive from `RetrodictWarning`.
"""

import inspect
import warnings
from typing import TYPE_CHECKING

_PACKAGE = __name__.partition(".")[0]
_CHECKERS = {"beartype", "jaxtyping"}


class RetrodictError(Exception):
    """Base of every error raised on purpose: a message, and a hint that says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class DataError(RetrodictError, ValueError):
    """The data cannot be used as they are."""


class NonFiniteError(DataError):
    """NaN or infinity where a number is needed."""


class ShapeError(DataError):
    """Wrong number of dimensions, columns or rows."""


class ColumnNotFoundError(DataError):
    """A column name that the table does not have."""


class ConstantColumnError(DataError):
    """A column that holds one value only and so carries no information."""


class NotNumericError(DataError):
    """Text in a numeric column."""


class TooFewRowsError(DataError):
    """Not enough rows to train and to validate on."""


class OutOfBoundsError(DataError):
    """A value outside the bounds declared for its variable."""


class TableFormatError(DataError):
    """A file that cannot be read as a table."""


class ConfigurationError(RetrodictError, ValueError):
    """A setting that makes no sense."""


class ConditionError(RetrodictError, ValueError):
    """A condition was given to a model without one, or is missing."""


class ConvergenceError(RetrodictError):
    """A numerical inverse or an ODE did not reach its tolerance."""


class SimulationError(RetrodictError):
    """A simulator raised, or returned NaN or the wrong shape."""


class TrainingError(RetrodictError):
    """Training could not go on."""


class DivergenceError(TrainingError):
    """The loss stayed non-finite step after step."""


class CheckpointError(TrainingError):
    """Training cannot go on from its checkpoint."""


class CheckpointCorruptedError(CheckpointError):
    """The checkpoint is truncated, damaged or a file of something else."""


class CheckpointMismatchError(CheckpointError):
    """The checkpoint was written by a run with other settings, data, model or key."""


if TYPE_CHECKING:
    from sklearn.exceptions import NotFittedError as _SklearnNotFittedError

    class NotFittedError(RetrodictError, _SklearnNotFittedError):
        """An estimator was used before `fit`."""


def __getattr__(name: str) -> type[RetrodictError]:
    """`NotFittedError`, once it is asked for: importing its other base takes a second."""
    if name != "NotFittedError":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sklearn.exceptions import NotFittedError as _SklearnNotFittedError

    made = type(
        name,
        (RetrodictError, _SklearnNotFittedError),
        {"__doc__": "An estimator was used before `fit`.", "__module__": __name__},
    )
    # One class for all, also where two threads ask at once.
    return globals().setdefault(name, made)


def __dir__() -> list[str]:
    return sorted({*globals(), "NotFittedError"})


class CapabilityError(RetrodictError):
    """Asked of a problem or model what it cannot give."""


class RefinementError(RetrodictError):
    """The draws of a refined posterior cannot be relied on."""


class BundleError(RetrodictError):
    """A saved model cannot be loaded."""


class BundleNotFoundError(BundleError):
    """The path holds no bundle."""


class BundleCorruptedError(BundleError):
    """The bundle is truncated, damaged or was edited by hand."""


class BundleVersionError(BundleError):
    """The bundle was written by a newer version."""


class OutputError(RetrodictError, OSError):
    """Results cannot be written."""


class OutputExistsError(OutputError):
    """The output exists already; it is never overwritten unless asked."""


class OutputNotWritableError(OutputError):
    """The output cannot be written: full disk, missing rights."""


class RetrodictWarning(UserWarning):
    """Base of every warning."""


class MisspecificationWarning(RetrodictWarning):
    """An observation is unlike those that the model was trained on."""


class OutsideTrainingRangeWarning(MisspecificationWarning):
    """An observation lies outside the range of those that the model was trained on."""


class UnreliableChainsWarning(RetrodictWarning):
    """Markov chains do not agree with each other, or could not follow the posterior."""


class DivergedSimulationsWarning(RetrodictWarning):
    """Simulations that ended in NaN or infinity were left out."""


class TruncationWarning(RetrodictWarning):
    """Sequential rounds may have cut off a part of the posterior."""


class NotConvergedWarning(RetrodictWarning):
    """Some of many numerical searches were given up before they converged."""


def warn(warning: RetrodictWarning) -> None:
    """Warns at the line outside of this package that led here, however deep the call.

    Args:
        warning: with its message.
    """
    frame, modules = inspect.currentframe(), []
    while frame is not None:
        modules.append(frame.f_globals.get("__name__", "").partition(".")[0])
        frame = frame.f_back
    level = max(i for i, module in enumerate(modules) if module == _PACKAGE) + 1
    # Where types are checked at run time, a call goes through the checkers first.
    while level < len(modules) and modules[level] in _CHECKERS:
        level += 1
    warnings.warn(warning, stacklevel=level + 1)
