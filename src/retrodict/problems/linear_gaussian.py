"""A linear map with Gaussian noise and a Gaussian prior: every answer is a formula."""

import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from numpy.typing import ArrayLike

from retrodict.distributions import MultivariateNormal
from retrodict.errors import CapabilityError, ConfigurationError
from retrodict.problems.base import AbstractLikelihoodProblem, AbstractReferencePosterior
from retrodict.typing import Array, Float, Key, Scalar
from retrodict.variables import Variable, default_variables

# How far, in prior predictive standard deviations, rounding may carry an observation off the
# subspace that noise-free simulations lie on.
_OFF_SUBSPACE_SDS = 1e-3


class LinearGaussian(AbstractLikelihoodProblem, AbstractReferencePosterior):
    """y = A x + noise, with x ~ N(m, S) and noise ~ N(0, R).

    The posterior is N(m + K (y - A m), (I - K A) S) with the gain
    K = S A^T (A S A^T + R)^+ (e.g. Stuart 2010, doi:10.1017/S0962492910000061, section 2).
    The pseudo-inverse covers every A and R: without noise the posterior lies on the affine
    subspace {x : A x = y}. Gain and factors are computed once, in double precision.

    Args:
        matrix: A, one row per observable and one column per parameter; any rank.
        noise_sd: standard deviation of the noise, one for all observables or one for each;
            zero for none.
        noise_covariance: R in full, symmetric positive semi-definite; instead of `noise_sd`.
        prior_mean: m; zero if left out.
        prior_covariance: S, symmetric positive definite; the identity if left out.
        parameters, observables: names and units; x1, x2, ... and y1, y2, ... if left out.
        name: as on the command line.
        description: one sentence for people.

    Raises:
        ConfigurationError: sizes disagree, a covariance is none, or a number is not finite.
    """

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    parameters: tuple[Variable, ...] = eqx.field(static=True)
    observables: tuple[Variable, ...] = eqx.field(static=True)
    prior: MultivariateNormal
    matrix: Float[Array, "cond dim"]
    gain: Float[Array, "dim cond"]
    noise_root: Float[Array, "cond cond"]
    noise_whitener: Float[Array, "cond cond"]
    off_subspace: Float[Array, "missing cond"]
    rank: int = eqx.field(static=True)
    noise_rank: int = eqx.field(static=True)

    def __init__(
        self,
        matrix: ArrayLike,
        noise_sd: ArrayLike | None = None,
        *,
        noise_covariance: ArrayLike | None = None,
        prior_mean: ArrayLike | None = None,
        prior_covariance: ArrayLike | None = None,
        parameters: tuple[Variable, ...] | None = None,
        observables: tuple[Variable, ...] | None = None,
        name: str = "linear-gaussian",
        description: str = "A linear map with Gaussian noise and a Gaussian prior.",
    ) -> None:
        A = _finite(matrix, "matrix")
        if A.ndim != 2 or A.size == 0:
            raise ConfigurationError(
                f"`matrix` has one row per observable and one column per parameter; "
                f"got shape {A.shape}.",
                "Write a single row as [[a, b, c]].",
            )
        cond, dim = A.shape
        R = _noise_covariance(noise_sd, noise_covariance, cond)
        m = np.zeros(dim) if prior_mean is None else _finite(prior_mean, "prior_mean")
        S = (
            np.eye(dim)
            if prior_covariance is None
            else _finite(prior_covariance, "prior_covariance")
        )
        for label, array, shape in (("prior_mean", m, (dim,)), ("prior_covariance", S, (dim, dim))):
            if array.shape != shape:
                raise ConfigurationError(
                    f"A matrix with {dim} columns needs a `{label}` of shape {shape}; "
                    f"got {array.shape}.",
                    "One entry per parameter.",
                )
        parameters = default_variables("x", dim) if parameters is None else tuple(parameters)
        observables = default_variables("y", cond) if observables is None else tuple(observables)
        if (len(observables), len(parameters)) != A.shape:
            raise ConfigurationError(
                f"A matrix of shape {A.shape} has {cond} observables and {dim} parameters; "
                f"{len(observables)} and {len(parameters)} were named.",
                "Name every row in `observables` and every column in `parameters`.",
            )

        self.name, self.description = name, description
        self.parameters, self.observables = parameters, observables
        self.prior = MultivariateNormal(m, S)
        self.matrix = jnp.asarray(A, float)
        self.rank = int(np.linalg.matrix_rank(A))

        noise_values, noise_vectors = _spectrum(R, "noise_covariance")
        self.noise_rank = int((noise_values > 0).sum())
        self.noise_root = jnp.asarray(noise_vectors * np.sqrt(noise_values), float)
        inverse_sds = np.where(noise_values > 0, noise_values, np.inf) ** -0.5
        self.noise_whitener = jnp.asarray((noise_vectors * inverse_sds).T, float)

        # In units of each observable's own spread, or rank decisions would depend on units.
        marginal = A @ S @ A.T + R
        spread = np.sqrt(np.diag(marginal))
        spread = np.where(spread > 0, spread, 1.0)
        values, vectors = _spectrum(marginal / np.outer(spread, spread), "A S A^T + R")
        reached = vectors[:, values > 0] / spread[:, None]
        self.gain = jnp.asarray(S @ A.T @ (reached / values[values > 0]) @ reached.T, float)
        self.off_subspace = jnp.asarray((vectors[:, values == 0] / spread[:, None]).T, float)

    @classmethod
    def gaussian_linear(cls) -> "LinearGaussian":
        """The task `gaussian_linear` of sbibm (Lueckmann et al. 2021, arXiv:2101.04653).

        Ten parameters x ~ N(0, .1 I), seen as y ~ N(x, .1 I); posterior N(y / 2, .05 I).
        """
        return cls(
            np.eye(10),
            math.sqrt(0.1),
            prior_covariance=0.1 * np.eye(10),
            description="Ten parameters, each seen directly through Gaussian noise.",
        )

    @property
    def kind(self) -> Literal["injective", "surjective", "bijective", "neither"]:
        """What the noise-free map x -> A x is, from the rank of A in R^(n x p).

        Injective (y tells x apart) iff rank = p, surjective (every y has a cause) iff
        rank = n, bijective iff both.
        """
        num_rows, num_columns = self.matrix.shape
        injective, surjective = self.rank == num_columns, self.rank == num_rows
        if injective and surjective:
            return "bijective"
        if injective:
            return "injective"
        return "surjective" if surjective else "neither"

    def simulate(self, key: Key, x: Float[Array, " dim"]) -> Float[Array, " cond"]:
        noise = jr.normal(key, (self.matrix.shape[0],), self.matrix.dtype)
        return self.matrix @ x + self.noise_root @ noise

    def log_likelihood(self, x: Float[Array, " dim"], y: Float[Array, " cond"]) -> Scalar:
        """log N(y; A x, R) in nats.

        Raises:
            CapabilityError: the noise has no density, because some or all of it is zero.
        """
        cond = self.matrix.shape[0]
        if self.noise_rank < cond:
            raise CapabilityError(
                f"The likelihood needs noise in all {cond} observables; "
                f"here it has rank {self.noise_rank}.",
                "Give every observable some noise, or use `exact_posterior`, which needs none.",
            )
        z = self.noise_whitener @ (y - self.matrix @ x)
        # R^-1/2 is orthogonal times diagonal, so its rows' norms are the inverse deviations.
        log_det = 0.5 * jnp.log((self.noise_whitener**2).sum(axis=1)).sum()
        return -0.5 * (z @ z + cond * math.log(2 * math.pi)) + log_det

    def posterior_mean(self, y: Float[Array, " cond"]) -> Float[Array, " dim"]:
        """m + K (y - A m)."""
        return self.prior.loc + self.gain @ (y - self.matrix @ self.prior.loc)

    @property
    def posterior_covariance(self) -> Float[Array, "dim dim"]:
        """(I - K A) S (I - K A)^T + K R K^T, Joseph's form of (I - K A) S: never indefinite."""
        left = jnp.eye(self.matrix.shape[1], dtype=self.gain.dtype) - self.gain @ self.matrix
        prior_part, noise_part = left @ self.prior.scale_tril, self.gain @ self.noise_root
        return prior_part @ prior_part.T + noise_part @ noise_part.T

    def exact_posterior(
        self, key: Key, y: Float[Array, " cond"], num_draws: int
    ) -> Float[Array, "{num_draws} dim"]:
        """Independent draws from the Gaussian p(x | y), degenerate or not.

        A simulated pair (x', y') moved by the gain, x' + K (y - y'), has exactly the posterior
        as its distribution (Matheron's rule, Journel and Huijbregts 1978), so no posterior
        covariance is ever factorised.

        Args:
            key: of the draws.
            y: the observation. Without noise in some direction, one that no x can reach
                gives NaN.
            num_draws: how many.
        """
        x, simulated = jax.vmap(self.simulation)(jr.split(key, num_draws))
        draws = x + (y - simulated) @ self.gain.T
        off = self.off_subspace @ (y - self.matrix @ self.prior.loc)
        return jnp.where((jnp.abs(off) < _OFF_SUBSPACE_SDS).all(), draws, jnp.nan)


