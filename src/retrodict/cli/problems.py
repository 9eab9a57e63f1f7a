"""`retrodict problems`: what there is to try."""

from typing import Any

from retrodict.cli import options
from retrodict.cli.console import aligned, answer, answer_json


def problems(json: options.Json = False) -> None:
    """List the problems that `retrodict run` knows.

    Examples:
      retrodict problems
      retrodict problems --json
    """
    from retrodict.problems import PROBLEMS, get_problem

    known = [_facts(get_problem(name)) for name in PROBLEMS]
    if json:
        answer_json(known)
        return
    header = ("name", "causes", "effects", "exact posterior", "description")
    rows = [
        (
            problem["name"],
            str(len(problem["parameters"])),
            str(len(problem["observables"])),
            "yes" if problem["has_exact_posterior"] else "no",
            problem["description"],
        )
        for problem in known
    ]
    answer(aligned(header, rows))


def _facts(problem: Any) -> dict[str, Any]:
    from retrodict.problems.base import AbstractReferencePosterior

    return {
        "name": problem.name,
        "description": problem.description,
        "parameters": [_variable(variable) for variable in problem.parameters],
        "observables": [_variable(variable) for variable in problem.observables],
        "has_exact_posterior": isinstance(problem, AbstractReferencePosterior),
    }


def _variable(variable: Any) -> dict[str, Any]:
    return {
        "name": variable.name,
        "unit": variable.unit,
        "description": variable.description,
        "lower": variable.lower,
        "upper": variable.upper,
    }
