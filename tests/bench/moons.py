"""Exact posteriors of two moons in NumPy, as references, and solvers that answer with them."""

from typing import ClassVar

import numpy as np

from retrodict.datasets import SbibmReference
from retrodict.errors import CapabilityError
from retrodict.problems.base import seed_sequence
from retrodict.solvers.base import AbstractSolver
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.training import Outcome

# The two means lie in the prior for each of them.
OBSERVATIONS = np.random.default_rng(8).uniform(-0.25, 0.25, (10, 2))


def exact_draws(y, num, rng):
    """Backwards through the simulator: y - p = (-|x1 + x2|, x2 - x1) / sqrt 2, either sign."""
    angle, radius = rng.uniform(-np.pi / 2, np.pi / 2, num), rng.normal(0.1, 0.01, num)
    p = np.stack([radius * np.cos(angle) + 0.25, radius * np.sin(angle)], axis=1)
    total = rng.choice([-1, 1], num) * np.abs(y[0] - p[:, 0]) * np.sqrt(2)
    difference = (y[1] - p[:, 1]) * np.sqrt(2)
    return np.stack([(total - difference) / 2, (total + difference) / 2], axis=1)


def reference(task, number):
    rng = np.random.default_rng(number)
    y = OBSERVATIONS[number - 1]
    return SbibmReference(task, number, y, np.zeros(2), exact_draws(y, 10_000, rng))


class MoonsSampler(AbstractPosteriorSampler):
    def __init__(self, y, way):
        self.y = y
        self.way = way

    def sample(self, key, num_draws):
        rng = np.random.default_rng(seed_sequence(key))
        draws = np.stack([exact_draws(y, num_draws, rng) for y in self.y])
        if self.way == "wide":
            draws = draws + rng.normal(0, 0.3, draws.shape)
        if self.way == "narrow":
            centre = draws.mean(axis=1, keepdims=True)
            draws = centre + 0.5 * (draws - centre)
        if self.way == "half":
            draws[1, 3] = np.nan
        return draws


class Moons(AbstractSolver):
    """Knows the posterior without learning.

    Args:
        way: "exact", "wide", "narrow", "half" (NaN for observation 2), or how it fails:
            "refuses", "breaks", "interrupted" (by Ctrl-C that training caught).
        fails_at: number of simulations at which it fails; None is always.
        random_state: not used.
    """

    fits: ClassVar[list] = []

    def __init__(self, way="exact", fails_at=None, random_state=0):
        self.way = way
        self.fails_at = fails_at
        self.random_state = random_state

    def _learn(self, x, y, progress, checkpoint):
        self.fits.append((len(x), self.random_state))
        self.is_fitted_ = True
        if self.fails_at not in (None, len(x)):
            return
        if self.way == "refuses":
            raise CapabilityError("This solver cannot do it.", "Take another.")
        if self.way == "breaks":
            raise ValueError("bad | luck\n<b>")
        if self.way == "interrupted":
            checkpoint.write_text("here")
            self.outcome_ = Outcome.INTERRUPTED

    def _sampler(self, y):
        return MoonsSampler(y, self.way)

    def __sklearn_is_fitted__(self):
        return "is_fitted_" in vars(self)