def _finite(array: ArrayLike, label: str) -> np.ndarray:
    numbers = np.asarray(array, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ConfigurationError(
            f"`{label}` holds {np.count_nonzero(~np.isfinite(numbers))} numbers that are NaN "
            "or infinite.",
            "Every entry must be finite.",
        )
    return numbers


def _noise_covariance(
    noise_sd: ArrayLike | None, noise_covariance: ArrayLike | None, cond: int
) -> np.ndarray:
    if (noise_sd is None) == (noise_covariance is None):
        raise ConfigurationError(
            "Expected either `noise_sd` or `noise_covariance`; got "
            + ("neither." if noise_sd is None else "both."),
            "For a map without noise say `noise_sd=0`.",
        )
    if noise_covariance is None:
        sd = _finite(noise_sd, "noise_sd") if noise_sd is not None else np.zeros(())
        if sd.shape not in ((), (cond,)) or (sd < 0).any():
            raise ConfigurationError(
                f"`noise_sd` is one number, or one for each of {cond} observables, none of "
                f"them negative; got shape {sd.shape}, smallest {sd.min():.3g}.",
                "Correlated noise goes into `noise_covariance`.",
            )
        return np.diag(np.broadcast_to(sd**2, (cond,)))
    covariance = _finite(noise_covariance, "noise_covariance")
    if covariance.shape != (cond, cond) or not np.allclose(covariance, covariance.T):
        raise ConfigurationError(
            f"`noise_covariance` is symmetric, of shape {(cond, cond)}; "
            f"got shape {covariance.shape}.",
            "One row and one column per observable.",
        )
    return covariance


def _spectrum(matrix: np.ndarray, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors of a covariance; exact zeros where rounding left its trace.

    The threshold is that of `numpy.linalg.matrix_rank`.
    """
    values, vectors = np.linalg.eigh(matrix)
    threshold = np.abs(values).max() * len(values) * np.finfo(np.float64).eps
    if values[0] < -threshold:
        raise ConfigurationError(
            f"`{label}` has the eigenvalue {values[0]:.3g}; a covariance has none below zero.",
            "Check the matrix: a variance or a correlation is out of range.",
        )
    return np.where(values > threshold, values, 0.0), vectors
