"""A prior put together from SciPy distributions, one for each parameter."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np

from retrodict.errors import ConfigurationError
from retrodict.problems.base import AbstractRowPrior
from retrodict.typing import Float
from retrodict.variables import Variable


class IndependentMarginals(AbstractRowPrior):
    """p(x) = prod_i p_i(x_i), each factor a frozen continuous distribution of `scipy.stats`.

    Example:
        >>> from scipy import stats
        >>> prior = IndependentMarginals({"speed": stats.gamma(4, scale=5), "angle": stats.norm()})
        >>> prior.parameters[0].lower
        0.0

    Args:
        marginals: parameter names and their distributions; the order is that of the columns.

    Raises:
        ConfigurationError: a value is not a frozen continuous distribution.
    """

    parameters: tuple[Variable, ...] = eqx.field(static=True)
    marginals: tuple[Any, ...] = eqx.field(static=True)

    def __init__(self, marginals: Mapping[str, Any]) -> None:
        from scipy import stats

        if not marginals:
            raise ConfigurationError(
                "A prior needs at least one parameter; got an empty mapping.",
                'Write for example {"speed": scipy.stats.uniform(0, 10)}.',
            )
        variables = []
        for name, marginal in marginals.items():
            if not isinstance(getattr(marginal, "dist", None), stats.rv_continuous):
                raise ConfigurationError(
                    f"The prior of `{name}` must be a frozen continuous distribution of "
                    f"scipy.stats; got {type(marginal).__name__}.",
                    "Freeze it by giving its parameters, as in `scipy.stats.norm(0, 1)`.",
                )
            lower, upper = (float(bound) for bound in marginal.support())
            variables.append(Variable(name, lower=lower, upper=upper))
        self.parameters = tuple(variables)
        self.marginals = tuple(marginals.values())

    def sample_rows(self, rng: np.random.Generator, num: int) -> Float[np.ndarray, "num dim"]:
        # One stream per column, so that a column does not depend on those beside it.
        streams = rng.spawn(len(self.marginals))
        columns = [
            marginal.rvs(size=num, random_state=stream)
            for marginal, stream in zip(self.marginals, streams, strict=True)
        ]
        return np.stack(columns, axis=1).astype(np.float64)

    def log_prob_rows(self, x: Float[np.ndarray, "num dim"]) -> Float[np.ndarray, " num"]:
        columns = np.asarray(x, dtype=np.float64).T
        return np.sum(
            [
                marginal.logpdf(column)
                for marginal, column in zip(self.marginals, columns, strict=True)
            ],
            axis=0,
        )
