"""Draws from the prior inside the regions that earlier rounds left."""

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float
from scipy import stats

from retrodict.errors import DataError
from retrodict.problems.base import AbstractProblem, seed_sequence
from retrodict.solvers.sequential.region import Region, inside_all
from retrodict.solvers.sequential.walks import walk
from retrodict.typing import Key

_BLOCK = 16_384
# Blocks of prior draws that a round looks at before chains take over, and at most.
_BLOCKS_AT_FIRST = 16
_BLOCKS_AT_MOST = 96
_FEWEST_STARTS = 20


@dataclass(frozen=True)
class Proposals:
    """Draws from the truncated prior, and how they were found.

    Attributes:
        x: the draws.
        share: of the prior's mass inside the regions.
        share_se: its standard error.
        drawn_by: "prior", "rejection", or "chains" where rejection found too few.
        acceptance: of rejection or, where they were needed, of the chains.
    """

    x: Float[np.ndarray, "num dim"]
    share: float
    share_se: float
    drawn_by: str
    acceptance: float


@dataclass(frozen=True)
class ShareKept:
    """Of the prior's mass, as draws tell it.

    Attributes:
        share: inside all regions.
        relative_se: its standard error over itself.
    """

    share: float = 1.0
    relative_se: float = 0.0

    def times(self, num_inside: int, num: int) -> "ShareKept":
        """What is left after another region, which holds so many of the last round's draws.

        None of them counts as one: they cannot tell a smaller share.
        """
        kept = max(num_inside, 1) / num
        relative = np.sqrt((1 - kept) / max(num_inside, 1))
        return ShareKept(self.share * kept, float(np.hypot(self.relative_se, relative)))


def draw_from_truncated_prior(
    problem: AbstractProblem,
    regions: list[Region],
    earlier: Float[np.ndarray, "earlier dim"],
    posterior: Float[np.ndarray, "draws dim"],
    expected: ShareKept,
    num: int,
    key: Key,
    *,
    is_odd: bool = False,
) -> Proposals:
    """`num` draws from p(x) restricted to all regions, up to a constant.

    Draws of the prior that lie inside are such draws, exactly. Where they are too rare to wait
    for, chains start at those that were found and at the earlier rounds' draws inside, which
    are such draws as well (see `walk`). If a round has cut off so much that hardly any are left,
    they start at draws of the posterior that was found as well, and have to forget that; unless
    the observation is odd, whose posterior a network only knows by extrapolation. Draws of q
    weighted by p / q are no way out: as q falls by many orders of magnitude towards the border,
    hardly any of them would count.

    The share of the prior that is inside is counted, or told by the chains' draws if that is
    more precise (see `share_told_by`).

    Args:
        problem: whose prior it is.
        regions: of all finished rounds.
        earlier: what was drawn in earlier rounds and lies in all regions.
        posterior: draws of the last region's posterior, wherever they lie.
        expected: share of the prior that the earlier rounds' draws tell.
        num: how many draws.
        key: of everything.
        is_odd: whether the prior hardly produces the observation.

    Raises:
        DataError: hardly anything of the prior is inside.
    """
    if not regions:
        x = np.asarray(problem.sample_prior(key, num), float)
        return Proposals(x, 1.0, 0.0, "prior", 1.0)
    key_prior, key_chains = jax.random.split(key)
    found = np.empty((0, len(problem.parameters)))
    possible = inside_all(regions, posterior) & np.isfinite(problem.prior_log_prob(posterior))
    of_posterior = posterior[possible & (not is_odd)]
    num_blocks = 0
    # What earlier rounds tell spares a search that would not find enough.
    blocks = 0 if expected.share * _BLOCKS_AT_FIRST * _BLOCK < num else _BLOCKS_AT_FIRST
    while len(found) < num and num_blocks < _BLOCKS_AT_MOST:
        num_starts = max(len(found) + len(earlier), len(of_posterior))
        if num_blocks >= blocks and num_starts >= _FEWEST_STARTS:
            break
        x = problem.sample_prior(jax.random.fold_in(key_prior, num_blocks), _BLOCK)
        x = np.asarray(x, float)
        found = np.concatenate([found, x[inside_all(regions, x)]])
        num_blocks += 1
    num_proposed = num_blocks * _BLOCK
    if len(found) >= num:
        acceptance = len(found) / num_proposed
        error = np.sqrt(acceptance * (1 - acceptance) / num_proposed)
        return Proposals(found[:num], acceptance, float(error), "rejection", acceptance)
    starts = np.concatenate([found, earlier])
    if len(starts) < _FEWEST_STARTS:
        starts = np.concatenate([starts, of_posterior])
    if len(starts) < _FEWEST_STARTS:
        raise DataError(
            f"Of {num_proposed:,} draws from the prior of {problem.name!r}, {len(found)} lie where "
            "the posterior of this observation was found so far: the prior makes it hardly "
            "possible, or the network extrapolates.",
            "Check the observation's units and order and the prior's range; otherwise give each "
            "round more simulations (fewer rounds), so that the first network sees more like it.",
        )
    if len(found) and len(found) ** -0.5 < expected.relative_se:
        expected = ShareKept(len(found) / num_proposed, len(found) ** -0.5)

    def log_prob(x: np.ndarray) -> np.ndarray:
        density = np.asarray(problem.prior_log_prob(x), float)
        return np.where(inside_all(regions, x), density, -np.inf)

    rng = np.random.default_rng(seed_sequence(key_chains))
    x, acceptance = walk(log_prob, starts, num, rng)
    mass = ShareKept().times(int(possible.sum()), len(posterior))
    told = share_told_by(problem, regions[-1], x, mass)
    kept = min(expected, told, key=lambda share: share.relative_se)
    return Proposals(x, kept.share, kept.share * kept.relative_se, "chains", acceptance)


def share_told_by(
    problem: AbstractProblem, region: Region, x: Float[np.ndarray, "num dim"], mass: ShareKept
) -> ShareKept:
    """Of the prior's mass inside all regions, by draws of the prior p from there.

    The mean of q / p over them is the mass that q has there, over that of p. No draw weighs much
    more than the others: q is largest where there are most draws of it, in the middle.

    Args:
        problem: of the prior p.
        region: the last one, whose sampler knows q.
        x: draws of p from inside all regions.
        mass: of q inside all regions, where p is not 0.
    """
    log_ratios = region.log_prob(x) - np.asarray(problem.prior_log_prob(x), float)
    largest = log_ratios.max()
    ratios = np.exp(log_ratios - largest)
    share = mass.share * np.exp(-largest) / ratios.mean()
    relative = stats.variation(ratios, ddof=1) / np.sqrt(len(x))
    return ShareKept(float(share), float(np.hypot(mass.relative_se, relative)))
