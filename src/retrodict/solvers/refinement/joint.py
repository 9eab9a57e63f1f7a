"""The exact posterior up to its constant: prior times likelihood."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from retrodict._blocks import in_blocks
from retrodict.errors import NonFiniteError
from retrodict.problems.base import AbstractLikelihoodProblem
from retrodict.solvers.chains import in_double_precision
from retrodict.typing import Array, Scalar


class JointDensity:
    """log p(x) + log p(y | x) of a batch of observations, in double precision.

    Args:
        problem: prior and likelihood.
        y: observations in the user's units.
    """

    def __init__(
        self, problem: AbstractLikelihoodProblem, y: Float[np.ndarray, "observations cond"]
    ) -> None:
        self.problem = problem
        self.y = y

    def log_prior_and_likelihood(
        self, x: Float[np.ndarray, "observations num dim"]
    ) -> tuple[Float[np.ndarray, "observations num"], Float[np.ndarray, "observations num"]]:
        """log p(x), and log p(y | x); the latter is -inf where the former is.

        Raises:
            NonFiniteError: NaN or +inf, with the first x that gave it.
        """
        flat = np.asarray(x, float).reshape(-1, x.shape[-1])
        y = np.repeat(np.asarray(self.y, float), x.shape[1], axis=0)
        with jax.enable_x64(True):
            problem = in_double_precision(self.problem)
            log_prior, log_likelihood = in_blocks(
                lambda x, y: _evaluate(problem, jnp.asarray(x), jnp.asarray(y)), flat, y
            )
        _refuse(log_prior, "prior", flat, y)
        _refuse(log_likelihood, "likelihood", flat, y)
        return log_prior.reshape(x.shape[:2]), log_likelihood.reshape(x.shape[:2])

    def log_prob(
        self, x: Float[np.ndarray, "observations num dim"]
    ) -> Float[np.ndarray, "observations num"]:
        """Their sum: log p(x | y) + log p(y)."""
        log_prior, log_likelihood = self.log_prior_and_likelihood(x)
        return log_prior + log_likelihood


def log_joint(
    problem: AbstractLikelihoodProblem, x: Float[Array, " dim"], y: Float[Array, " cond"]
) -> tuple[Scalar, Scalar]:
    """log p(x), and log p(y | x): -inf outside the prior's support."""
    log_prior = problem.prior.log_prob(x)
    log_likelihood = problem.log_likelihood(x, y).astype(log_prior.dtype)
    return log_prior, jnp.where(jnp.isneginf(log_prior), -jnp.inf, log_likelihood)


@eqx.filter_jit
def _evaluate(
    problem: AbstractLikelihoodProblem, x: Float[Array, "rows dim"], y: Float[Array, "rows cond"]
) -> tuple[Float[Array, " rows"], Float[Array, " rows"]]:
    return jax.vmap(lambda x, y: log_joint(problem, x, y))(x, y)


def _refuse(
    values: NDArray[np.floating], what: str, x: NDArray[np.floating], y: NDArray[np.floating]
) -> None:
    bad = np.isnan(values) | np.isposinf(values)
    if bad.any():
        first = int(bad.argmax())
        raise NonFiniteError(
            f"The problem's log-{what} is NaN or +inf at {int(bad.sum()):,} of {len(bad):,} "
            f"proposals, the first at x = {x[first].tolist()} for y = {y[first].tolist()}.",
            "A density that is zero has the logarithm -inf; check the formula at that point.",
        )
