"""Have Markov chains forgotten where they began, and how many draws are they worth?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, finite_array
from retrodict.errors import TooFewRowsError

LARGEST_R_HAT = 1.01
FEWEST_EFFECTIVE = 400
_FEWEST_STEPS = 8


@dataclass(frozen=True)
class MarkovChainConvergence:
    """Agreement of several chains with each other, and their effective number of draws.

    Attributes:
        r_hat: rank-normalised split R-hat of each observation and parameter; one when the
            chains agree, infinite when they never move.
        ess: bulk effective sample size; zero when they never move.
    """

    r_hat: Float[np.ndarray, "observations dim"]
    ess: Float[np.ndarray, "observations dim"]

    @property
    def passed(self) -> bool:
        """R-hat at most 1.01 and 400 effective draws everywhere, as its authors advise."""
        return bool((self.r_hat <= LARGEST_R_HAT).all() and (self.ess >= FEWEST_EFFECTIVE).all())

    def to_dict(self) -> Json:
        """Plain numbers; an infinite R-hat is None."""
        return {
            "passed": self.passed,
            "r_hat": [[float(r) if np.isfinite(r) else None for r in row] for row in self.r_hat],
            "ess": self.ess.tolist(),
        }

    def __str__(self) -> str:
        found = (
            f"R-hat at most {self.r_hat.max():.3f}, effective draws at least {self.ess.min():,.0f}"
        )
        if self.passed:
            return f"{found}: the chains agree."
        return (
            f"{found} (wanted: {LARGEST_R_HAT} and {FEWEST_EFFECTIVE}): the chains have not "
            "converged; run them longer, or start from a better proposal."
        )


def markov_chain_convergence(draws: ArrayLike) -> MarkovChainConvergence:
    """Rank-normalised split R-hat and bulk effective sample size.

    Ranks over all chains become normal scores, chains are cut in halves; R-hat is the larger
    of that of the scores and that of the scores of |x - median|, which sees different scales
    (Vehtari, Gelman, Simpson, Carpenter and Buerkner 2021, doi:10.1214/20-BA1221).
    Autocorrelations are summed over Geyer's initial monotone sequence.

    Args:
        draws: (observations, chains, steps, dim).

    Raises:
        NonFiniteError, NotNumericError, ShapeError: no such draws.
        TooFewRowsError: fewer than eight steps.
    """
    x = finite_array("draws", draws, ("observations", "chains", "steps", "dim")).astype(float)
    if x.shape[2] < _FEWEST_STEPS:
        raise TooFewRowsError(
            f"Convergence needs at least {_FEWEST_STEPS} steps of each chain; got {x.shape[2]}.",
            "Run the chains longer.",
        )
    x = np.moveaxis(x, 3, 1)
    median = np.median(x, axis=(2, 3), keepdims=True)
    scores = _split(_normal_scores(x))
    folded = _split(_normal_scores(np.abs(x - median)))
    return MarkovChainConvergence(
        np.maximum(_r_hat(scores), _r_hat(folded)), _effective_sample_size(scores)
    )


def _normal_scores(
    x: Float[np.ndarray, "observations dim chains steps"],
) -> Float[np.ndarray, "observations dim chains steps"]:
    from scipy.special import ndtri
    from scipy.stats import rankdata

    flat = x.reshape(*x.shape[:2], -1)
    ranks = rankdata(flat, axis=-1)
    return ndtri((ranks - 0.375) / (flat.shape[-1] + 0.25)).reshape(x.shape)


def _split(
    x: Float[np.ndarray, "observations dim chains steps"],
) -> Float[np.ndarray, "observations dim halves half_steps"]:
    half = x.shape[-1] // 2
    return np.concatenate([x[..., :half], x[..., -half:]], axis=2)


def _variances(
    x: Float[np.ndarray, "observations dim chains steps"],
) -> tuple[Float[np.ndarray, "observations dim"], Float[np.ndarray, "observations dim"]]:
    """Within chains, and of the mixture of all of them."""
    num_steps = x.shape[-1]
    within = x.var(axis=-1, ddof=1).mean(axis=-1)
    between = x.mean(axis=-1).var(axis=-1, ddof=1)
    return within, within * (num_steps - 1) / num_steps + between


def _moves(
    x: Float[np.ndarray, "observations dim chains steps"],
) -> Bool[np.ndarray, "observations dim"]:
    """Whether any chain does; the variance of equal numbers need not be exactly zero."""
    return (np.ptp(x, axis=-1) > 0).any(axis=-1)


def _r_hat(
    x: Float[np.ndarray, "observations dim chains steps"],
) -> Float[np.ndarray, "observations dim"]:
    within, total = _variances(x)
    moves = _moves(x)
    return np.where(moves, np.sqrt(total / np.where(moves, within, 1)), np.inf)


def _effective_sample_size(
    x: Float[np.ndarray, "observations dim chains steps"],
) -> Float[np.ndarray, "observations dim"]:
    num_chains, num_steps = x.shape[-2:]
    centred = x - x.mean(axis=-1, keepdims=True)
    spectrum = np.fft.rfft(centred, n=2 * num_steps, axis=-1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=-1)[..., :num_steps] / num_steps
    within, total = _variances(x)
    moves = _moves(x)
    # Of lag t, averaged over chains, and one minus its share of the variance of the mixture.
    unexplained = within[..., None] - covariance.mean(axis=-2) * num_steps / (num_steps - 1)
    correlation = 1 - unexplained / np.where(moves, total, 1)[..., None]
    correlation[..., 0] = 1
    even = num_steps // 2 * 2
    pairs = correlation[..., :even].reshape(*correlation.shape[:-1], -1, 2).sum(axis=-1)
    positive = np.minimum.accumulate(pairs > 0, axis=-1)
    pairs = np.minimum.accumulate(np.where(positive, pairs, 0), axis=-1)
    num_draws = num_chains * num_steps
    time = np.maximum(2 * pairs.sum(axis=-1) - 1, 1 / np.log10(num_draws))
    return np.where(moves, num_draws / time, 0.0)
