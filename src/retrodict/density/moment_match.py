"""What a density has reached: its moments, its entropy, and how much entropy is left."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retrodict.density.evaluation import Draws

_LEAST_EIGENVALUE = 1e-6
_MOST_NEWTON_STEPS = 50
_SMALLEST_GRADIENT = 1e-12


@dataclass(frozen=True)
class MomentMatch:
    """Moments and entropy of fresh draws, with their standard errors.

    Attributes:
        wanted: of E[T].
        achieved: mean of T over the draws.
        sds: standard deviations of T.
        metric: inverse of the covariance of T; directions in which T does not vary (constraints
            that say the same) are left out.
        entropy: mean of -log q, in nats.
        entropy_error: its standard error.
        entropy_gap: KL divergence, in nats, of q from the nearest exp(eta . T(x)) / Z, nearest
            by least squares of log q on T. No distribution with the achieved moments has an
            entropy that is larger by more (weak duality), as far as the draws reach: mass where
            q has none is not seen.
        num_draws: how many there were.
    """

    wanted: Float[np.ndarray, " moments"]
    achieved: Float[np.ndarray, " moments"]
    sds: Float[np.ndarray, " moments"]
    metric: Float[np.ndarray, "moments moments"]
    entropy: float
    entropy_error: float
    entropy_gap: float
    num_draws: int

    @property
    def standard_errors(self) -> Float[np.ndarray, " moments"]:
        """Of the achieved moments."""
        return self.sds / np.sqrt(self.num_draws)

    @property
    def misses(self) -> Float[np.ndarray, " moments"]:
        """|achieved - wanted| in standard deviations of each T."""
        return np.abs(self.achieved - self.wanted) / np.where(self.sds > 0, self.sds, 1.0)

    @property
    def distance(self) -> float:
        """Length of achieved - wanted in the metric; about sqrt(moments / num_draws) by chance."""
        residual = self.achieved - self.wanted
        return float(np.sqrt(residual @ self.metric @ residual))

    def is_met(self, tolerance: float) -> bool:
        """Whether no moment misses by more than the tolerance and two standard errors."""
        return bool((self.misses <= tolerance + 2 / np.sqrt(self.num_draws)).all())


def match(draws: Draws, wanted: Float[np.ndarray, " moments"]) -> MomentMatch:
    """Judges draws by the moments wanted of them."""
    moments, log_q = draws.moments, draws.log_prob
    sds = moments.std(axis=0)
    metric = _inverse_covariance(moments, sds)
    centred = moments - moments.mean(axis=0)
    eta = metric @ (centred.T @ (log_q - log_q.mean()) / len(log_q))
    rest = log_q - log_q.mean() - centred @ eta
    return MomentMatch(
        wanted=wanted,
        achieved=moments.mean(axis=0),
        sds=sds,
        metric=metric,
        entropy=float(-log_q.mean()),
        entropy_error=float(log_q.std() / np.sqrt(len(log_q))),
        entropy_gap=float(np.logaddexp.reduce(-rest) - np.log(len(rest))),
        num_draws=len(log_q),
    )


def natural_parameters(
    draws: Draws, wanted: Float[np.ndarray, " moments"]
) -> tuple[Float[np.ndarray, " moments"], Float[np.ndarray, " moments"]]:
    """eta of the density exp(eta . T(x)) / Z that has the wanted moments, and standard errors.

    It minimises the convex dual log Z(eta) - eta . wanted, whose integral Z is estimated from
    the draws by importance weights, which undo what q itself gets wrong; by Newton's method.
    All NaN where the minimum does not exist, as for moments that no density can have.
    """
    moments, log_q = draws.moments, draws.log_prob
    metric = _inverse_covariance(moments, moments.std(axis=0))
    centred = moments - wanted
    eta = metric @ ((moments - moments.mean(axis=0)).T @ (log_q - log_q.mean()) / len(log_q))
    value, weights = _dual(eta, centred, log_q)
    for _ in range(_MOST_NEWTON_STEPS):
        gradient = weights @ centred
        curvature = _inverse_covariance(
            centred, np.sqrt(weights @ (centred - gradient) ** 2), weights
        )
        decrement = float(gradient @ curvature @ gradient)
        # In q's own metric: weights that gather on one draw have a covariance of nothing.
        if gradient @ metric @ gradient < _SMALLEST_GRADIENT:
            scores = len(log_q) * weights[:, None] * centred
            covariance = curvature @ (scores.T @ scores / len(log_q)) @ curvature
            return eta, np.sqrt(np.diag(covariance) / len(log_q))
        step = 1.0
        while step > 1e-6:
            trial = eta - step * curvature @ gradient
            trial_value, trial_weights = _dual(trial, centred, log_q)
            if trial_value <= value - 1e-4 * step * decrement:
                break
            step /= 2
        else:
            break
        eta, value, weights = trial, trial_value, trial_weights
    nothing = np.full(len(eta), np.nan)
    return nothing, nothing


def _dual(eta: np.ndarray, centred: np.ndarray, log_q: np.ndarray) -> tuple[float, np.ndarray]:
    """log Z(eta) - eta . wanted, and the weights of the draws, which sum to one."""
    log_weights = centred @ eta - log_q
    total = np.logaddexp.reduce(log_weights)
    return float(total - np.log(len(log_q))), np.exp(log_weights - total)


def _inverse_covariance(
    moments: np.ndarray, sds: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Pseudo-inverse, of the directions in which T varies."""
    weights = np.full(len(moments), 1 / len(moments)) if weights is None else weights
    unit = np.where(sds > 0, sds, 1.0)
    scaled = (moments - weights @ moments) / unit
    eigenvalues, vectors = np.linalg.eigh((scaled.T * weights) @ scaled)
    kept = eigenvalues > _LEAST_EIGENVALUE
    inverse = (vectors[:, kept] / eigenvalues[kept]) @ vectors[:, kept].T
    return inverse / np.outer(unit, unit)
