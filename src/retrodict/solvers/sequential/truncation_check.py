"""Whether truncation may have cut off a part of the posterior."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from scipy import stats

from retrodict.diagnostics import expected_coverage
from retrodict.diagnostics.arguments import MIN_OBSERVATIONS, Json
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.typing import Key

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

LEVEL = 0.01
# The outermost region that this many draws can tell holds 99 %.
_NUM_DRAWS = 99
_MOST_PAIRS = 250
# A network leaks this much over the border of the region without any posterior being there.
_MOST_OUTSIDE = 0.05


@dataclass(frozen=True)
class HeldOutCoverage:
    """How one network does on pairs that it was not trained on.

    Attributes:
        loss: mean of -log q(x | y), in nats.
        share_missed: of true causes outside the 99 % region; .01 of an exact posterior.
        p_value: of the regions not being too small.
        num_pairs: judged.
    """

    loss: float
    share_missed: float
    p_value: float
    num_pairs: int


def held_out_coverage(
    sampler: AbstractPosteriorSampler, x: Float[np.ndarray, "pairs dim"], key: Key
) -> HeldOutCoverage:
    """Expected coverage (Hermans et al. 2022, arXiv:2110.06581), tested for being too small.

    Deistler et al. (2022) judge truncation by it. Held-out pairs come from the truncated priors
    of all rounds and the simulator, as those of training, so that the posteriors that the
    network learned should hold the truth as often as they claim. Too large regions cut nothing
    off, so that the test is one-sided: the number of causes outside the 99 % region is at most
    binomial, and the mean rank at most that of uniform ranks; the smaller of both p-values
    counts twice.

    Args:
        sampler: posteriors of the observations of the pairs.
        x: their true causes.
        key: of the draws.
    """
    of_truth = sampler.log_prob(x[:, None])[:, 0]
    loss = float(-of_truth.mean())
    num = len(x)
    if num < MIN_OBSERVATIONS:
        return HeldOutCoverage(loss, np.nan, np.nan, num)
    found = expected_coverage(sampler.log_prob(sampler.sample(key, _NUM_DRAWS)), of_truth)
    num_missed = int((found.ranks == _NUM_DRAWS).sum())
    p_missed = stats.binom.sf(num_missed - 1, num, 1 / (_NUM_DRAWS + 1))
    p_mean = stats.norm.cdf(found.excess * np.sqrt(12 * num))
    p_value = min(1.0, 2 * float(min(p_missed, p_mean)))
    return HeldOutCoverage(loss, num_missed / num, p_value, num)


def some_rows(rows: np.ndarray) -> np.ndarray:
    """Of held-out rows, as many as the test looks at."""
    return rows[:_MOST_PAIRS]


@dataclass(frozen=True)
class TruncationCheck:
    """Whether all rounds together are to be trusted not to have cut off posterior mass.

    Attributes:
        rounds: their numbers, counted from 1.
        share_missed: of held-out causes outside the 99 % region, by round.
        p_values: of the regions of each round not being too small; NaN where it had too few
            held-out pairs to tell.
        share_outside: of each round's posterior of the observation, what lies outside the
            region that its simulations came from.
    """

    rounds: np.ndarray
    share_missed: Float[np.ndarray, " rounds"]
    p_values: Float[np.ndarray, " rounds"]
    share_outside: Float[np.ndarray, " rounds"]

    @classmethod
    def of(cls, rounds: "pandas.DataFrame") -> "TruncationCheck":
        """From `rounds_` of a solver."""
        return cls(
            rounds["round"].to_numpy(),
            rounds["share_missed"].to_numpy(float),
            rounds["p_value"].to_numpy(float),
            rounds["share_outside"].to_numpy(float),
        )

    @property
    def overconfident(self) -> np.ndarray:
        """The rounds whose regions are too small, at 1 % over all rounds."""
        return self.rounds[self.p_values < LEVEL / len(self.rounds)]

    @property
    def pressing(self) -> np.ndarray:
        """The rounds whose posterior presses against the border of the region."""
        return self.rounds[self.share_outside > _MOST_OUTSIDE]

    @property
    def passed(self) -> bool:
        """Every round could be judged, and none is overconfident or presses at the border."""
        judged = not np.isnan(self.p_values).any()
        return judged and not self.overconfident.size and not self.pressing.size

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "overconfident_rounds": self.overconfident.tolist(),
            "pressing_rounds": self.pressing.tolist(),
            "share_missed": self.share_missed.tolist(),
            "p_values": self.p_values.tolist(),
            "share_outside": self.share_outside.tolist(),
        }

    def __str__(self) -> str:
        if self.passed:
            return (
                "Nothing speaks for a part of the posterior being missing: the regions of all "
                f"{len(self.rounds)} rounds hold held-out causes as often as they claim."
            )
        reasons = []
        if self.overconfident.size:
            worst = int(np.nanargmax(self.share_missed))
            reasons.append(
                f"the network of {_numbered(self.overconfident)} is overconfident (99 % regions "
                f"of round {self.rounds[worst]} miss {self.share_missed[worst]:.0%} of held-out "
                "causes)"
            )
        if self.pressing.size:
            worst = int(self.share_outside.argmax())
            reasons.append(
                f"the posterior of {_numbered(self.pressing)} presses against the border of the "
                f"region ({self.share_outside[worst]:.0%} of round {self.rounds[worst]} lies "
                "outside)"
            )
        if np.isnan(self.p_values).any():
            reasons.append(
                f"{_numbered(self.rounds[np.isnan(self.p_values)])} held out too few pairs to tell"
            )
        return (
            f"A part of the posterior may be missing: {'; '.join(reasons)}. Compare "
            "with a fit without `observation`, give each round more simulations (fewer rounds), "
            "a smaller `truncation`, or several networks (`Ensemble`)."
        )


def _numbered(rounds: np.ndarray) -> str:
    return f"round{'s' if len(rounds) > 1 else ''} {', '.join(map(str, rounds.tolist()))}"
