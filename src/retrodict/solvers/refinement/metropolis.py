"""Independent Metropolis-Hastings with the trained posterior as proposal."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from retrodict.diagnostics.markov_chains import markov_chain_convergence
from retrodict.diagnostics.pareto_smoothing import pareto_smoothing
from retrodict.errors import ConfigurationError
from retrodict.solvers.refinement.base import AbstractRefinementMethod
from retrodict.solvers.refinement.draws import RefinedDraws
from retrodict.solvers.refinement.importance import num_distinct, require_enough
from retrodict.solvers.refinement.joint import JointDensity
from retrodict.solvers.refinement.proposals import propose
from retrodict.solvers.refinement.result import Refinement
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.typing import Array, Bool, Int, Key

FEWEST_PER_CHAIN = 8


@dataclass(frozen=True)
class IndependentMetropolis(AbstractRefinementMethod):
    """Parallel chains whose every step proposes a new draw of the trained posterior.

    A proposal x' is taken with probability min(1, r(x') / r(x)), r = p(x) p(y | x) / q(x | y)
    (Tierney 1994, doi:10.1214/aos/1176325750, section 2.3.3): exact in the limit of long
    chains also where the weights of importance sampling are unusable, but a chain then stays
    for long where r is large, which acceptance and R-hat show. All proposals are made and
    judged at once; the chains only choose among them.

    Args:
        num_chains: of each observation.
        num_warm_up: steps that each chain makes before its draws count.
        steps_per_draw: steps from one kept draw to the next.
        prior_share: share of proposals that come from the prior, against thin tails.
    """

    num_chains: int = 8
    num_warm_up: int = 100
    steps_per_draw: int = 10
    prior_share: float = 0.0
    name: ClassVar[str] = "independent-metropolis"

    def refined(
        self, sampler: AbstractPosteriorSampler, joint: JointDensity, key: Key, num_draws: int
    ) -> tuple[RefinedDraws, Refinement]:
        draws_per_chain = draws_of_each_chain(num_draws, self.num_chains)
        if self.num_warm_up < 1 or self.steps_per_draw < 1:
            raise ConfigurationError(
                f"`num_warm_up` and `steps_per_draw` must be at least 1; got "
                f"{self.num_warm_up} and {self.steps_per_draw}.",
                "Use 100 and 10.",
            )
        num_steps = self.num_warm_up + draws_per_chain * self.steps_per_draw
        require_enough(self.num_chains * num_steps)
        key_propose, key_accept = jax.random.split(key)
        proposals = propose(
            sampler, joint, key_propose, self.num_chains * num_steps, self.prior_share
        )
        num_observations, num_proposals, dim = proposals.x.shape
        ratios = proposals.log_ratios.reshape(num_observations, self.num_chains, num_steps)
        with jax.enable_x64(True):
            where, accepted = (
                np.asarray(found) for found in _chains(key_accept, jnp.asarray(ratios, float))
            )
        where = where[..., self.num_warm_up :]
        kept = where[..., self.steps_per_draw - 1 :: self.steps_per_draw]

        def at(steps: Int[np.ndarray, "observations chains steps"]) -> np.ndarray:
            rows = steps + num_steps * np.arange(self.num_chains)[:, None]
            flat = rows.reshape(num_observations, -1, 1)
            return np.take_along_axis(proposals.x, flat, axis=1).reshape(*steps.shape, dim)

        x = at(kept)
        r_hat = markov_chain_convergence(at(where)).r_hat
        ess = np.minimum(markov_chain_convergence(x).ess, num_draws)
        # A chain that never met a possible x has nothing to tell, however well it agrees.
        lost = np.isneginf(np.take_along_axis(ratios, where[..., :1], axis=2)).any(axis=(1, 2))
        ess[lost] = 0
        # One draw of each chain after the other, so that the last ones can be left out.
        x = np.swapaxes(x, 1, 2).reshape(num_observations, -1, dim)[:, :num_draws]
        flat = kept + num_steps * np.arange(self.num_chains)[:, None]
        flat = np.swapaxes(flat, 1, 2).reshape(num_observations, -1)[:, :num_draws]
        log_evidence, error = proposals.log_evidence
        result = Refinement(
            self.name,
            num_draws,
            num_proposals,
            ess.min(axis=1),
            num_distinct(flat),
            pareto_k=pareto_smoothing(proposals.log_ratios).pareto_k,
            log_evidence=log_evidence,
            log_evidence_error=error,
            acceptance=accepted[..., self.num_warm_up :].mean(axis=(1, 2)),
            r_hat=r_hat.max(axis=1),
        )
        return RefinedDraws(x, None, ess, joint, log_evidence), result


def draws_of_each_chain(num_draws: int, num_chains: int) -> int:
    """How many draws each chain keeps, so that there are enough in all.

    Raises:
        ConfigurationError: fewer than two chains, or than eight draws of each.
    """
    if num_chains < 2:
        raise ConfigurationError(
            f"Chains are judged by whether they agree: `num_chains` must be at least 2; "
            f"got {num_chains}.",
            "Use 8.",
        )
    per_chain = -(-num_draws // num_chains)
    if per_chain < FEWEST_PER_CHAIN:
        raise ConfigurationError(
            f"{num_draws} draws from {num_chains} chains are {per_chain} of each; at least "
            f"{FEWEST_PER_CHAIN} are needed to judge them.",
            "Ask for 1,000 draws or more.",
        )
    return per_chain


@jax.jit
def _chains(
    key: Key, log_ratios: Float[Array, "observations chains steps"]
) -> tuple[Int[Array, "observations chains steps"], Bool[Array, "observations chains steps"]]:
    """The proposal at which each chain is after each step, and whether it had moved there."""
    by_step = jnp.moveaxis(log_ratios, 2, 0)
    num_steps = len(by_step)
    log_uniform = jnp.log1p(-jax.random.uniform(key, by_step.shape, by_step.dtype))
    State = tuple[Int[Array, "observations chains"], Float[Array, "observations chains"]]

    def step(
        state: State, proposed: tuple[Array, Array, Array]
    ) -> tuple[State, tuple[Array, Array]]:
        at, ratio = state
        i, new_ratio, log_u = proposed
        # From where the target is zero to there again: not a number, and not accepted.
        accepts = log_u < new_ratio - ratio
        at, ratio = jnp.where(accepts, i, at), jnp.where(accepts, new_ratio, ratio)
        return (at, ratio), (at, accepts)

    start = (jnp.zeros(by_step.shape[1:], int), by_step[0])
    steps = (jnp.arange(1, num_steps), by_step[1:], log_uniform[1:])
    _, (at, accepted) = jax.lax.scan(step, start, steps)
    first = jnp.zeros((1, *at.shape[1:]), int)
    at = jnp.concatenate([first, at])
    accepted = jnp.concatenate([first.astype(bool), accepted])
    return jnp.moveaxis(at, 0, 2), jnp.moveaxis(accepted, 0, 2)
