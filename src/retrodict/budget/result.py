"""A learning curve, and what it says."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from retrodict.budget.point import Point
from retrodict.budget.projection import Projection, project
from retrodict.tables.output_folder import write_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class LearningCurve:
    """How good posteriors get with more pairs to learn from.

    Attributes:
        points: of increasing size, all judged on the same held-out pairs.
        wanted: the calibration error that `projection` is about.
        solver: what was trained, in words.
        num_held_out: pairs that no training has seen.
        command: what was typed; empty in Python.
    """

    points: tuple[Point, ...]
    wanted: float
    solver: str
    num_held_out: int
    command: str = ""

    @property
    def projection(self) -> Projection:
        """The number of pairs that the wanted calibration error needs."""
        return project(self.points, self.wanted)

    @property
    def gain_by_doubling(self) -> float | None:
        """What the last doubling of the pairs has brought, in nats of the log score per cause.

        None without densities, or with a single point.
        """
        if len(self.points) < 2:
            return None
        before, last = self.points[-2:]
        if before.log_score is None or last.log_score is None:
            return None
        doublings = math.log2(last.num_pairs / before.num_pairs)
        return (last.log_score - before.log_score) / doublings

    def table(self) -> pd.DataFrame:
        """One row per point."""
        return pd.DataFrame([point.to_dict() for point in self.points])

    def to_markdown(self) -> str:
        """The table for people, and what follows from it."""
        lines = [
            "| simulations | calibration error | chance | log score | rmse | verdict | training |",
            "|---:|---:|---:|---:|---:|---|---:|",
        ]
        lines += [
            f"| {p.num_pairs:,} | {p.calibration_error:.2%} | {p.error_if_exact:.2%} | "
            f"{'–' if p.log_score is None else f'{p.log_score:.3f}'} | {p.rmse:.3f} | {p.trust} | "
            f"{p.training_seconds:.1f} s |"
            for p in self.points
        ]
        return "\n".join([*lines, "", *self.sentences])

    @property
    def sentences(self) -> list[str]:
        """What follows, one sentence each."""
        found = [str(self.projection)]
        gain = self.gain_by_doubling
        if gain is not None:
            found.append(f"The last doubling brought {gain:.3f} nats per cause.")
        return found

    def picture(self) -> "Figure":
        """Calibration error, and the log score where there is one, over the simulations."""
        from retrodict import plots

        scores = [point.log_score for point in self.points]
        return plots.learning_curve(
            [point.num_pairs for point in self.points],
            [point.calibration_error for point in self.points],
            [point.error_if_exact for point in self.points],
            log_score=None if None in scores else np.array(scores, dtype=float),
            wanted=self.wanted,
            projected=self.projection.num_pairs,
        )

    def write(self, folder: str | Path) -> Path:
        """Writes the table as Markdown and CSV, and the picture; returns the picture's path."""
        from retrodict import plots

        path = Path(folder)
        files: dict[str, str | bytes] = {
            "curve.md": f"{self.to_markdown()}\n",
            "curve.csv": self.table().to_csv(index=False),
            "curve.png": plots.to_png(self.picture()),
        }
        write_results(path, "a curve", files)
        return path / "curve.png"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        projection = self.projection
        return {
            "solver": self.solver,
            "num_held_out": self.num_held_out,
            "points": [point.to_dict() for point in self.points],
            "wanted": self.wanted,
            "projected_num_pairs": projection.num_pairs,
            "projected_lower": projection.lower,
            "projected_upper": projection.upper,
            "exponent": projection.exponent,
            "projection": projection.sentence,
            "gain_by_doubling": self.gain_by_doubling,
            "command": self.command,
        }

    def __str__(self) -> str:
        return " ".join(self.sentences)
