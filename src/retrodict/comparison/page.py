"""The comparison as one HTML page that needs nothing else."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from retrodict import plots
from retrodict.comparison.against_problem import NUM_COMPARED, NUM_COMPARED_DRAWS
from retrodict.comparison.judge import NUM_DRAWS
from retrodict.comparison.markdown import COLUMNS, cells
from retrodict.comparison.published import published
from retrodict.problems.inverse_kinematics import InverseKinematics
from retrodict.report.numbers import significant
from retrodict.report.pictures import Picture, embed
from retrodict.report.render import environment
from retrodict.report.tables import Number
from retrodict.variables import names_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from retrodict.comparison.result import Comparison

_EXACT = "exact posterior"
# Bytes for all pictures: with a dozen solvers, each has many panels.
_BUDGET = 6_000_000


@dataclass(frozen=True)
class _Shown:
    """One observation whose posteriors are shown: where, and its pictures."""

    index: int
    values: str
    pictures: tuple[tuple[Picture, str], ...]


@dataclass(frozen=True)
class _Line:
    """One line of the table on the page."""

    cells: tuple[str, ...]
    met: bool | None
    is_best: bool
    error: str


def render(comparison: "Comparison") -> str:
    """The page as one HTML document without script or network.

    Args:
        comparison: finished, or as far as it got.
    """
    shown, figures = _posteriors(comparison)
    front = _trade_off(comparison)
    drawn = ([] if front is None else [front]) + [figure for group in figures for figure in group]
    pictures = embed([(figure, alt) for figure, alt, _ in drawn], _BUDGET)
    captioned = [
        (picture, caption) for picture, (_, _, caption) in zip(pictures, drawn, strict=True)
    ]
    first = None if front is None else captioned.pop(0)
    observations = []
    for (index, values), group in zip(shown, figures, strict=True):
        observations.append(_Shown(index, values, tuple(captioned[: len(group)])))
        del captioned[: len(group)]
    best = next((row for row in comparison.rows if not row.failed), None)
    return (
        environment("retrodict.comparison")
        .get_template("comparison.html")
        .render(
            title=comparison.problem.name,
            description=comparison.problem.description,
            columns=COLUMNS,
            lines=[
                _Line(
                    cells(comparison.problem.name, row),
                    _met(comparison, row.name),
                    row is best,
                    row.error,
                )
                for row in comparison.rows
            ],
            best=best,
            tiles=_tiles(comparison),
            num_rows=len(comparison.rows),
            failed=comparison.failed,
            has_exact=any(row.mmd_mean is not None for row in comparison.rows),
            sources=[
                (row.name, found)
                for row in comparison.rows
                if (found := published(comparison.problem.name, row.name)) is not None
            ],
            front=first,
            observations=observations,
            rows=comparison.rows,
            budget=comparison.budget,
            num_compared=min(NUM_COMPARED, comparison.budget.num_held_out),
            num_c2st=min(comparison.budget.num_c2st, NUM_COMPARED, comparison.budget.num_held_out),
            num_compared_draws=NUM_COMPARED_DRAWS,
            num_draws=NUM_DRAWS,
            command=comparison.command,
            facts=comparison.facts,
        )
    )


def _met(comparison: "Comparison", name: str) -> bool | None:
    found = published(comparison.problem.name, name)
    row = next(row for row in comparison.rows if row.name == name)
    return None if found is None else found.is_met_by(row)


def _tiles(comparison: "Comparison") -> list[Number]:
    """The best of each measure, and how many solvers do as they should."""
    done = [row for row in comparison.rows if not row.failed]
    if not done:
        return []
    tiles = []
    if done[0].mmd_mean is not None:
        smallest = significant(done[0].mmd_mean)
        tiles.append(Number("smallest mismatch (MMD²)", smallest, target=done[0].name))
    nearest = min(done, key=lambda row: row.resimulation_mean or 0.0)
    smallest = significant(nearest.resimulation_mean or 0.0)
    tiles.append(Number("smallest re-simulation distance", smallest, target=nearest.name))
    num_calibrated = sum(row.calibrated is True for row in done)
    tiles.append(Number("calibrated", f"{num_calibrated} of {len(done)}", target="by both tests"))
    met = [_met(comparison, row.name) for row in done]
    judged = [one for one in met if one is not None]
    if judged:
        share = f"{sum(judged)} of {len(judged)}"
        tiles.append(Number("published numbers met", share, target="by the same method"))
    return tiles


def _trade_off(comparison: "Comparison") -> "tuple[Figure, str, str] | None":
    done = [row for row in comparison.rows if row.mmd_mean is not None]
    if not done:
        return None
    figure = plots.trade_off(
        np.array([row.training_seconds for row in done], float),
        np.array([row.mmd_mean for row in done], float),
        [row.name for row in done],
    )
    listed = "; ".join(
        f"{row.name}: {significant(row.mmd_mean or 0.0)} after "
        f"{significant(row.training_seconds or 0.0)} s"
        for row in done
    )
    return (
        figure,
        f"Mismatch to the exact posterior against training time. {listed}.",
        "Left and down is better: a small mismatch after a short training.",
    )


def _posteriors(
    comparison: "Comparison",
) -> "tuple[list[tuple[int, str]], list[list[tuple[Figure, str, str]]]]":
    """The shown observations, and the figures of each."""
    problem = comparison.problem
    if not comparison.draws:
        return [], []
    pairs, exact = comparison.shown()
    names = [row.name for row in comparison.rows if row.name in comparison.draws]
    shown, figures = [], []
    for index, y in enumerate(pairs.y):
        values = ", ".join(
            f"{variable.name} = {significant(float(value), 4)}"
            + (f" {variable.unit}" if variable.unit else "")
            for variable, value in zip(problem.observables, y, strict=True)
        )
        draws = {name: comparison.draws[name][index] for name in names}
        reference = None if exact is None else exact[index]
        with_exact = draws if reference is None else {_EXACT: reference, **draws}
        group = []
        if isinstance(problem, InverseKinematics):
            group.append(_arms(problem, with_exact, y, values))
        group.append(_multiples(comparison, draws, reference, values))
        shown.append((index, values))
        figures.append(group)
    return shown, figures


def _arms(
    problem: InverseKinematics, draws: dict[str, np.ndarray], y: np.ndarray, values: str
) -> "tuple[Figure, str, str]":
    return (
        plots.arms({name: problem.arm(x) for name, x in draws.items()}, y),
        f"Arms drawn from the posterior of {values} by {', '.join(draws)}.",
        "Sixty arms from each posterior, on their vertical rail. Every hand (orange) should be "
        "at the cross, and the arms should fan out as those of the exact posterior do.",
    )


def _multiples(
    comparison: "Comparison", draws: dict[str, np.ndarray], exact: np.ndarray | None, values: str
) -> "tuple[Figure, str, str]":
    parameters = comparison.problem.parameters
    pair = (0, 1) if exact is None or len(parameters) < 3 else _most_telling(exact)
    names = names_of(parameters)
    shown = names[0] if len(names) == 1 else f"{names[pair[0]]} and {names[pair[1]]}"
    outlined = "" if exact is None else " The exact posterior as outlines."
    return (
        plots.posterior_multiples(draws, parameters, reference=exact, pair=pair),
        f"Posterior of {shown} given {values}, by {', '.join(draws)}.{outlined}",
        f"The posterior of {shown}; regions hold 30, 68 and 95 %.{outlined}",
    )


def _most_telling(exact: np.ndarray) -> tuple[int, int]:
    """The pair of parameters that is most correlated, in absolute value."""
    correlation = np.abs(np.corrcoef(exact.T))
    np.fill_diagonal(correlation, -1)
    first, second = divmod(int(np.nanargmax(correlation)), len(correlation))
    return min(first, second), max(first, second)
