"""Markov chains on the likelihood: the reference where a problem has one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from retrodict.bijections import BoundedToReal
from retrodict.errors import CapabilityError, ConfigurationError, NonFiniteError
from retrodict.problems.base import AbstractLikelihoodProblem, AbstractProblem
from retrodict.solvers.base import AbstractSolver
from retrodict.solvers.chains import Target, in_double_precision, require_blackjax
from retrodict.solvers.markov_draws import MarkovDraws
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.training import Progress
from retrodict.typing import Array
from retrodict.variables import Variable, names_of

# Blackjax splits each chain in halves and needs two draws in each.
_FEWEST_STEPS = 4


class MCMC(AbstractSolver):
    """Answers y by Markov chains on p(x) p(y | x): the no-U-turn sampler, from BlackJAX.

    NUTS (Hoffman & Gelman 2014, arXiv:1111.4246) with step size and diagonal mass matrix
    adapted in windows as in Stan, in unconstrained space through the bounds of the parameters,
    in double precision. All chains of all observations run in one compiled program, each from
    a draw of the prior. Nothing is learned: a problem with a likelihood is all it takes, and
    each new observation costs new chains.

    `posterior.summary()` has the effective sample size in the bulk (`ess`) and in the tails
    (`ess_tail`), and R-hat, rank-normalised on split chains (Vehtari et al. 2021,
    arXiv:1903.08008), over all draws made so far.

    Do not believe it where R-hat exceeds 1.01 or transitions diverge, of which
    `UnreliableChainsWarning` tells. A chain hardly ever crosses from one mode to another, and
    then the share of draws in each mode is that of the chains that started near it, not its
    probability. Modes that no chain has found leave no trace in any of these numbers. The
    likelihood has to be differentiable in x almost everywhere.

    The chains of an observation run once for each seed, when draws are first asked for, and
    are kept. Draws come in random order over chains and steps. Asking for more than
    `num_chains * num_steps` lets the chains go on from where they are, so that draw i does not
    depend on how many are asked for. Draws of one chain depend on each other: count on `ess`.

    Args:
        num_chains: per observation, at least 2. With 8 of them, one of two equal modes goes
            unnoticed once in 128 times.
        num_warmup: steps of each chain for adaptation, which are thrown away.
        num_steps: steps of each chain that are kept.
        target_acceptance: mean acceptance probability that the step size aims at; nearer to 1
            where transitions diverge.
        random_state: seed of everything.

    Attributes:
        parameters_, observables_: the columns of x and y.
        n_features_in_: columns of y.
    """

    def __init__(
        self,
        *,
        num_chains: int = 8,
        num_warmup: int = 1000,
        num_steps: int = 1000,
        target_acceptance: float = 0.8,
        random_state: int = 0,
    ) -> None:
        self.num_chains = num_chains
        self.num_warmup = num_warmup
        self.num_steps = num_steps
        self.target_acceptance = target_acceptance
        self.random_state = random_state

    def check_settings(self) -> None:
        require_blackjax()
        for name, fewest in (("num_chains", 2), ("num_warmup", 1), ("num_steps", _FEWEST_STEPS)):
            given = getattr(self, name)
            if given < fewest:
                raise ConfigurationError(
                    f"`{name}` must be at least {fewest}; got {given}.",
                    "Leave it out for a good start.",
                )
        if not 0 < self.target_acceptance < 1:
            raise ConfigurationError(
                f"`target_acceptance` must lie between 0 and 1; got {self.target_acceptance}.",
                "Use 0.8, or 0.95 where transitions diverge.",
            )

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        parameters: Sequence[Variable] | None = None,
        observables: Sequence[Variable] | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> NoReturn:
        """Refuses: pairs have no likelihood.

        Raises:
            CapabilityError: always.
        """
        del x, y, parameters, observables, progress, checkpoint
        raise CapabilityError(
            "`MCMC` needs a likelihood, which a table of pairs does not have.",
            "Call `fit_problem` with a problem that has one, or use a solver that learns from "
            "pairs, e.g. `ConditionalFlow`.",
        )

    def fit_problem(
        self,
        problem: AbstractProblem,
        *,
        num_simulations: int = 10_000,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> "MCMC":
        """Keeps the problem.

        Args:
            problem: with a likelihood.
            num_simulations: how many pairs tell the range in which observations are expected,
                and test the likelihood. No draw depends on them.
            progress: not used.
            checkpoint: not used.

        Raises:
            CapabilityError: the problem has no likelihood.
            NonFiniteError: the likelihood of simulated pairs is not a number.
        """
        if not isinstance(problem, AbstractLikelihoodProblem):
            raise CapabilityError(
                f"`MCMC` needs a likelihood, which the problem {problem.name!r} does not have.",
                "Give it a `log_likelihood` (`AbstractLikelihoodProblem`), or use a solver that "
                "learns from simulations, e.g. `ConditionalFlow`.",
            )
        self._problem = problem
        return super().fit_problem(
            problem, num_simulations=num_simulations, progress=progress, checkpoint=checkpoint
        )

    def _learn(
        self,
        x: Float[np.ndarray, "rows dim"],
        y: Float[np.ndarray, "rows cond"],
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> None:
        del progress, checkpoint
        with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
            problem = in_double_precision(self._problem)
            bounds = BoundedToReal(
                [variable.lower for variable in self.parameters_],
                [variable.upper for variable in self.parameters_],
            )
            rows = jnp.asarray(x, float)
            likelihoods = np.asarray(_likelihoods(problem, rows, jnp.asarray(y, float)))
            target = Target(problem, bounds, *_extent(bounds, rows))
        is_nan = np.isnan(likelihoods)
        if is_nan.any():
            raise NonFiniteError(
                f"The log-likelihood of {is_nan.sum():,} of {len(x):,} simulated pairs is not a "
                f"number; first at x = {x[is_nan.argmax()].tolist()}, "
                f"y = {y[is_nan.argmax()].tolist()}.",
                "Return -inf where x cannot have produced y, and check for 0 / 0.",
            )
        self._target = target

    def _sampler(self, y: Float[np.ndarray, "observations cond"]) -> AbstractPosteriorSampler:
        return MarkovDraws(
            self._target,
            y,
            num_chains=self.num_chains,
            num_warmup=self.num_warmup,
            num_steps=self.num_steps,
            target_acceptance=self.target_acceptance,
            names=names_of(self.parameters_),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return "_target" in vars(self)


@eqx.filter_jit
def _likelihoods(
    problem: AbstractLikelihoodProblem, x: Float[Array, "rows dim"], y: Float[Array, "rows cond"]
) -> Float[Array, " rows"]:
    return jax.vmap(problem.log_likelihood)(x, y)


@eqx.filter_jit
def _extent(
    bounds: BoundedToReal, x: Float[Array, "rows dim"]
) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
    """Smallest and largest image of each parameter on the real line."""
    z = jax.vmap(bounds.forward)(x)
    return z.min(axis=0), z.max(axis=0)
