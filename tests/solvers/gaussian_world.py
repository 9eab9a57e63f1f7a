"""A linear simulator in NumPy whose posterior is a formula, and samplers that know it."""

import jax
import numpy as np
from scipy import stats

from retrodict.problems import SimulatorProblem
from retrodict.solvers import AbstractPosteriorSampler

MATRIX = np.array([[1.0, 0.5], [-0.3, 0.8]])
NOISE = 0.3
PRIOR_SDS = np.array([1.0, 2.0])
OBSERVATION = np.array([0.8, -1.2])
PRECISION = np.diag(PRIOR_SDS**-2) + MATRIX.T @ MATRIX / NOISE**2
COVARIANCE = np.linalg.inv(PRECISION)
MEAN = COVARIANCE @ MATRIX.T @ OBSERVATION / NOISE**2


def observe(x, rng):
    return x @ MATRIX.T + NOISE * rng.normal(size=x.shape)


def problem(function=observe, **settings):
    usual = {
        "prior": {"slope": stats.norm(0, 1), "offset": stats.norm(0, 2)},
        "observables": ["near", "far"],
        "batched": True,
        "stochastic": True,
        # Chunks have their own random numbers: one chunk, so that calls can be counted.
        "chunk_size": 1_000,
    }
    return SimulatorProblem(function, **usual | settings)


class Exact(AbstractPosteriorSampler):
    """N(mean, width^2 COVARIANCE) for each observation, the posterior for a width of 1."""

    def __init__(self, y, width=1.0):
        self.mean = y @ (COVARIANCE @ MATRIX.T / NOISE**2).T
        self.covariance = width**2 * COVARIANCE

    def sample(self, key, num_draws):
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        noise = rng.normal(size=(len(self.mean), num_draws, 2))
        return self.mean[:, None] + noise @ np.linalg.cholesky(self.covariance).T

    def log_prob(self, x):
        normal = stats.multivariate_normal(np.zeros(2), self.covariance)
        return normal.logpdf(x - self.mean[:, None]).reshape(x.shape[:-1])
