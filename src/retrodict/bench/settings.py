"""What a benchmark is about: which solver, how it is judged, and on what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retrodict.datasets import SBIBM_TASKS
from retrodict.datasets.sbibm import NUM_DRAWS, NUM_OBSERVATIONS
from retrodict.diagnostics.c2st import MIN_DRAWS
from retrodict.errors import ConfigurationError, TooFewRowsError
from retrodict.solvers.base import FEWEST_ROWS
from retrodict.tables.names import nearest


@dataclass(frozen=True)
class Case:
    """One fit: a task, so many simulations of it, a seed."""

    task: str
    num_simulations: int
    seed: int

    def __str__(self) -> str:
        return f"{self.task}, {self.num_simulations:,} simulations, seed {self.seed}"


@dataclass(frozen=True)
class Settings:
    """What is asked of a benchmark.

    Attributes:
        tasks: our names of tasks of sbibm.
        budgets: numbers of simulations.
        observations: numbers of the reference observations, of 1 to 10.
        seeds: one fit for each.
        num_draws: from each posterior, compared with as many reference draws.
        fast: `fast_c2st` instead of the classifier of the published numbers.
    """

    tasks: tuple[str, ...]
    budgets: tuple[int, ...]
    observations: tuple[int, ...]
    seeds: tuple[int, ...]
    num_draws: int = NUM_DRAWS
    fast: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Settings":
        """Those that `to_dict` described; other values may be among them."""
        return cls(
            tasks=tuple(values["tasks"]),
            budgets=tuple(values["budgets"]),
            observations=tuple(values["observations"]),
            seeds=tuple(values["seeds"]),
            num_draws=values["num_draws"],
            fast=values["fast_c2st"],
        )

    def check(self) -> None:
        """Refuses what cannot work, before anything is simulated for it.

        Raises:
            ConfigurationError: an unknown task or observation, nothing to do, too few draws to
                judge by, or more than there are reference draws.
            TooFewRowsError: a budget too small to train and to validate on.
        """
        for name in ("tasks", "budgets", "observations", "seeds"):
            if not getattr(self, name):
                raise ConfigurationError(
                    f"A benchmark needs at least one entry in `{name}`; got none.", "Name one."
                )
        for task in self.tasks:
            if task not in SBIBM_TASKS:
                near = nearest(task.replace("_", "-"), SBIBM_TASKS)
                raise ConfigurationError(
                    f"sbibm has no task `{task}`; its tasks here are {', '.join(SBIBM_TASKS)}.",
                    f"Did you mean {near}?" if near else "Choose one of these.",
                )
        for number in self.observations:
            if not 1 <= number <= NUM_OBSERVATIONS:
                raise ConfigurationError(
                    f"Observations are numbered 1 to {NUM_OBSERVATIONS}; got {number}.",
                    "Choose some of these.",
                )
        if min(self.seeds) < 0:
            raise ConfigurationError(f"A seed is not negative; got {min(self.seeds)}.", "Use 1.")
        if min(self.budgets) < FEWEST_ROWS:
            raise TooFewRowsError(
                f"A budget has at least {FEWEST_ROWS} simulations to train and to validate on; "
                f"got {min(self.budgets)}.",
                "Published results are for 1,000, 10,000 and 100,000.",
            )
        if not MIN_DRAWS <= self.num_draws <= NUM_DRAWS:
            raise ConfigurationError(
                f"A posterior is judged by {MIN_DRAWS} to {NUM_DRAWS:,} draws, for there are "
                f"{NUM_DRAWS:,} reference draws; got {self.num_draws:,}.",
                f"Published results are for {NUM_DRAWS:,}.",
            )

    def cases(self) -> Iterator[Case]:
        """The fits, the quick ones first."""
        for num in sorted(self.budgets):
            for task in self.tasks:
                for seed in self.seeds:
                    yield Case(task, num, seed)

    @property
    def is_comparable(self) -> bool:
        """Whether the measures are those of the published numbers, in every respect."""
        return not self.fast and self.num_draws == NUM_DRAWS

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "tasks": list(self.tasks),
            "budgets": list(self.budgets),
            "observations": list(self.observations),
            "seeds": list(self.seeds),
            "num_draws": self.num_draws,
            "fast_c2st": self.fast,
        }
