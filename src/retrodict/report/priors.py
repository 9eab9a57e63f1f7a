"""Priors in words, where they have the words."""

from typing import TYPE_CHECKING, Any

import numpy as np

from retrodict.distributions import MultivariateNormal, Normal, Uniform
from retrodict.problems.marginals import IndependentMarginals

if TYPE_CHECKING:
    from retrodict.distributions.base import AbstractDistribution
    from retrodict.problems.base import AbstractRowPrior


def prior_in_words(prior: "AbstractDistribution | AbstractRowPrior") -> tuple[str, ...]:
    """The prior of each parameter by itself, e.g. "normal, mean 0, sd 0.25".

    Args:
        prior: of a problem.

    Returns:
        A phrase per parameter; nothing for a prior that has no short name, such as a mixture.
    """
    if isinstance(prior, Normal):
        return _normal(np.asarray(prior.loc), np.asarray(prior.scale))
    if isinstance(prior, MultivariateNormal):
        factor = np.asarray(prior.scale_tril)
        # The diagonal of L L^T.
        scale = np.sqrt((factor**2).sum(axis=1))
        together = ", correlated" if np.tril(factor, -1).any() else ""
        return _normal(np.asarray(prior.loc), scale, together)
    if isinstance(prior, Uniform):
        bounds = zip(prior.lower.tolist(), prior.upper.tolist(), strict=True)
        return tuple(f"uniform, {_plain(low)} to {_plain(high)}" for low, high in bounds)
    if isinstance(prior, IndependentMarginals):
        return tuple(_of_scipy(marginal) for marginal in prior.marginals)
    return ()


def _normal(loc: np.ndarray, scale: np.ndarray, together: str = "") -> tuple[str, ...]:
    return tuple(
        f"normal, mean {_plain(mean)}, sd {_plain(sd)}{together}"
        for mean, sd in zip(loc.tolist(), scale.tolist(), strict=True)
    )


def _of_scipy(marginal: Any) -> str:
    """A frozen distribution of SciPy: its name, and quantiles, which each of them has."""
    low, high = marginal.ppf([0.025, 0.975])
    return f"{marginal.dist.name}, 95 % from {_plain(low)} to {_plain(high)}"


def _plain(value: float) -> str:
    """Four digits at most: in single precision 0.1 is 0.10000000149."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")
