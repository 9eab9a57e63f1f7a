"""The table for people: ours beside what was published for as many simulations."""

from collections.abc import Sequence

from retrodict.bench.settings import Settings
from retrodict.bench.summary import Summary
from retrodict.comparison.markdown import duration
from retrodict.datasets.sbibm import NUM_DRAWS
from retrodict.report.numbers import significant

COLUMNS = (
    "task",
    "simulations",
    "C2ST",
    "median",
    "NPE",
    "best published",
    "better than",
    "MMD²",
    "NPE MMD²",
    "fit",
    "NPE took",
)
TEXT_COLUMNS = frozenset({0, 5, 6})
_NONE = "–"


def cells(summary: Summary) -> tuple[str, ...]:
    """One line of the table as text, in the order of `COLUMNS`."""
    npe, best = summary.amortised, summary.best_published
    return (
        summary.task,
        f"{summary.num_simulations:,}",
        _mean_and_sd(summary),
        _accuracy(summary.c2st_median),
        _accuracy(None if npe is None else npe.c2st),
        _NONE if best is None else f"{best.c2st:.3f} ({best.algorithm})",
        _better_than(summary),
        _number(summary.mmd_mean),
        _number(None if npe is None else npe.mmd),
        duration(summary.fit_seconds),
        _NONE if npe is None or npe.minutes is None else duration(60 * npe.minutes),
    )


def notes(settings: Settings) -> tuple[str, ...]:
    """What has to be known to read the table, one sentence or two each."""
    num = len(settings.observations)
    over = "one observation" if num == 1 else f"{num} observations"
    if len(settings.seeds) > 1:
        over += f" and {len(settings.seeds)} seeds"
    found = [
        "C2ST: how often a classifier tells our draws from reference draws, "
        f"{settings.num_draws:,} each; 0.5 is perfect, 1 is the worst. Mean ± standard deviation, "
        f"and median, over {over}.",
    ]
    if settings.fast:
        found.append(
            "This is `fast_c2st`, which agrees with the classifier of the published numbers to "
            "about .01; they are not to be compared to the last digit."
        )
    if settings.num_draws != NUM_DRAWS:
        found.append(
            f"Published numbers are from {NUM_DRAWS:,} draws: a classifier that "
            "learns from fewer tells less, so these are not to be compared with them."
        )
    found += [
        "NPE, best published: mean C2ST over the same observations (Lueckmann et al. 2021; "
        "gaussian-mixture: its rerun); the best is that of eight algorithms, sequential ones among "
        "them, which simulate anew for every observation.",
        "MMD²: unbiased, Gaussian kernel, bandwidth the median distance of reference draws, as "
        "published. It may fall slightly below 0.",
        "fit: one for all observations, from the first simulation, compilation included; "
        "NPE took: published run time for one observation, on its authors' machine.",
    ]
    return tuple(found)


def markdown(summaries: Sequence[Summary], settings: Settings) -> str:
    """The table, with what failed and how to read it below."""
    failures = [
        f"- {summary.task}, {summary.num_simulations:,}: failed: {' '.join(error.split())}"
        for summary in summaries
        for error in summary.errors
    ]
    lines = [
        _line(COLUMNS),
        "|" + "".join("---|" if i in TEXT_COLUMNS else "---:|" for i in range(len(COLUMNS))),
        *(_line(cells(summary)) for summary in summaries),
        "",
        *failures,
        *(f"- {note}" for note in notes(settings)),
    ]
    return "\n".join(lines) + "\n"


def _mean_and_sd(summary: Summary) -> str:
    if summary.c2st_mean is None:
        return "failed"
    sd = "" if summary.c2st_sd is None else f" ± {summary.c2st_sd:.3f}"
    return f"{summary.c2st_mean:.3f}{sd}"


def _better_than(summary: Summary) -> str:
    if summary.beats_all is None:
        return _NONE
    if summary.beats_all:
        return "all published"
    return "NPE" if summary.beats_amortised else "neither"


def _accuracy(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"


def _number(value: float | None) -> str:
    return _NONE if value is None else significant(value)


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
