"""The no-U-turn sampler in the latent space of a trained flow."""

from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from retrodict.bijections import AbstractBijection, Chain
from retrodict.diagnostics.markov_chains import markov_chain_convergence
from retrodict.distributions import AbstractDistribution, Transformed
from retrodict.errors import CapabilityError, ConfigurationError
from retrodict.problems.base import AbstractLikelihoodProblem
from retrodict.solvers.chains import in_double_precision, require_blackjax
from retrodict.solvers.refinement.base import AbstractRefinementMethod
from retrodict.solvers.refinement.draws import RefinedDraws
from retrodict.solvers.refinement.joint import JointDensity, log_joint
from retrodict.solvers.refinement.metropolis import draws_of_each_chain
from retrodict.solvers.refinement.result import Refinement
from retrodict.solvers.sampler import AbstractPosteriorSampler, ScaledDistribution
from retrodict.typing import Array, Bool, Key, Scalar

# Draws of the base, from which each chain takes its start in proportion to their weights.
_NUM_CANDIDATES = 100
_TARGET_ACCEPTANCE = 0.9


@dataclass(frozen=True)
class LatentNUTS(AbstractRefinementMethod):
    """Hamiltonian chains over the flow's latent z, with x(z) its generative direction.

        log p(z | y) = log p(y | x(z)) + log p(x(z)) + log |det dx/dz| + const

    Were the flow exact this would be the flow's base: near it the geometry is simple, however
    curved the posterior of x is (Hoffman et al. 2019, "NeuTra-lizing bad geometry in
    Hamiltonian Monte Carlo using neural transport", arXiv:1903.03704). Modes that are apart in
    x are joined in z by the thin bridges that every flow has between them, which a chain can
    cross where one in x could not; it need not, so read R-hat.

    Step size and mass matrix of each chain are adapted by windows (Carpenter et al. 2017).
    Everything is in double precision.

    Args:
        num_chains: of each observation.
        num_warm_up: steps for adaptation, which do not count.
    """

    num_chains: int = 4
    num_warm_up: int = 300
    name: ClassVar[str] = "nuts"

    def refined(
        self, sampler: AbstractPosteriorSampler, joint: JointDensity, key: Key, num_draws: int
    ) -> tuple[RefinedDraws, Refinement]:
        num_steps = draws_of_each_chain(num_draws, self.num_chains)
        if self.num_warm_up < 50:
            raise ConfigurationError(
                f"`num_warm_up` must be at least 50; got {self.num_warm_up}.",
                "Use 300; fewer steps cannot adapt step size and mass matrix.",
            )
        blackjax = require_blackjax("NUTS", ", or use 'independent-metropolis'")
        flow = getattr(sampler, "distribution", None)
        if not isinstance(sampler, ScaledDistribution) or not isinstance(flow, Transformed):
            raise CapabilityError(
                "NUTS in latent space needs a flow; "
                f"{type(flow if flow is not None else sampler).__name__} has no latent space.",
                "Use 'independent-metropolis', or train a `ConditionalFlow`.",
            )
        with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
            target = _LatentTarget(
                in_double_precision(joint.problem),
                in_double_precision(flow.base),
                Chain([sampler.scaling.of_x, in_double_precision(flow.bijection)]),
            )
            # A key per observation and chain, whatever their numbers.
            keys = jax.vmap(
                lambda i: jax.random.split(jax.random.fold_in(key, i), self.num_chains)
            )(jnp.arange(len(joint.y)))
            y, c = jnp.asarray(joint.y, float), jnp.asarray(sampler.condition, float)
            x, acceptance, diverges = (
                np.asarray(found)
                for found in _run(blackjax, target, keys, y, c, self.num_warm_up, num_steps)
            )
        convergence = markov_chain_convergence(x)
        ess = np.minimum(convergence.ess, num_draws)
        # One draw of each chain after the other, so that the last ones can be left out.
        x = np.swapaxes(x, 1, 2).reshape(len(x), -1, x.shape[-1])[:, :num_draws]
        moved = (np.diff(np.sort(x[..., 0], axis=1), axis=1) > 0).sum(axis=1)
        result = Refinement(
            self.name,
            num_draws,
            self.num_chains * (self.num_warm_up + num_steps),
            ess.min(axis=1),
            1 + moved,
            acceptance=acceptance.mean(axis=(1, 2)),
            r_hat=convergence.r_hat.max(axis=1),
            num_divergent=diverges.sum(axis=(1, 2)),
        )
        return RefinedDraws(x, None, ess, joint, None), result


class _LatentTarget(eqx.Module):
    """The posterior of z, and x(z): `bijection` goes from x to z under c."""

    problem: AbstractLikelihoodProblem
    base: AbstractDistribution
    bijection: AbstractBijection

    def log_prob(
        self, z: Float[Array, " dim"], y: Float[Array, " cond"], c: Float[Array, " cond"]
    ) -> Scalar:
        x, log_det = self.bijection.inverse_and_log_det(z, c)
        log_prior, log_likelihood = log_joint(self.problem, x, y)
        return log_prior + log_likelihood + log_det

    def start(
        self, key: Key, y: Float[Array, " cond"], c: Float[Array, " cond"]
    ) -> Float[Array, " dim"]:
        """One of some draws of the base, in proportion to their importance weights."""
        key_draw, key_choose = jax.random.split(key)
        unit = jax.random.split(key_draw, _NUM_CANDIDATES)
        z = jax.vmap(lambda key: self.base.sample(key).astype(float))(unit)
        log_ratio = jax.vmap(lambda z: self.log_prob(z, y, c) - self.base.log_prob(z))(z)
        finite = jnp.where(jnp.isfinite(log_ratio), log_ratio, -jnp.inf)
        return z[jax.random.categorical(key_choose, finite)]


@eqx.filter_jit
def _run(
    blackjax: Any,
    target: _LatentTarget,
    keys: Shaped[Array, "observations chains ..."],
    y: Float[Array, "observations cond"],
    c: Float[Array, "observations cond"],
    num_warm_up: int,
    num_steps: int,
) -> tuple[
    Float[Array, "observations chains steps dim"],
    Float[Array, "observations chains steps"],
    Bool[Array, "observations chains steps"],
]:
    """x after each step, its acceptance, and whether it diverged."""

    def chain(
        key: Key, y: Float[Array, " cond"], c: Float[Array, " cond"]
    ) -> tuple[Float[Array, "steps dim"], Float[Array, " steps"], Bool[Array, " steps"]]:
        def log_density(z: Float[Array, " dim"]) -> Scalar:
            return target.log_prob(z, y, c)

        key_start, key_adapt, key_run = jax.random.split(key, 3)
        adaptation = blackjax.window_adaptation(
            blackjax.nuts, log_density, target_acceptance_rate=_TARGET_ACCEPTANCE
        )
        start = target.start(key_start, y, c)
        (state, parameters), _ = adaptation.run(key_adapt, start, num_warm_up)
        kernel = blackjax.nuts(log_density, **parameters)

        def step(state: Any, key: Key) -> tuple[Any, tuple[Array, Array, Array]]:
            state, info = kernel.step(key, state)
            x = target.bijection.inverse(state.position, c)
            return state, (x, info.acceptance_rate, info.is_divergent)

        _, steps = jax.lax.scan(step, state, jax.random.split(key_run, num_steps))
        return steps

    over_chains = jax.vmap(chain, in_axes=(0, None, None))
    return jax.vmap(over_chains)(keys, y, c)
