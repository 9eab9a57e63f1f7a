"""What a budget of simulations of a task comes to, over observations and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from retrodict.bench.published import AMORTISED, Published
from retrodict.bench.row import Row


@dataclass(frozen=True)
class Summary:
    """Means over the rows of one task and budget, beside published ones.

    Where one row failed there are none: a mean over the others would be of something else.

    Attributes:
        task: our name of it.
        num_simulations: the budget.
        num_rows: observations times seeds.
        errors: of the rows that failed, each once.
        c2st_mean, c2st_sd, c2st_median: over the rows; no sd of one row.
        mmd_mean, mmd_median: over the rows.
        fit_seconds: mean over seeds.
        sampling_seconds: mean over seeds, for the draws of all ten observations.
        published: of others, over the same observations.
    """

    task: str
    num_simulations: int
    num_rows: int
    errors: tuple[str, ...]
    c2st_mean: float | None
    c2st_sd: float | None
    c2st_median: float | None
    mmd_mean: float | None
    mmd_median: float | None
    fit_seconds: float | None
    sampling_seconds: float | None
    published: Mapping[str, Published]

    @classmethod
    def of(cls, rows: Sequence[Row], published: Mapping[str, Published]) -> "Summary":
        """The summary of rows of the same task and budget."""
        accuracies, squared, fits, samplings = (
            [value for row in rows if (value := getattr(row, name)) is not None]
            for name in ("c2st", "mmd", "fit_seconds", "sampling_seconds")
        )
        errors = tuple(dict.fromkeys(row.error for row in rows if row.failed))
        is_whole = not errors
        return cls(
            task=rows[0].task,
            num_simulations=rows[0].num_simulations,
            num_rows=len(rows),
            errors=errors,
            c2st_mean=float(np.mean(accuracies)) if is_whole else None,
            c2st_sd=float(np.std(accuracies, ddof=1)) if is_whole and len(rows) > 1 else None,
            c2st_median=float(np.median(accuracies)) if is_whole else None,
            mmd_mean=float(np.mean(squared)) if is_whole else None,
            mmd_median=float(np.median(squared)) if is_whole else None,
            # Every seed has as many rows, so that these are means over seeds.
            fit_seconds=float(np.mean(fits)) if is_whole else None,
            sampling_seconds=float(np.mean(samplings)) if is_whole else None,
            published=published,
        )

    @property
    def amortised(self) -> Published | None:
        """Published NPE: one fit for all observations, as ours."""
        return self.published.get(AMORTISED)

    @property
    def best_published(self) -> Published | None:
        """Of all algorithms, the one of the smallest mean C2ST."""
        return min(self.published.values(), key=lambda one: one.c2st, default=None)

    @property
    def beats_amortised(self) -> bool | None:
        """Whether the mean C2ST is below that of published NPE; None if either is missing."""
        return self._is_below(self.amortised)

    @property
    def beats_all(self) -> bool | None:
        """Whether it is below that of every published algorithm."""
        return self._is_below(self.best_published)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        best = self.best_published
        return {
            **asdict(self),
            "best_published": None if best is None else best.algorithm,
            "beats_npe": self.beats_amortised,
            "beats_all_published": self.beats_all,
        }

    def _is_below(self, other: Published | None) -> bool | None:
        if other is None or self.c2st_mean is None:
            return None
        return self.c2st_mean < other.c2st
