"""Weights of a mixture of fixed densities, by the likelihood of data that none has seen."""

import numpy as np
from jaxtyping import Float

from retrodict.errors import NonFiniteError

_MOST_STEPS = 2_000
_SMALLEST_GAP = 1e-6
_MOST_FOLDS = 10
_SHARES = np.linspace(0, 1, 11)
_CLEAR = 2.0  # standard errors


def stacking_weights(
    log_densities: Float[np.ndarray, "rows members"],
) -> Float[np.ndarray, " members"]:
    """The weights that maximise the mean log-density of the mixture over held-out rows.

        max_w  (1/n) sum_i log sum_k w_k q_k(x_i | y_i),     w_k >= 0,  sum_k w_k = 1,

    stacking of distributions by the logarithmic score (Yao et al. 2018, arXiv:1704.02030).
    The problem is concave and the EM algorithm solves it:

        w_k <- w_k g_k,     g_k = (1/n) sum_i q_ik / sum_j w_j q_ij.

    The score is below its maximum by max_k log g_k at most (Cover 1984,
    doi:10.1109/TIT.1984.1056869), which ends the search at 1e-6 nats; after T steps from equal
    weights it is below by log(members) / T at most.

    Args:
        log_densities: log q_k(x_i | y_i) of each held-out row under each member.

    Raises:
        NonFiniteError: a row that is impossible under all members, or NaN.
    """
    highest = log_densities.max(axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(highest[:, 0]))
    if bad.size:
        raise NonFiniteError(
            f"{bad.size} of {len(log_densities)} held-out rows have no finite density under any "
            f"member, the first at {bad[:5].tolist()}.",
            "Train the members longer, or weight them equally.",
        )
    relative = np.exp(log_densities - highest)
    num_members = log_densities.shape[1]
    weights = np.full(num_members, 1 / num_members)
    for _ in range(_MOST_STEPS):
        gain = (relative / (relative @ weights)[:, None]).mean(axis=0)
        if np.log(gain.max()) <= _SMALLEST_GAP:
            break
        weights = weights * gain
    normalised: Float[np.ndarray, " members"] = weights / weights.sum()
    return normalised


def cautious_stacking_weights(
    log_densities: Float[np.ndarray, "rows members"],
) -> Float[np.ndarray, " members"]:
    """Stacking weights drawn towards equal ones as far as the rows do not object.

        w = (1 - s) w_stacking + s / members

    A few rows like one of many equally good members best by chance, and the whole weight goes to
    it. The share s is the largest of 0, .1, ..., 1 whose score, in cross-validation over the
    rows, is within two standard errors of the best (after the rule of one, Breiman et al. 1984,
    doi:10.1201/9781315139470, section 3.4.3). By concavity the score over all rows is at least
    that of equal weights.

    Args:
        log_densities: log q_k(x_i | y_i) of each held-out row under each member, rows in random
            order.

    Raises:
        NonFiniteError: a row that is impossible under all members, or NaN.
    """
    num_rows, num_members = log_densities.shape
    equal = np.full(num_members, 1 / num_members)
    best = stacking_weights(log_densities)
    if num_rows < 2:
        return equal
    fold = np.arange(num_rows) % _MOST_FOLDS
    scores = np.empty((len(_SHARES), num_rows))
    for i in np.unique(fold):
        fitted = stacking_weights(log_densities[fold != i])
        for j, share in enumerate(_SHARES):
            mixed = (1 - share) * fitted + share * equal
            scores[j, fold == i] = mixture_log_density(log_densities[fold == i], mixed)
    missed = scores[scores.mean(axis=1).argmax()] - scores
    within = missed.mean(axis=1) <= _CLEAR * missed.std(axis=1, ddof=1) / np.sqrt(num_rows)
    share = _SHARES[within].max()
    return (1 - share) * best + share * equal


def mixture_log_density(
    log_densities: Float[np.ndarray, "*rows members"], weights: Float[np.ndarray, " members"]
) -> Float[np.ndarray, "*rows"]:
    """log sum_k w_k q_k of each row; -inf where every member of positive weight has it."""
    used = weights > 0
    mixed: Float[np.ndarray, "*rows"] = np.logaddexp.reduce(
        log_densities[..., used] + np.log(weights[used]), axis=-1
    )
    return mixed
