"""The finished benchmark: its rows and its table in several forms, and its page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrodict.bench.markdown import markdown
from retrodict.bench.published import published_results
from retrodict.bench.row import Row
from retrodict.bench.settings import Settings
from retrodict.bench.summary import Summary
from retrodict.comparison.folder import as_json
from retrodict.datasets import sbibm_published
from retrodict.errors import BundleCorruptedError, BundleNotFoundError
from retrodict.tables.output_folder import write_results

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_RESULTS = "results.json"


@dataclass(frozen=True, eq=False)
class Bench:
    """What a solver reached on the tasks of sbibm, beside what was published.

    Attributes:
        settings: what was asked for.
        rows: one for each task, budget, seed and observation.
        published: all published results, of `retrodict.datasets.sbibm_published`.
        solver: its class and settings.
        command: what repeats the benchmark; empty where it was called from Python.
    """

    settings: Settings
    rows: tuple[Row, ...]
    published: "pandas.DataFrame"
    solver: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""

    @classmethod
    def read(cls, path: str | Path) -> "Bench":
        """A benchmark that was written.

        Args:
            path: its folder, or its `results.json` under any name.

        Raises:
            BundleNotFoundError: there is none.
            BundleCorruptedError: it was damaged, or written by another version.
            DataError, CapabilityError: the published results are missing or damaged.
        """
        file = Path(path)
        if file.is_dir():
            file /= _RESULTS
        if not file.is_file():
            raise BundleNotFoundError(
                f"There are no results of a benchmark at `{file}`.",
                "Name a folder that `retrodict bench` has finished.",
            )
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            settings = Settings.from_dict(stored)
            rows = tuple(Row(**row) for row in stored["rows"])
            solver, command = stored["solver"], stored["command"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleCorruptedError(
                f"`{file}` holds no results of a benchmark, or those of another version: {error}.",
                "Resume the benchmark, which writes them anew.",
            ) from error
        return cls(settings, rows, sbibm_published(), solver, command)

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows with an error instead of numbers."""
        return tuple(row for row in self.rows if row.failed)

    @cached_property
    def summaries(self) -> tuple[Summary, ...]:
        """One for each task and budget: by task, the small budgets first."""
        grouped: dict[tuple[str, int], list[Row]] = {
            (task, num): [] for task in self.settings.tasks for num in sorted(self.settings.budgets)
        }
        for row in self.rows:
            grouped[row.task, row.num_simulations].append(row)
        return tuple(
            Summary.of(
                rows, published_results(self.published, task, num, self.settings.observations)
            )
            for (task, num), rows in grouped.items()
            if rows
        )

    @property
    def machines(self) -> tuple[str, ...]:
        """Where fits ran, and with which versions."""
        return tuple(dict.fromkeys(row.machine for row in self.rows if row.machine))

    @property
    def dates(self) -> tuple[str, str] | None:
        """Of the first and the last fit, UTC; None where no fit finished."""
        dates = sorted(row.date for row in self.rows if row.date)
        return (dates[0], dates[-1]) if dates else None

    def to_frame(self) -> "pandas.DataFrame":
        """One row for each task, budget, seed and observation, with all that was measured."""
        import pandas as pd

        return pd.DataFrame([row.to_dict() for row in self.rows]).drop(columns="traceback")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "command": self.command,
            "solver": dict(self.solver),
            **self.settings.to_dict(),
            "is_comparable": self.settings.is_comparable,
            "dates": None if self.dates is None else list(self.dates),
            "machines": list(self.machines),
            "summaries": [summary.to_dict() for summary in self.summaries],
            "rows": [row.to_dict() for row in self.rows],
        }

    def to_markdown(self) -> str:
        """The table for people."""
        return markdown(self.summaries, self.settings)

    def picture(self) -> "matplotlib.figure.Figure | None":
        """The picture of the page: ours and published C2ST against the number of simulations.

        None where nothing finished and nothing was published.
        """
        from retrodict.bench.page import figure

        return figure(self)

    def write(self, folder: str | Path) -> Path:
        """Writes `results.json`, `results.csv`, `table.md` and `index.html`, replacing older ones.

        Returns:
            The page.

        Raises:
            OutputNotWritableError: missing rights, a full disk, a file in the way.
        """
        from retrodict.bench.page import render

        path = Path(folder)
        files = {
            "table.md": self.to_markdown(),
            "results.csv": self.to_frame().to_csv(index=False),
            "index.html": render(self),
            _RESULTS: as_json(self.to_dict()),
        }
        write_results(path, "a benchmark", files)
        return path / "index.html"
