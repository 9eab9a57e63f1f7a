"""Which parameters of a posterior depend on one another, in whatever form."""

import numpy as np
from jaxtyping import Float

_GROUPS = 6
_MAX_DRAWS = 2000
_LEVEL = 0.01
_BLOCK = 64  # columns whose tables are made at once


def strongest_dependence(draws: Float[np.ndarray, "draws dim"]) -> Float[np.ndarray, " dim"]:
    """How much each column depends on the one it depends on most.

    The mean square contingency phi^2 = sum (observed - expected)^2 / expected / n (Pearson 1904)
    of the table of two columns, each cut into six groups of equally many draws: 0 where they
    are independent, 5 where one follows from the other. A correlation would be blind to a ring
    or a valley that curves. What independent columns of independent draws show with more than
    1 %, all pairs together (chi-squared, Bonferroni), counts as 0.

    Args:
        draws: of one posterior; 2,000 of them are looked at.
    """
    from scipy.stats import chi2

    kept = np.linspace(0, len(draws) - 1, min(len(draws), _MAX_DRAWS)).astype(int)
    sample = draws[kept]
    num, dim = sample.shape
    cuts = np.quantile(sample, np.arange(1, _GROUPS) / _GROUPS, axis=0)
    group = (sample > cuts[:, None]).sum(axis=0)
    member = (group[..., None] == np.arange(_GROUPS)).astype(np.float32)
    sizes = member.sum(axis=0).ravel()
    flat = member.reshape(num, -1)
    num_pairs = max(1, dim * (dim - 1) // 2)
    by_chance = chi2.isf(_LEVEL / num_pairs, (_GROUPS - 1) ** 2) / num
    strongest = np.zeros(dim)
    for first in range(0, dim, _BLOCK):
        rows = slice(first * _GROUPS, (first + _BLOCK) * _GROUPS)
        expected = np.outer(sizes[rows], sizes) / num
        # A group is empty where many draws are equal; nothing is expected and nothing there.
        surprise = (flat[:, rows].T @ flat - expected) ** 2 / np.maximum(expected, 1e-6)
        phi_squared = surprise.reshape(-1, _GROUPS, dim, _GROUPS).sum(axis=(1, 3)) / num
        places = np.arange(len(phi_squared))
        phi_squared[places, first + places] = 0
        strongest[first : first + _BLOCK] = phi_squared.max(axis=1)
    return np.where(strongest > by_chance, strongest, 0)
