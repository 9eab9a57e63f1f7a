"""The solvers by the names that the command line uses."""

import difflib
from typing import Any

from retrodict.errors import ConfigurationError
from retrodict.solvers.amortised import AbstractAmortisedSolver
from retrodict.solvers.conditional_flow import ConditionalFlow
from retrodict.solvers.flow_matching import FlowMatching

SOLVERS: dict[str, type[AbstractAmortisedSolver]] = {
    "conditional-flow": ConditionalFlow,
    "flow-matching": FlowMatching,
}


def get_solver(name: str, **settings: Any) -> AbstractAmortisedSolver:
    """A new solver of that name, with its defaults or the given settings.

    Raises:
        ConfigurationError: unknown name, or a flow that does not exist.
    """
    if name not in SOLVERS:
        nearest = difflib.get_close_matches(name, SOLVERS, n=1)
        meant = f"Did you mean {nearest[0]!r}? " if nearest else ""
        raise ConfigurationError(
            f"Unknown solver {name!r}.", f"{meant}Available: {', '.join(SOLVERS)}."
        )
    solver = SOLVERS[name](**settings)
    solver.check_settings()
    return solver
