"""The benchmark as one HTML page that needs nothing else."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from retrodict import plots
from retrodict.bench.markdown import COLUMNS, TEXT_COLUMNS, cells, notes
from retrodict.bench.published import (
    ALGORITHMS,
    AMORTISED,
    published_budgets,
    published_results,
)
from retrodict.bench.summary import Summary
from retrodict.report.answer import Answer
from retrodict.report.pictures import Picture, embed
from retrodict.report.render import environment
from retrodict.report.tables import Number

if TYPE_CHECKING:
    import matplotlib.figure

    from retrodict.bench.result import Bench

OURS = "retrodict"
_SEQUENTIAL = "SNPE"
_REST = "best other"


@dataclass(frozen=True)
class _Line:
    """One line of the table on the page."""

    cells: tuple[str, ...]
    is_better: bool | None
    errors: tuple[str, ...]


def render(bench: "Bench") -> str:
    """The page as one HTML document without script or network.

    Args:
        bench: finished, or as far as it got.
    """
    return (
        environment("retrodict.bench")
        .get_template("bench.html")
        .render(
            answer=_answer(bench),
            tiles=_tiles(bench),
            picture=_picture(bench),
            caption=_caption(),
            columns=COLUMNS,
            numeric_columns=set(range(len(COLUMNS))) - TEXT_COLUMNS,
            lines=[
                _Line(cells(summary), summary.beats_all, summary.errors)
                for summary in bench.summaries
            ],
            notes=notes(bench.settings),
            settings=bench.settings,
            solver=bench.solver,
            machines=bench.machines,
            dates=bench.dates,
            command=bench.command,
        )
    )


def _answer(bench: "Bench") -> Answer:
    compared = [summary for summary in bench.summaries if summary.beats_all is not None]
    if not compared:
        return Answer(
            "Nothing to compare with",
            "No fit finished, or nothing was published for these numbers of simulations.",
            "unknown",
        )
    num = len(compared)
    over_npe = sum(summary.beats_amortised is True for summary in compared)
    over_all = sum(summary.beats_all is True for summary in compared)
    tone = "good" if over_npe == num else "repair" if over_npe else "bad"
    title = f"Better than published NPE in {over_npe} of {num}"
    text = (
        f"Of {num} pairs of a task and a number of simulations, our posteriors are nearer to the "
        f"reference than those of published NPE in {over_npe}, and nearer than those of every "
        f"published method in {over_all}, by mean C2ST."
    )
    if num == 1:
        title = "Better than published NPE" if over_npe else "Not better than published NPE"
        nearer = "every published method" if over_all else "published NPE, but not the best method"
        text = (
            f"By mean C2ST our posteriors are {'' if over_npe else 'not '}nearer to the reference "
        )
        text += f"than those of {nearer if over_npe else 'published NPE'}."
    num_failed = sum(bool(summary.errors) for summary in bench.summaries)
    if num_failed:
        text += f" {num_failed} failed: see the table."
    if not bench.settings.is_comparable:
        text += " Ours was measured in another way: see below."
    return Answer(title, text, tone)


def _tiles(bench: "Bench") -> list[Number]:
    """The mean of ours at each budget, beside theirs."""
    tiles = []
    for num in sorted(bench.settings.budgets):
        done = [s for s in bench.summaries if s.num_simulations == num and s.c2st_mean is not None]
        if not done:
            continue
        ours = float(np.mean([summary.c2st_mean for summary in done]))
        theirs = [summary.amortised.c2st for summary in done if summary.amortised is not None]
        beside = f"published NPE: {np.mean(theirs):.3f}" if len(theirs) == len(done) else ""
        tasks = "1 task" if len(done) == 1 else f"{len(done)} tasks"
        label = f"mean C2ST at {num:,}, {tasks}"
        tiles.append(Number(label, f"{ours:.3f}", target=beside or "0.5 is perfect"))
    return tiles


def figure(bench: "Bench") -> "matplotlib.figure.Figure | None":
    """C2ST against the number of simulations, a panel for each task; None of nothing."""
    panels = {task: _curves(bench, task) for task in bench.settings.tasks}
    panels = {task: curves for task, curves in panels.items() if curves}
    return plots.quality_against_budget(panels, highlighted=OURS) if panels else None


def _picture(bench: "Bench") -> Picture | None:
    found = figure(bench)
    if found is None:
        return None
    [picture] = embed([(found, _alt(bench))])
    return picture


def _curves(bench: "Bench", task: str) -> dict[str, Float[np.ndarray, "points 2"]]:
    """Ours and theirs, at every budget that was published."""
    found: dict[str, list[tuple[float, float]]] = {OURS: []}
    for summary in _of_task(bench, task):
        if summary.c2st_mean is not None:
            found[OURS].append((summary.num_simulations, summary.c2st_mean))
    for num in published_budgets(bench.published, task):
        results = published_results(bench.published, task, num, bench.settings.observations)
        others = [one.c2st for name, one in results.items() if name not in (AMORTISED, _SEQUENTIAL)]
        named = {
            name: results[name].c2st for name in (AMORTISED, _SEQUENTIAL) if name in results
        } | ({_REST: min(others)} if others else {})
        for name, accuracy in named.items():
            found.setdefault(name, []).append((num, accuracy))
    return {name: np.array(points, float) for name, points in found.items() if points}


def _caption() -> str:
    rest = [name for name in ALGORITHMS if name not in (AMORTISED, _SEQUENTIAL)]
    return (
        "How well a classifier tells draws of the posterior from reference draws (C2ST), after so "
        "many simulations: down is better, 0.5 is perfect. Bold: ours. Thin: published, mean over "
        f"the same observations; {_REST} is, at each budget, the best of {', '.join(rest)}."
    )


def _alt(bench: "Bench") -> str:
    listed = "; ".join(
        f"{summary.task} with {summary.num_simulations:,} simulations: {cells(summary)[2]}"
        + ("" if summary.amortised is None else f", published NPE {summary.amortised.c2st:.3f}")
        for summary in bench.summaries
    )
    return f"C2ST against the number of simulations, one panel for each task. {listed}."


def _of_task(bench: "Bench", task: str) -> list[Summary]:
    return [summary for summary in bench.summaries if summary.task == task]
