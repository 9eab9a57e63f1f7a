"""The table for people: the columns that matter, with as many digits as they mean."""

from collections.abc import Sequence

from retrodict.comparison.published import published
from retrodict.comparison.row import Row
from retrodict.report.numbers import percent, significant

COLUMNS = (
    "solver",
    "MMD² mean",
    "MMD² median",
    "C2ST",
    "re-simulation",
    "calibration error",
    "training",
    "1,000 draws",
    "weights",
    "published",
    "met",
)
_NONE = "–"


def cells(problem: str, row: Row) -> tuple[str, ...]:
    """One row of the table as text, in the order of `COLUMNS`."""
    found = published(problem, row.name)
    met = None if found is None else found.is_met_by(row)
    return (
        row.name,
        _number(row.mmd_mean),
        _number(row.mmd_median),
        _number(row.c2st_mean),
        _number(row.resimulation_mean),
        _NONE if row.calibration_error is None else percent(row.calibration_error),
        duration(row.training_seconds),
        duration(row.seconds_per_1000_draws),
        _NONE if row.num_parameters is None else f"{row.num_parameters:,}",
        _NONE if found is None else found.numbers + (" (recalled)" if found.recalled else ""),
        _NONE if met is None else "yes" if met else "no",
    )


def markdown(problem: str, rows: Sequence[Row]) -> str:
    """The table, with what failed and where published numbers come from below it."""
    lines = [
        _line(COLUMNS),
        "|---|" + "---:|" * (len(COLUMNS) - 3) + "---|---|",
        *(_line(cells(problem, row)) for row in rows),
    ]
    notes = [f"- `{row.name}` failed: {' '.join(row.error.split())}" for row in rows if row.failed]
    found = {row.name: published(problem, row.name) for row in rows}
    notes += [f"- `{name}`: {one.reference}" for name, one in found.items() if one is not None]
    if any(one is not None for one in found.values()):
        notes.insert(
            len([row for row in rows if row.failed]),
            "- published: mismatch (MMD²) / re-simulation, as reported by",
        )
    return "\n".join([*lines, *(["", *notes] if notes else [])]) + "\n"


def duration(seconds: float | None) -> str:
    """`1.2 ms`, `3.4 s`, `2 min 5 s`."""
    if seconds is None:
        return _NONE
    if seconds < 1:
        return f"{significant(1000 * seconds, 2 if seconds < 0.1 else 3)} ms"
    if seconds < 100:
        return f"{significant(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _number(value: float | None) -> str:
    return _NONE if value is None else significant(value)


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
