"""How often central intervals of draws hold the truth, by its ranks among them."""

import numpy as np
from jaxtyping import Float, Int


def central_coverage(
    ranks: Int[np.ndarray, "observations dim"],
    num_draws: int,
    levels: Float[np.ndarray, " levels"],
    within: Float[np.ndarray, "observations dim"],
) -> Float[np.ndarray, "levels dim"]:
    """Share of true causes inside the central interval of each level.

    A truth of rank r is placed at random within [r, r + 1] / (num_draws + 1), so that an exact
    posterior covers each level in expectation, however few its draws.

    Args:
        ranks: of the truth among its draws.
        num_draws: of each observation.
        levels: of the intervals.
        within: uniform random numbers, which place each truth.
    """
    place = (ranks + within) / (num_draws + 1)
    return (np.abs(2 * place - 1) <= levels[:, None, None]).mean(axis=1)
