"""From a method's name to a refined posterior, after checking that it can be done."""

import difflib
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float

from retrodict.errors import CapabilityError, ConfigurationError, RefinementError
from retrodict.problems.base import AbstractLikelihoodProblem, AbstractProblem
from retrodict.solvers.refinement.base import AbstractRefinementMethod
from retrodict.solvers.refinement.draws import RefinedDraws
from retrodict.solvers.refinement.importance import (
    ImportanceSampling,
    SamplingImportanceResampling,
)
from retrodict.solvers.refinement.joint import JointDensity
from retrodict.solvers.refinement.latent_nuts import LatentNUTS
from retrodict.solvers.refinement.metropolis import IndependentMetropolis
from retrodict.solvers.refinement.result import Refinement
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.typing import Key
from retrodict.variables import Variable, names_of

METHODS: dict[str, type[AbstractRefinementMethod]] = {
    kind.name: kind
    for kind in (
        ImportanceSampling,
        SamplingImportanceResampling,
        IndependentMetropolis,
        LatentNUTS,
    )
}


def refine(
    sampler: AbstractPosteriorSampler,
    problem: AbstractProblem,
    y: Float[np.ndarray, "observations cond"],
    *,
    method: str | AbstractRefinementMethod,
    parameters: Sequence[Variable],
    observables: Sequence[Variable],
    num_draws: int,
    key: Key,
    allow_unusable: bool,
) -> tuple[RefinedDraws, Refinement]:
    """What `Posterior.refine` does, on the sampler behind it.

    Args:
        sampler: the trained posterior.
        problem: prior and likelihood.
        y: observations in the user's units.
        method: a name in `METHODS`, or a method.
        parameters: of the trained posterior.
        observables: of the trained posterior.
        num_draws: per observation.
        key: of everything random.
        allow_unusable: whether draws that cannot be relied on are returned too.
    """
    chosen = _method(method)
    if num_draws < 1:
        raise ConfigurationError(
            f"`num_draws` must be at least 1; got {num_draws}.", "1,000 is a good start."
        )
    if not isinstance(problem, AbstractLikelihoodProblem):
        raise CapabilityError(
            f"Refinement needs a likelihood; the problem {problem.name!r} can only be simulated.",
            "Give the problem a `log_likelihood(x, y)` by deriving it from "
            "`AbstractLikelihoodProblem`, or train on more simulations instead.",
        )
    _require_same("parameters", names_of(parameters), names_of(problem.parameters))
    _require_same("observables", names_of(observables), names_of(problem.observables))
    _require_support(parameters, problem.parameters)
    if not sampler.has_density:
        name = type(getattr(sampler, "distribution", sampler)).__name__
        raise CapabilityError(
            f"Refinement needs the density of the trained posterior; {name} gives draws only.",
            "Train a solver with a density, e.g. `ConditionalFlow`.",
        )
    if sampler.has_point_masses:
        raise CapabilityError(
            "Refinement needs parameters with a density; at least one of these was often exactly "
            "at its bound in training, so that the bound itself carries probability.",
            "Fix that parameter at its bound in a problem of its own, and refine both cases.",
        )
    # Not the stream of `Posterior.sample`, whose key is the same.
    stream = jax.random.fold_in(key, 1)
    draws, refinement = chosen.refined(sampler, JointDensity(problem, y), stream, num_draws)
    if not (refinement.passed or allow_unusable):
        raise RefinementError(*refinement.complaint())
    return draws, refinement


def _method(method: str | AbstractRefinementMethod) -> AbstractRefinementMethod:
    if isinstance(method, AbstractRefinementMethod):
        return method
    if method not in METHODS:
        nearest = difflib.get_close_matches(method, METHODS, n=1)
        meant = f"Did you mean {nearest[0]!r}? " if nearest else ""
        raise ConfigurationError(
            f"Unknown method of refinement {method!r}.", f"{meant}Available: {', '.join(METHODS)}."
        )
    return METHODS[method]()


def _require_same(what: str, trained: list[str], given: list[str]) -> None:
    if trained != given:
        raise ConfigurationError(
            f"The posterior has the {what} {', '.join(trained)}; the problem has "
            f"{', '.join(given)}.",
            "Refine with the problem that the posterior was trained on: same names, same order.",
        )


def _require_support(trained: Sequence[Variable], given: Sequence[Variable]) -> None:
    for ours, theirs in zip(trained, given, strict=True):
        if ours.lower > theirs.lower or ours.upper < theirs.upper:
            raise ConfigurationError(
                f"The posterior never leaves [{ours.lower:g}, {ours.upper:g}] in "
                f"`{ours.name}`; the problem's bounds are [{theirs.lower:g}, {theirs.upper:g}].",
                "A proposal has to reach all of the prior's support: train with its bounds.",
            )
