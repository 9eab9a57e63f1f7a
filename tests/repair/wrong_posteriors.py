"""Posteriors that are wrong in one known way, with the causes that they are about."""

import numpy as np

LEVELS = (0.5, 0.8, 0.95)


def normal(rng, shape):
    return rng.normal(size=shape)


# How the truth lies about the centre of its posterior, and how the draws do.
CASES = {
    "exact": (normal, normal),
    "too narrow": (normal, lambda rng, shape: 0.5 * rng.normal(size=shape)),
    "too wide": (normal, lambda rng, shape: 2 * rng.normal(size=shape)),
    "shifted": (normal, lambda rng, shape: rng.normal(size=shape) + 0.8),
    "shifted and too narrow": (normal, lambda rng, shape: 0.5 * rng.normal(size=shape) + 0.8),
    "skewed truth": (lambda rng, shape: rng.gamma(2, size=shape) - 2, normal),
    "heavy-tailed truth": (lambda rng, shape: rng.standard_t(2, size=shape), normal),
    "heavy-tailed draws": (normal, lambda rng, shape: rng.standard_t(2, size=shape)),
}


def wrong_posterior(case, seed, num_observations=1000, num_draws=99, dim=1):
    """(draws, truth) where centre and width differ from one observation to the next."""
    rng = np.random.default_rng(seed)
    of_truth, of_draws = CASES[case]
    centre = 3 * rng.normal(size=(num_observations, dim))
    width = np.exp(0.5 * rng.normal(size=(num_observations, dim)))
    truth = centre + width * of_truth(rng, centre.shape)
    noise = of_draws(rng, (num_observations, num_draws, dim))
    return centre[:, None] + width[:, None] * noise, truth


def covered(intervals, truth):
    lower, upper = intervals
    return ((lower <= truth) & (truth <= upper)).mean()


def central_shares(draws, truth, rng, levels=LEVELS):
    """Share of true causes within the central intervals of the draws, by their ranks."""
    rank = (draws < truth[:, None]).sum(axis=1) + rng.random(truth.shape)
    place = np.abs(2 * rank / (draws.shape[1] + 1) - 1)
    return np.array([(place <= level).mean() for level in levels])
