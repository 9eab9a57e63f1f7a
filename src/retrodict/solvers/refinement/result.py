"""What a refinement reports about itself."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from retrodict.diagnostics.arguments import Json
from retrodict.diagnostics.pareto_smoothing import largest_usable_k

FEWEST_EFFECTIVE = 100
LARGEST_R_HAT = 1.01


@dataclass(frozen=True)
class Refinement:
    """How a posterior was refined, and for which observations that worked.

    Attributes:
        method: "importance", "sir", "independent-metropolis" or "nuts".
        num_draws: kept, per observation.
        num_proposals: draws of the trained posterior (of its latent space for NUTS: steps of
            all chains) they were made from, per observation.
        ess: effective number of draws: Kish's of the proposals' weights; for chains, bulk, of
            the worst parameter, at most `num_draws`.
        pareto_k: tail of the proposals' weights; None for NUTS, which has no weights.
        num_distinct: different draws among those kept.
        log_evidence: log p(y) in nats, by importance sampling; None for NUTS.
        log_evidence_error: its standard error; to be believed where k is below 0.7.
        acceptance: share of accepted proposals; None without chains.
        r_hat: of the worst parameter; None without chains.
        num_divergent: steps of NUTS that went astray; None for the others.
    """

    method: str
    num_draws: int
    num_proposals: int
    ess: Float[np.ndarray, " observations"]
    num_distinct: Int[np.ndarray, " observations"]
    pareto_k: Float[np.ndarray, " observations"] | None = None
    log_evidence: Float[np.ndarray, " observations"] | None = None
    log_evidence_error: Float[np.ndarray, " observations"] | None = None
    acceptance: Float[np.ndarray, " observations"] | None = None
    r_hat: Float[np.ndarray, " observations"] | None = None
    num_divergent: Int[np.ndarray, " observations"] | None = None

    @property
    def usable(self) -> Bool[np.ndarray, " observations"]:
        """Which observations' draws can be relied on.

        They need 100 effective draws, and k at most min(1 - 1 / log10 proposals, 0.7) for
        weights, R-hat at most 1.01 for chains.
        """
        usable = self.ess >= FEWEST_EFFECTIVE
        if self.r_hat is not None:
            return usable & (self.r_hat <= LARGEST_R_HAT)
        if self.pareto_k is not None:
            return usable & (self.pareto_k <= largest_usable_k(self.num_proposals))
        return usable

    @property
    def passed(self) -> bool:
        """The draws of every observation can be used."""
        return bool(self.usable.all())

    def to_dict(self) -> Json:
        """Plain numbers; infinite ones are None."""
        columns = {
            "ess": self.ess,
            "num_distinct": self.num_distinct,
            "pareto_k": self.pareto_k,
            "log_evidence": self.log_evidence,
            "log_evidence_error": self.log_evidence_error,
            "acceptance": self.acceptance,
            "r_hat": self.r_hat,
            "num_divergent": self.num_divergent,
        }
        return {
            "passed": self.passed,
            "method": self.method,
            "num_draws": self.num_draws,
            "num_proposals": self.num_proposals,
            **{name: _plain(values) for name, values in columns.items() if values is not None},
        }

    def __str__(self) -> str:
        found = (
            f"Refined by {self.method}: {self.num_draws:,} draws from {self.num_proposals:,} "
            f"proposals, {self._measured(np.arange(len(self.ess)))}"
        )
        if self.passed:
            return f"{found}."
        return f"{found}; unusable for {(~self.usable).sum()} of {len(self.ess)} observations."

    def complaint(self) -> tuple[str, str]:
        """Which observations cannot be used, with what numbers, and what to do about it."""
        bad = np.flatnonzero(~self.usable)
        worst = ", ".join(f"{i} ({self._measured(bad[bad == i])})" for i in bad[:3])
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        wanted = (
            f"R-hat at most {LARGEST_R_HAT}"
            if self.r_hat is not None
            else f"k at most {largest_usable_k(self.num_proposals):.2f}"
        )
        cure = {
            "nuts": "Run longer chains (`num_draws`, `LatentNUTS(num_warm_up=...)`)",
            "independent-metropolis": "Try `method='nuts'`, or more `steps_per_draw`",
        }.get(
            self.method,
            "Try `method='independent-metropolis'` or `'nuts'`, a `prior_share` of a few per "
            "cent, or more proposals",
        )
        return (
            f"The draws of {len(bad)} of {len(self.ess)} observations cannot be used "
            f"({wanted} and {FEWEST_EFFECTIVE} effective draws are needed): observation "
            f"{worst}{more}.",
            f"The trained posterior is too far from the exact one there: train longer or on more "
            f"simulations. {cure}. `allow_unusable=True` returns the draws anyway, to look at.",
        )

    def _measured(self, rows: Int[np.ndarray, " rows"]) -> str:
        parts = [] if self.pareto_k is None else [f"Pareto k {self.pareto_k[rows].max():.2f}"]
        parts.append(f"effective draws {self.ess[rows].min():,.0f}")
        if self.acceptance is not None:
            parts.append(f"acceptance {self.acceptance[rows].min():.0%}")
        if self.r_hat is not None:
            parts.append(f"R-hat {self.r_hat[rows].max():.3f}")
        return ", ".join(parts)


def _plain(values: np.ndarray) -> list[float | int | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
