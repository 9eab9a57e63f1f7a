"""Draws from a trained posterior with their importance ratios to the exact one."""

import math
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float

from retrodict.errors import ConfigurationError
from retrodict.problems.base import seed_sequence
from retrodict.solvers.refinement.joint import JointDensity
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.typing import Key


@dataclass(frozen=True)
class Proposals:
    """Independent draws of each observation's proposal.

    Attributes:
        x: in the user's units.
        log_ratios: log p(x) + log p(y | x) - log q(x | y); -inf where the target is zero.
    """

    x: Float[np.ndarray, "observations proposals dim"]
    log_ratios: Float[np.ndarray, "observations proposals"]

    @property
    def log_evidence(
        self,
    ) -> tuple[Float[np.ndarray, " observations"], Float[np.ndarray, " observations"]]:
        """log p(y) in nats, the logarithm of the mean ratio, and its standard error.

        The error is the relative one of the mean ratio (delta method).
        """
        num = self.log_ratios.shape[1]
        highest = self.log_ratios.max(axis=1)
        ratios = np.exp(self.log_ratios - np.where(np.isfinite(highest), highest, 0)[:, None])
        mean = ratios.mean(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = ratios.std(axis=1, ddof=1) / mean / math.sqrt(num)
            return highest + np.log(mean), np.where(mean > 0, error, np.inf)


def propose(
    sampler: AbstractPosteriorSampler,
    joint: JointDensity,
    key: Key,
    num: int,
    prior_share: float,
) -> Proposals:
    """Independent draws from q, the trained posterior mixed with a share of the prior.

        q(x | y) = (1 - s) q_trained(x | y) + s p(x)

    With s > 0 no ratio exceeds p(y | x) / s, however thin the tails of the trained posterior:
    the defensive mixture of Hesterberg (1995, doi:10.1080/00401706.1995.10484303).

    Args:
        sampler: the trained posterior, with a density.
        joint: prior times likelihood.
        key: of the draws.
        num: of draws per observation.
        prior_share: s, from 0 to below 1.
    """
    if not 0 <= prior_share < 1:
        raise ConfigurationError(
            f"`prior_share` must be at least 0 and below 1; got {prior_share}.",
            "A few per cent, e.g. 0.05, protect against thin tails.",
        )
    key_flow, key_prior, key_order = jax.random.split(key, 3)
    rng = np.random.default_rng(seed_sequence(key_order))
    # Random, and in random order: so every draw comes from the mixture, independently.
    num_prior = int(rng.binomial(num, prior_share))
    x = sampler.sample(key_flow, max(num - num_prior, 1))[:, : num - num_prior]
    if num_prior:
        rows = joint.problem.sample_prior(key_prior, len(x) * num_prior)
        x = np.concatenate([x, rows.reshape(len(x), num_prior, -1)], axis=1)
        x = x[:, rng.permutation(num)]
    log_q = sampler.log_prob(x)
    log_prior, log_likelihood = joint.log_prior_and_likelihood(x)
    if prior_share > 0:
        log_q = np.logaddexp(math.log1p(-prior_share) + log_q, math.log(prior_share) + log_prior)
    with np.errstate(invalid="ignore"):
        ratios = log_prior + log_likelihood - log_q
    # Where the target is zero the ratio is, whatever the proposal's density says.
    return Proposals(x, np.where(np.isneginf(log_likelihood), -np.inf, ratios))
