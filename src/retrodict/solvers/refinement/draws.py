"""A posterior that is known by the draws of a refinement and by its exact density."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jaxtyping import Float

from retrodict.bijections import BoundedToReal
from retrodict.errors import CapabilityError, ConfigurationError
from retrodict.problems.base import AbstractLikelihoodProblem, seed_sequence
from retrodict.solvers.chains import in_double_precision
from retrodict.solvers.refinement.joint import JointDensity, log_joint
from retrodict.solvers.refinement.resampling import systematic
from retrodict.solvers.sampler import AbstractPosteriorSampler, WeightedDraws
from retrodict.typing import Array, Key


class RefinedDraws(AbstractPosteriorSampler):
    """Draws of the exact posterior, weighted or not.

    Args:
        x: in the user's units.
        weights: summing to one, or None where all weigh the same.
        ess: effective number of draws of each parameter.
        joint: prior times likelihood.
        log_evidence: log p(y), which makes a density of it; None where unknown.
    """

    def __init__(
        self,
        x: Float[np.ndarray, "observations draws dim"],
        weights: Float[np.ndarray, "observations draws"] | None,
        ess: Float[np.ndarray, "observations dim"],
        joint: JointDensity,
        log_evidence: Float[np.ndarray, " observations"] | None,
    ) -> None:
        self.x = x
        self.weights = weights
        self.ess = ess
        self.joint = joint
        self.log_evidence = log_evidence

    def sample(self, key: Key, num_draws: int) -> Float[np.ndarray, "observations draws dim"]:
        """Kept draws in random order; weighted ones by systematic resampling.

        Unweighted draws come without repetition; weighted ones repeat those whose weight is
        above 1 / num_draws.

        Raises:
            ConfigurationError: more draws than were kept.
        """
        num_observations, num_kept, _ = self.x.shape
        if num_draws > num_kept:
            raise ConfigurationError(
                f"This refined posterior has {num_kept:,} draws of each observation; "
                f"{num_draws:,} were asked for.",
                f"Refine with `num_draws={num_draws}`.",
            )
        rng = np.random.default_rng(seed_sequence(key))
        if self.weights is None:
            chosen = rng.random((num_observations, num_kept)).argsort(axis=1)[:, :num_draws]
        else:
            chosen = systematic(rng, self.weights, num_draws)
        return np.take_along_axis(self.x, chosen[..., None], axis=1)

    def draws_for_summary(self, key: Key, num_draws: int) -> WeightedDraws:
        """All kept draws with their weights, whatever number is asked for."""
        del key, num_draws
        return WeightedDraws(self.x, self.weights)

    def summary_columns(self, key: Key) -> dict[str, Float[np.ndarray, "observations dim"]]:
        """`ess`: the effective number of draws."""
        del key
        return {"ess": self.ess}

    def log_prob(
        self, x: Float[np.ndarray, "observations num dim"]
    ) -> Float[np.ndarray, "observations num"]:
        """log p(x) + log p(y | x) - log p(y), with the estimated evidence p(y)."""
        if self.log_evidence is None:
            raise CapabilityError(
                "`log_prob` needs the evidence p(y), which NUTS does not estimate.",
                "Refine by 'importance', 'sir' or 'independent-metropolis'.",
            )
        return self.joint.log_prob(x) - self.log_evidence[:, None]

    def mode(self, key: Key) -> Float[np.ndarray, "observations dim"]:
        """The best kept draw, improved by BFGS on the exact density."""
        del key
        best = self.joint.log_prob(self.x).argmax(axis=1)
        start = np.take_along_axis(self.x, best[:, None, None], axis=1)[:, 0]
        parameters = self.joint.problem.parameters
        with jax.enable_x64(True):
            bounds = BoundedToReal(
                [variable.lower for variable in parameters],
                [variable.upper for variable in parameters],
            )
            problem = in_double_precision(self.joint.problem)
            y = jnp.asarray(self.joint.y, float)
            return np.asarray(_climb(problem, bounds, jnp.asarray(start, float), y))


@eqx.filter_jit
def _climb(
    problem: AbstractLikelihoodProblem,
    bounds: BoundedToReal,
    start: Float[Array, "observations dim"],
    y: Float[Array, "observations cond"],
) -> Float[Array, "observations dim"]:
    def loss(r: Float[Array, " dim"], y: Float[Array, " cond"]) -> Float[Array, ""]:
        return -functools.reduce(jnp.add, log_joint(problem, bounds.inverse(r), y))

    def one(x: Float[Array, " dim"], y: Float[Array, " cond"]) -> Float[Array, " dim"]:
        r = bounds.forward(x)
        solution: optx.Solution = optx.minimise(
            loss, optx.BFGS(rtol=1e-8, atol=1e-8), r, args=y, max_steps=200, throw=False
        )
        # Not every search ends well; the start is then the answer.
        better = loss(solution.value, y) < loss(r, y)
        return jnp.where(better, bounds.inverse(solution.value), x)

    return jax.vmap(one)(start, y)
