"""Chains of the no-U-turn sampler for many observations, in one compiled program.

Everything happens in double precision and on the real line: z = B(x), with B from the bounds
of the parameters to the reals, has the density

    log p(z | y) = log p(x) + log p(y | x) + log |det dx/dz| + const,   x = B^-1(z).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped

from retrodict.bijections import BoundedToReal
from retrodict.errors import CapabilityError
from retrodict.problems.base import AbstractLikelihoodProblem
from retrodict.typing import Array, Bool, Float, Int, Key, Scalar

# Prior draws from which each chain takes the first that is possible.
_NUM_CANDIDATES = 100


class Target(eqx.Module):
    """The posterior of a problem on the real line, up to a constant.

    Attributes:
        problem: prior and likelihood.
        bounds: of the parameters.
        z_lower, z_upper: where draws from the prior lie: a density that is not a number there
            is a mistake, while far out it may be an overflow.
    """

    problem: AbstractLikelihoodProblem
    bounds: BoundedToReal
    z_lower: Float[Array, " dim"]
    z_upper: Float[Array, " dim"]

    def log_density(self, z: Float[Array, " dim"], y: Float[Array, " cond"]) -> Scalar:
        """log p(z | y) + log p(y)."""
        x, log_det = self.bounds.inverse_and_log_det(z)
        joint = self.problem.prior.log_prob(x) + self.problem.log_likelihood(x, y)
        return joint.astype(float) + log_det

    def start(self, key: Key) -> Float[Array, " dim"]:
        """z of a draw from the prior."""
        return self.bounds.forward(self.problem.prior.sample(key).astype(float))

    def is_broken(self, state: Any) -> Bool[Array, ""]:
        """Whether density or slope are not a number where the prior is."""
        inside = ((state.position >= self.z_lower) & (state.position <= self.z_upper)).all()
        no_slope = jnp.isfinite(state.logdensity) & jnp.isnan(state.logdensity_grad).any()
        return inside & (jnp.isnan(state.logdensity) | no_slope)


class Warm(eqx.Module):
    """Chains after adaptation, ready to go on. Leading axes: observations, chains.

    Attributes:
        state: where each chain is.
        step_size, inverse_mass_matrix: what each chain has settled on.
        keys: of each chain's steps.
        num_steps: steps made since the adaptation.
        is_impossible: whether no candidate for a start had a density above zero.
        is_broken: whether a density at a start or during adaptation was not a number.
    """

    state: Any
    step_size: Float[Array, "observations chains"]
    inverse_mass_matrix: Float[Array, "observations chains dim"]
    keys: Shaped[Array, "observations chains ..."]
    num_steps: Int[Array, ""]
    is_impossible: Bool[Array, "observations chains"]
    is_broken: Bool[Array, "observations chains"]


class Steps(eqx.Module):
    """What some steps of all chains gave.

    Attributes:
        x: where each step ended, in the user's units.
        is_divergent: whether the energy of the trajectory went astray.
        is_broken: whether a density met on the way was not a number.
    """

    x: Float[Array, "observations chains steps dim"]
    is_divergent: Bool[Array, "observations chains steps"]
    is_broken: Bool[Array, "observations chains steps"]


def require_blackjax(caller: str = "`MCMC`", otherwise: str = "") -> Any:
    """The library, imported now.

    Args:
        caller: what needs it.
        otherwise: what to do without it.

    Raises:
        CapabilityError: it is not installed.
    """
    try:
        import blackjax
    except ImportError as error:
        raise CapabilityError(
            f"{caller} needs BlackJAX, which is not installed.",
            f"Install it with `pip install 'retrodict[mcmc]'`{otherwise}.",
        ) from error
    return blackjax


def in_double_precision(tree: Any) -> Any:
    """The same tree with its floating-point arrays in double precision."""
    return jax.tree.map(
        lambda leaf: leaf.astype(float) if eqx.is_inexact_array(leaf) else leaf, tree
    )


@eqx.filter_jit
def warm_up(
    target: Target,
    key: Key,
    y: Float[Array, "observations cond"],
    num_chains: int,
    num_steps: int,
    target_acceptance: float,
) -> Warm:
    """Chains from draws of the prior, each with step size and mass matrix adapted to it."""
    blackjax = require_blackjax()

    def one(key: Key, y: Float[Array, " cond"]) -> tuple[Any, Any, Any, Any]:
        def log_density(z: Float[Array, " dim"]) -> Scalar:
            return target.log_density(z, y)

        key_start, key_adapt = jax.random.split(key)
        candidates = jax.vmap(target.start)(jax.random.split(key_start, _NUM_CANDIDATES))
        densities = jax.vmap(log_density)(candidates)
        possible = jnp.isfinite(densities)
        start = candidates[jnp.argmax(possible)]
        adaptation = blackjax.window_adaptation(
            blackjax.nuts,
            log_density,
            target_acceptance_rate=target_acceptance,
            adaptation_info_fn=lambda _, info, __: _met_broken(target, info),
        )
        (state, parameters), broken = adaptation.run(key_adapt, start, num_steps)
        is_broken = jnp.isnan(densities).any() | broken.any()
        return state, parameters, ~possible.any(), is_broken

    keys = _keys(key, len(y), num_chains)
    over_chains = jax.vmap(one, in_axes=(0, None))
    state, parameters, is_impossible, is_broken = jax.vmap(over_chains)(_folded(keys, 0), y)
    return Warm(
        state,
        parameters["step_size"],
        parameters["inverse_mass_matrix"],
        _folded(keys, 1),
        jnp.asarray(0),
        is_impossible,
        is_broken,
    )


@eqx.filter_jit
def advance(
    target: Target, warm: Warm, y: Float[Array, "observations cond"], num_steps: int
) -> tuple[Warm, Steps]:
    """The chains some steps further; in two parts they go where they would have gone in one."""
    blackjax = require_blackjax()
    kernel = blackjax.nuts.build_kernel()

    def one(
        state: Any,
        key: Key,
        step_size: Scalar,
        inverse_mass_matrix: Float[Array, " dim"],
        y: Float[Array, " cond"],
    ) -> tuple[Any, Any]:
        def step(state: Any, i: Int[Array, ""]) -> tuple[Any, Any]:
            state, info = kernel(
                jax.random.fold_in(key, i),
                state,
                lambda z: target.log_density(z, y),
                step_size,
                inverse_mass_matrix,
            )
            x = target.bounds.inverse(state.position)
            return state, (x, info.is_divergent, _met_broken(target, info))

        return jax.lax.scan(step, state, warm.num_steps + jnp.arange(num_steps))

    over_chains = jax.vmap(one, in_axes=(0, 0, 0, 0, None))
    state, made = jax.vmap(over_chains)(
        warm.state, warm.keys, warm.step_size, warm.inverse_mass_matrix, y
    )
    moved = eqx.tree_at(
        lambda warm: (warm.state, warm.num_steps), warm, (state, warm.num_steps + num_steps)
    )
    return moved, Steps(*made)


def diagnose(
    x: Float[np.ndarray, "observations chains steps dim"],
) -> tuple[
    Float[np.ndarray, "observations dim"],
    Float[np.ndarray, "observations dim"],
    Float[np.ndarray, "observations dim"],
]:
    """R-hat, bulk and tail effective sample size of each parameter.

    All of them rank-normalised, on split chains (Vehtari et al. 2021, arXiv:1903.08008).
    """
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        r_hat, bulk, tail = (
            np.asarray(statistic).reshape(len(x), -1)
            for statistic in _statistics(jnp.asarray(np.moveaxis(x, 0, 2)))
        )
    return r_hat, bulk, tail


@jax.jit
def _statistics(
    by_chain: Float[Array, "chains steps observations dim"],
) -> tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "..."]]:
    diagnostics = require_blackjax().diagnostics
    return (
        diagnostics.rhat(by_chain),
        diagnostics.ess_bulk(by_chain),
        diagnostics.ess_tail(by_chain),
    )


def _met_broken(target: Target, info: Any) -> Bool[Array, ""]:
    """Whether a trajectory ended where the density is not a number: it never goes on there."""
    left, right = info.trajectory_leftmost_state, info.trajectory_rightmost_state
    return target.is_broken(left) | target.is_broken(right)


def _keys(key: Key, num_observations: int, num_chains: int) -> Shaped[Array, "rows chains ..."]:
    """One key per observation and chain, whatever their numbers."""
    rows = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(num_observations))
    return jax.vmap(
        lambda row: jax.vmap(lambda i: jax.random.fold_in(row, i))(jnp.arange(num_chains))
    )(rows)


def _folded(keys: Shaped[Array, "rows chains ..."], i: int) -> Shaped[Array, "rows chains ..."]:
    return jax.vmap(jax.vmap(lambda key: jax.random.fold_in(key, i)))(keys)
