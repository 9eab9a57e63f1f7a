"""Importance sampling, and resampling, with the trained posterior as proposal."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np
from jaxtyping import Float

from retrodict.diagnostics.pareto_smoothing import ParetoSmoothing, pareto_smoothing
from retrodict.errors import ConfigurationError
from retrodict.problems.base import seed_sequence
from retrodict.solvers.refinement.base import AbstractRefinementMethod
from retrodict.solvers.refinement.draws import RefinedDraws
from retrodict.solvers.refinement.joint import JointDensity
from retrodict.solvers.refinement.proposals import Proposals, propose
from retrodict.solvers.refinement.resampling import systematic, systematic_without_replacement
from retrodict.solvers.refinement.result import Refinement
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.typing import Int, Key

FEWEST_PROPOSALS = 200


@dataclass(frozen=True)
class ImportanceSampling(AbstractRefinementMethod):
    """Every proposal is kept, with the Pareto-smoothed weight p(x) p(y | x) / q(x | y).

    Vehtari, Simpson, Gelman, Yao and Gabry 2024, JMLR 25 (72). The mean ratio is the evidence
    p(y).

    Args:
        prior_share: share of proposals that come from the prior, against thin tails.
    """

    prior_share: float = 0.0
    name: ClassVar[str] = "importance"

    def refined(
        self, sampler: AbstractPosteriorSampler, joint: JointDensity, key: Key, num_draws: int
    ) -> tuple[RefinedDraws, Refinement]:
        require_enough(num_draws)
        proposals = propose(sampler, joint, key, num_draws, self.prior_share)
        smoothing = pareto_smoothing(proposals.log_ratios)
        weights = smoothing.weights
        # Without any weight the draws stand as they are, for those who want to look at them.
        weights = np.where(smoothing.ess[:, None] > 0, weights, 1 / num_draws)
        return _result(
            self.name, proposals, smoothing, joint, proposals.x, weights, (weights > 0).sum(axis=1)
        )


@dataclass(frozen=True)
class SamplingImportanceResampling(AbstractRefinementMethod):
    """Many proposals are weighted, and draws taken from them in proportion to their weights.

    Rubin 1988, "Using the SIR algorithm to simulate posterior distributions", by systematic
    resampling of Pareto-smoothed weights. The draws weigh the same.

    Args:
        proposals_per_draw: how many times more proposals than draws.
        replacement: whether a proposal may be taken more often than once. Without, all draws
            differ, and the heaviest proposals are given less than their due: little, as long
            as the effective number of proposals is many times the number of draws.
        prior_share: share of proposals that come from the prior, against thin tails.
    """

    proposals_per_draw: int = 20
    replacement: bool = True
    prior_share: float = 0.0
    name: ClassVar[str] = "sir"

    def refined(
        self, sampler: AbstractPosteriorSampler, joint: JointDensity, key: Key, num_draws: int
    ) -> tuple[RefinedDraws, Refinement]:
        if self.proposals_per_draw < 1:
            raise ConfigurationError(
                f"`proposals_per_draw` must be at least 1; got {self.proposals_per_draw}.",
                "Use 20.",
            )
        num_proposals = num_draws * self.proposals_per_draw
        require_enough(num_proposals)
        key_propose, key_resample = jax.random.split(key)
        proposals = propose(sampler, joint, key_propose, num_proposals, self.prior_share)
        smoothing = pareto_smoothing(proposals.log_ratios)
        weights = np.where(smoothing.ess[:, None] > 0, smoothing.weights, 1 / num_proposals)
        rng = np.random.default_rng(seed_sequence(key_resample))
        resample = systematic if self.replacement else systematic_without_replacement
        chosen = resample(rng, weights, num_draws)
        x = np.take_along_axis(proposals.x, chosen[..., None], axis=1)
        return _result(self.name, proposals, smoothing, joint, x, None, num_distinct(chosen))


def require_enough(num_proposals: int) -> None:
    """Refuses fewer proposals than their tail can be judged by.

    Raises:
        ConfigurationError: fewer than 200.
    """
    if num_proposals < FEWEST_PROPOSALS:
        raise ConfigurationError(
            f"Weights need at least {FEWEST_PROPOSALS} proposals to be judged; "
            f"got {num_proposals}.",
            "Ask for 1,000 draws or more.",
        )


def num_distinct(chosen: Int[np.ndarray, "observations draws"]) -> Int[np.ndarray, " observations"]:
    """How many different indices each row has."""
    return 1 + (np.diff(np.sort(chosen, axis=1), axis=1) > 0).sum(axis=1)


def _result(
    name: str,
    proposals: Proposals,
    smoothing: ParetoSmoothing,
    joint: JointDensity,
    x: Float[np.ndarray, "observations draws dim"],
    weights: Float[np.ndarray, "observations draws"] | None,
    distinct: Int[np.ndarray, " observations"],
) -> tuple[RefinedDraws, Refinement]:
    log_evidence, error = proposals.log_evidence
    num_draws, dim = x.shape[1:]
    effective = np.minimum(smoothing.ess, num_draws)
    result = Refinement(
        name,
        num_draws,
        smoothing.num_draws,
        smoothing.ess,
        distinct,
        pareto_k=smoothing.pareto_k,
        log_evidence=log_evidence,
        log_evidence_error=error,
    )
    ess = np.repeat(effective[:, None], dim, axis=1)
    return RefinedDraws(x, weights, ess, joint, log_evidence), result
