"""The finished comparison: its table in several forms, and its page."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float

from retrodict.comparison.against_problem import (
    NUM_COMPARED_DRAWS,
    HeldOut,
    held_out_pairs,
)
from retrodict.comparison.folder import as_json
from retrodict.comparison.judge import NUM_SHOWN, Budget, Judged
from retrodict.comparison.markdown import markdown
from retrodict.comparison.published import published
from retrodict.comparison.row import Row, rank
from retrodict.problems.base import AbstractProblem, AbstractReferencePosterior
from retrodict.tables.output_folder import write_results

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_LIBRARIES = ("retrodict", "jax", "equinox", "numpy", "scipy", "scikit-learn")
_NOT_IN_TABLE = {"settings", "traceback"}


@dataclass(frozen=True, eq=False)
class Comparison:
    """What solvers reached on one problem, best first.

    Attributes:
        problem: that they learned from.
        budget: what each of them got, and was judged by.
        rows: one for each solver, by mismatch to the exact posterior; failures last.
        draws: of each solver that did not fail, for the first held-out observations.
        command: what repeats the comparison; empty where it was called from Python.
        facts: the machine and the versions of the libraries that took part.
    """

    problem: AbstractProblem
    budget: Budget
    rows: tuple[Row, ...]
    draws: Mapping[str, Float[np.ndarray, "observations draws dim"]]
    command: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, problem: AbstractProblem, budget: Budget, judged: Sequence[Judged], command: str = ""
    ) -> "Comparison":
        """The comparison of solvers that have been judged."""
        return cls(
            problem,
            budget,
            tuple(sorted((one.row for one in judged), key=rank)),
            {one.row.name: one.draws for one in judged if one.draws is not None},
            command,
            _facts(),
        )

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows with an error instead of numbers."""
        return tuple(row for row in self.rows if row.failed)

    def table(self) -> "pandas.DataFrame":
        """One row for each solver, with all numbers and those published for the same method."""
        import pandas as pd

        return pd.DataFrame(self._records())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON: the table with the settings behind it."""
        return {
            "problem": self.problem.name,
            "command": self.command,
            "num_simulations": self.budget.num_simulations,
            "num_held_out": self.budget.num_held_out,
            "seed": self.budget.seed,
            "facts": dict(self.facts),
            "rows": [
                {**record, "settings": row.settings}
                for record, row in zip(self._records(), self.rows, strict=True)
            ],
        }

    def to_markdown(self) -> str:
        """The main columns as a table for people."""
        return markdown(self.problem.name, self.rows)

    def write(self, folder: str | Path) -> Path:
        """Write `table.md`, `table.csv`, `table.json` and `report.html`, replacing older ones.

        Returns:
            The page.

        Raises:
            OutputNotWritableError: missing rights, a full disk, a file in the way.
        """
        from retrodict.comparison.page import render

        path = Path(folder)
        files = {
            "table.md": self.to_markdown(),
            "table.csv": self.table().to_csv(index=False),
            "report.html": render(self),
            "table.json": as_json(self.to_dict()),
        }
        write_results(path, "a comparison", files)
        return path / "report.html"

    def shown(self) -> tuple[HeldOut, Float[np.ndarray, "observations draws dim"] | None]:
        """The pairs whose posteriors the page shows, and their exact posterior draws."""
        pairs = held_out_pairs(self.problem, self.budget.num_held_out, self.budget.seed)
        pairs = HeldOut(pairs.x[:NUM_SHOWN], pairs.y[:NUM_SHOWN])
        if not isinstance(self.problem, AbstractReferencePosterior):
            return pairs, None
        key = jax.random.key(self.budget.seed)
        return pairs, self.problem.exact_posterior_rows(key, pairs.y, NUM_COMPARED_DRAWS)

    def _records(self) -> list[dict[str, Any]]:
        names = [entry.name for entry in fields(Row) if entry.name not in _NOT_IN_TABLE]
        records = []
        for row in self.rows:
            found = published(self.problem.name, row.name)
            records.append(
                {name: getattr(row, name) for name in names}
                | {
                    "published_mmd": None if found is None else found.mmd,
                    "published_resimulation": None if found is None else found.resimulation,
                    "published_source": "" if found is None else found.reference,
                    "meets_published": None if found is None else found.is_met_by(row),
                }
            )
        return records


def _facts() -> dict[str, str]:
    devices = jax.devices()
    return {
        "machine": f"{platform.system()} {platform.machine()}, {len(devices)} "
        f"{devices[0].device_kind} devices, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
    }
