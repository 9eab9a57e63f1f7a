"""Draws from a part of the prior too small to be hit by chance: chains that start inside it."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

NUM_STEPS = 60
_JUMP_SHARE = 0.1


def walk(
    log_prob: Callable[[np.ndarray], np.ndarray],
    starts: Float[np.ndarray, "starts dim"],
    num: int,
    rng: np.random.Generator,
    *,
    num_steps: int = NUM_STEPS,
) -> tuple[Float[np.ndarray, "num dim"], float]:
    """`num` chains of differential evolution (ter Braak 2006, doi:10.1007/s11222-006-8769-1).

    Each chain x proposes x + g (a - b) with a and b two chains of the other half of the
    ensemble, which rests meanwhile, and accepts by Metropolis' rule. The proposal is symmetric,
    takes scale and correlation from the ensemble, and with g = 1 leads from mode to mode. Every
    step leaves the target as it is: chains that start at independent draws from it have it as
    their distribution whatever the number of steps. Steps are there for chains that share a
    start, to forget each other.

    Args:
        log_prob: of rows of x, up to a constant; -inf where none shall go.
        starts: draws from the target, at least two; chains that outnumber them share them.
        num: chains, each giving one draw.
        rng: of everything.
        num_steps: of each chain.

    Returns:
        The last state of each chain, and the share of proposals that were accepted.
    """
    half = (num + 1) // 2
    # Copies of a start stay in one half, so that the halves begin independent of each other.
    parts = np.array_split(rng.permutation(len(starts)), 2)
    ensemble = np.stack([starts[np.resize(part, half)] for part in parts])
    densities = np.stack([log_prob(x) for x in ensemble])
    scale = 2.38 / np.sqrt(2 * starts.shape[1])
    num_accepted = 0
    for step in range(2 * num_steps):
        mine, other = step % 2, 1 - step % 2
        first, second = _pairs(half, rng)
        jump = np.where(rng.random((half, 1)) < _JUMP_SHARE, 1.0, scale)
        proposed = ensemble[mine] + jump * (ensemble[other][first] - ensemble[other][second])
        density = log_prob(proposed)
        accepted = np.log(rng.random(half)) < density - densities[mine]
        ensemble[mine][accepted] = proposed[accepted]
        densities[mine][accepted] = density[accepted]
        num_accepted += int(accepted.sum())
    return ensemble.reshape(2 * half, -1)[:num], num_accepted / (2 * half * num_steps)


def _pairs(num: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two different members for each of `num`."""
    first = rng.integers(num, size=num)
    return first, (first + rng.integers(1, num, size=num)) % num
