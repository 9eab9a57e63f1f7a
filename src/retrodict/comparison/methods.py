"""The rows that can be asked for by name: `SOLVER`, or `SOLVER:CHOICE` for its main setting."""

import difflib
from typing import Any

from retrodict.errors import ConfigurationError
from retrodict.problems.base import AbstractLikelihoodProblem, AbstractProblem
from retrodict.solvers import get_solver
from retrodict.solvers.base import AbstractSolver
from retrodict.solvers.registry import SOLVERS

# What a word after the colon sets.
_MAIN_SETTING = {
    "conditional-flow": "flow",
    "flow-matching": "flow",
    "inn": "objective",
    "abc": "adjustment",
}
# In the order in which they are trained: the quick ones first.
_USUAL = (
    "mixture-density",
    "abc",
    "conditional-flow:spline-coupling",
    "conditional-flow:real-nvp",
    "conditional-flow:maf",
    "inn:maximum-likelihood",
    "inn",
    "conditional-vae",
    "flow-matching",
    "gradient-inversion",
    "conditional-flow:residual-flow",
    "mcmc",
)
_NEEDS_LIKELIHOOD = {"mcmc"}


def usual_methods(problem: AbstractProblem) -> tuple[str, ...]:
    """The rows that a comparison on this problem has unless others are asked for.

    Those that need a likelihood are left out where the problem has none.
    """
    has_likelihood = isinstance(problem, AbstractLikelihoodProblem)
    return tuple(
        name
        for name in _USUAL
        if _solver_of(name) in SOLVERS
        and (has_likelihood or _solver_of(name) not in _NEEDS_LIKELIHOOD)
    )


def get_method(name: str, **settings: Any) -> AbstractSolver:
    """The solver of a row, not fitted.

    Args:
        name: of a solver, e.g. "flow-matching"; after a colon the value of its main setting,
            e.g. "conditional-flow:maf" for an architecture.
        settings: of any solver; those that this one does not have are left out.

    Raises:
        ConfigurationError: an unknown solver or value.
    """
    solver_name, _, choice = name.partition(":")
    chosen: dict[str, Any] = {}
    if choice:
        if solver_name in SOLVERS and solver_name not in _MAIN_SETTING:
            raise ConfigurationError(
                f"The row {name!r} has a word after the colon; {solver_name!r} comes in one "
                "kind only.",
                f"Ask for {solver_name!r}.",
            )
        chosen[_MAIN_SETTING.get(solver_name, "")] = choice
    if solver_name not in SOLVERS:
        near = difflib.get_close_matches(name, [*_USUAL, *SOLVERS], n=1)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        raise ConfigurationError(
            f"Unknown solver {solver_name!r}.",
            f"{meant}Available: {', '.join(SOLVERS)}; a flow's architecture goes behind a "
            "colon, as in conditional-flow:maf.",
        )
    known = SOLVERS[solver_name]().get_params(deep=False)
    chosen |= {key: value for key, value in settings.items() if key in known}
    return get_solver(solver_name, **chosen)


def _solver_of(name: str) -> str:
    return name.partition(":")[0]
