"""The solvers that `run` and `fit` can train, save and check."""

from typing import Any

from retrodict.errors import CapabilityError
from retrodict.solvers import AbstractTrainedSolver, get_solver


def get_trainable(name: str, **settings: Any) -> AbstractTrainedSolver:
    """A new solver of that name that trains a network.

    Raises:
        ConfigurationError: an unknown name or setting.
        CapabilityError: the solver has nothing to train.
    """
    solver = get_solver(name, **settings)
    if not isinstance(solver, AbstractTrainedSolver):
        raise CapabilityError(
            f"The solver {name!r} trains no network that could be saved and checked.",
            "Use it from Python, or beside others with `retrodict compare`.",
        )
    return solver
