"""What a repair of intervals found and did, for people and for JSON."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from retrodict.diagnostics.arguments import Json, by_name


@dataclass(frozen=True)
class CoverageRepair:
    """Whether the posterior needed repair, and what its intervals hold before and after.

    Attributes:
        levels: of the central intervals.
        before: share of true causes inside them, per level and parameter.
        after: the same for repaired draws, each fifth of the calibration observations repaired
            by the other four; equal to `before` where nothing needed repair.
        p_values: that true causes rank uniformly among their draws, per group and parameter.
        needed: which parameters need repair, per group.
        names: of the parameters.
        groups: labels of the groups; `("all",)` without groups.
        num_observations: for calibration.
        num_draws: of each of them.
        at_bound: which parameters have a bound that carries probability of its own.
        too_few: which parameters would need repair, per group, were there enough true causes
            beside that bound.
    """

    levels: Float[np.ndarray, " levels"]
    before: Float[np.ndarray, "levels dim"]
    after: Float[np.ndarray, "levels dim"]
    p_values: Float[np.ndarray, "groups dim"]
    needed: Bool[np.ndarray, "groups dim"]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    num_observations: int
    num_draws: int
    at_bound: Bool[np.ndarray, " dim"]
    too_few: Bool[np.ndarray, "groups dim"]

    def to_dict(self) -> Json:
        return {
            "needed": {
                group: dict(zip(self.names, row, strict=True))
                for group, row in zip(self.groups, self.needed.tolist(), strict=True)
            },
            "p_values": {
                group: by_name(self.names, row)
                for group, row in zip(self.groups, self.p_values, strict=True)
            },
            "levels": self.levels.tolist(),
            "before": dict(zip(self.names, self.before.T.tolist(), strict=True)),
            "after": dict(zip(self.names, self.after.T.tolist(), strict=True)),
            "num_observations": self.num_observations,
            "num_draws": self.num_draws,
            "at_bound": dict(zip(self.names, self.at_bound.tolist(), strict=True)),
            "too_few": dict(zip(self.names, _in_any_group(self.too_few).tolist(), strict=True)),
        }

    def __str__(self) -> str:
        sentences = (self._found, self._left_out, self._of_bounds)
        return " ".join(sentence for sentence in sentences if sentence)

    @property
    def _found(self) -> str:
        repaired = np.flatnonzero(self.needed.any(axis=0))
        if not repaired.size and self.too_few.any():
            return "No draws are repaired."
        if not repaired.size:
            return (
                f"Draws are left alone: as far as {self.num_observations:,} observations can tell, "
                f"the posterior is calibrated (smallest of {self.p_values.size} p-values: "
                f"{self.p_values.min():.2g}); its intervals are calibrated all the same."
            )
        missed = np.abs(self.before[:, repaired] - self.levels[:, None])
        level, which = np.unravel_index(missed.argmax(), missed.shape)
        worst = repaired[which]
        names = self._listed(_in_any_group(self.needed))
        groups = ""
        if len(self.groups) > 1:
            num_needed = int(self.needed.any(axis=1).sum())
            groups = f" in {num_needed} of {len(self.groups)} groups"
        return (
            f"Repaired {names}{groups}: the {self.levels[level]:.0%} intervals of "
            f"`{self.names[worst]}` held the truth in {self.before[level, worst]:.1%} of "
            f"{self.num_observations:,} observations, and hold it in "
            f"{self.after[level, worst]:.1%} after repair (cross-validated)."
        )

    @property
    def _left_out(self) -> str:
        names = self._listed(_in_any_group(self.too_few))
        return names and (
            f"{names}: not calibrated, but too few true causes lie beside the bound to repair it."
        )

    @property
    def _of_bounds(self) -> str:
        names = self._listed(self.at_bound)
        return names and (
            f"Draws exactly at a bound of {names} stay there; intervals that reach it hold the "
            "truth at least as often as they say."
        )

    def _listed(self, chosen: Bool[np.ndarray, " dim"]) -> str:
        return ", ".join(f"`{self.names[i]}`" for i in np.flatnonzero(chosen))


def _in_any_group(chosen: Bool[np.ndarray, "groups dim"]) -> Bool[np.ndarray, " dim"]:
    return np.asarray(chosen.any(axis=0))
