"""A posterior known by Markov chains, which run when draws are first asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from retrodict.errors import DataError, NonFiniteError, UnreliableChainsWarning, warn
from retrodict.problems.base import seed_sequence
from retrodict.solvers.chains import Steps, Target, Warm, advance, diagnose, warm_up
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.typing import Key

_LARGEST_R_HAT = 1.01
_LARGEST_DIVERGENT_SHARE = 0.01


@dataclass
class _Run:
    """The chains of one seed: where they are, and all that they have made so far."""

    warm: Warm
    x: list[Float[np.ndarray, "observations chains steps dim"]] = field(default_factory=list)
    is_divergent: list[Bool[np.ndarray, "observations chains steps"]] = field(default_factory=list)
    draws: list[Float[np.ndarray, "observations draws dim"]] = field(default_factory=list)


class MarkovDraws(AbstractPosteriorSampler):
    """Draws from the chains of each observation, all steps and chains in random order.

    Args:
        target: the posterior up to a constant.
        y: observations.
        num_chains: per observation.
        num_warmup: steps for adaptation.
        num_steps: of each chain at a time.
        target_acceptance: that the step size aims at.
        names: of the parameters.
    """

    def __init__(
        self,
        target: Target,
        y: Float[np.ndarray, "observations cond"],
        *,
        num_chains: int,
        num_warmup: int,
        num_steps: int,
        target_acceptance: float,
        names: Sequence[str],
    ) -> None:
        self._target = target
        self._y = y
        self._num_chains = num_chains
        self._num_warmup = num_warmup
        self._num_steps = num_steps
        self._target_acceptance = target_acceptance
        self._names = names
        self._runs: dict[tuple[int, ...], _Run] = {}

    def sample(self, key: Key, num_draws: int) -> Float[np.ndarray, "observations draws dim"]:
        """Draw i of an observation does not depend on how many are asked for.

        Warns:
            UnreliableChainsWarning: chains that do not agree, or that diverge.

        Raises:
            DataError: an observation has no likelihood at any draw of the prior.
            NonFiniteError: a density that is not a number.
        """
        run = self._run(key, num_draws)
        return np.concatenate(run.draws, axis=1)[:, :num_draws]

    def summary_columns(self, key: Key) -> dict[str, Float[np.ndarray, "observations dim"]]:
        """`ess`, `ess_tail` and `r_hat` over all draws made so far."""
        run = self._run(key, 1)
        r_hat, ess_bulk, ess_tail = diagnose(np.concatenate(run.x, axis=2))
        return {"ess": ess_bulk, "ess_tail": ess_tail, "r_hat": r_hat}

    def _run(self, key: Key, num_draws: int) -> _Run:
        seed = tuple(np.asarray(jax.random.key_data(key)).ravel().tolist())
        num_rounds = -(-num_draws // (self._num_chains * self._num_steps))
        with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
            y = jnp.asarray(self._y, float)
            if seed not in self._runs:
                self._runs[seed] = _Run(self._warm(key, y))
            run = self._runs[seed]
            is_complete = len(run.x) >= num_rounds
            while len(run.x) < num_rounds:
                self._go_on(run, key, y)
        if not is_complete:
            self._judge(run)
        return run

    def _warm(self, key: Key, y: jax.Array) -> Warm:
        warm = warm_up(
            self._target, key, y, self._num_chains, self._num_warmup, self._target_acceptance
        )
        self._refuse_broken(warm.is_broken)
        impossible = np.flatnonzero(np.asarray(warm.is_impossible).any(axis=1))
        if impossible.size:
            raise DataError(
                f"{impossible.size} of {len(y)} observations have a likelihood of zero at all "
                f"prior draws tried as starts; first: row {impossible[0]}, "
                f"y = {self._y[impossible[0]].tolist()}.",
                "Check their order and units; otherwise the likelihood reaches too little of "
                "the prior for chains.",
            )
        return warm

    def _go_on(self, run: _Run, key: Key, y: jax.Array) -> None:
        steps: Steps
        warm, steps = advance(self._target, run.warm, y, self._num_steps)
        self._refuse_broken(steps.is_broken)
        run.warm = warm
        x = np.asarray(steps.x)
        pool = x.reshape(len(x), -1, x.shape[-1])
        seed = seed_sequence(jax.random.fold_in(key, len(run.x)))
        order = np.random.default_rng(seed).permutation(pool.shape[1])
        run.x.append(x)
        run.is_divergent.append(np.asarray(steps.is_divergent))
        run.draws.append(pool[:, order])

    def _refuse_broken(self, is_broken: jax.Array) -> None:
        flags = np.asarray(is_broken).reshape(len(self._y), -1)
        broken = np.flatnonzero(flags.any(axis=1))
        if broken.size:
            first = int(broken[0])
            raise NonFiniteError(
                f"The log-density or its slope is not a number within the range of the prior, "
                f"for {broken.size} of {len(self._y)} observations; first: row {first}, "
                f"y = {self._y[first].tolist()}.",
                "Return -inf where x cannot have produced y, and check for 0 / 0 and for "
                "`jnp.where` around an expression whose slope is not a number.",
            )

    def _judge(self, run: _Run) -> None:
        r_hat, _, _ = diagnose(np.concatenate(run.x, axis=2))
        # Not a number where chains stand still: that is no agreement either.
        disagree = ~(r_hat <= _LARGEST_R_HAT)
        share = np.concatenate(run.is_divergent, axis=2).mean(axis=(1, 2))
        diverge = share > _LARGEST_DIVERGENT_SHARE
        unreliable = int((disagree.any(axis=1) | diverge).sum())
        if not unreliable:
            return
        found = []
        if disagree.any():
            names = [self._names[i] for i in np.flatnonzero(disagree.any(axis=0)).tolist()]
            found.append(
                f"chains do not agree about {', '.join(names)} (R-hat up to "
                f"{r_hat[disagree].max():.3g}, where {_LARGEST_R_HAT} is the most to accept)"
            )
        if diverge.any():
            found.append(f"up to {share.max():.1%} of the transitions diverge")
        warn(
            UnreliableChainsWarning(
                f"Do not trust the draws of {unreliable} of {len(self._y)} observations: "
                f"{'; '.join(found)}. With several modes the draws do not tell their "
                "probabilities; otherwise take more `num_warmup` and `num_steps`, or for "
                "divergences a `target_acceptance` nearer to 1."
            )
        )
