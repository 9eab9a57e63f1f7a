"""The published reference draws, and draws of a proposal weighted to compare with them."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from retrodict.datasets import sbibm_reference

FEWEST_EFFECTIVE = 1000


class Published(NamedTuple):
    """One observation of a task and draws from its posterior."""

    y: np.ndarray
    draws: np.ndarray


def published(data_folder, task, number):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETRODICT_DATA", str(data_folder))
        found = sbibm_reference(task, number)
    return Published(found.observation, found.draws)


def row_by_row(function, x, y, at_once=4096):
    """function(x_i, y_i) in single precision, always of so many rows for one compilation."""
    num = len(x)
    y = np.broadcast_to(y, (num, np.shape(y)[-1]))
    rows = np.arange(at_once) % num
    assert num <= at_once
    return np.asarray(function(np.float32(x)[rows], np.float32(y)[rows]), float)[:num]


def wide_proposals(draws, num, seed):
    """Draws of a t distribution with the location of `draws`, wider, and their log-densities."""
    proposal = stats.multivariate_t(draws.mean(axis=0), 1.5 * np.cov(draws.T), df=5, seed=seed)
    proposed = proposal.rvs(num)
    return proposed, proposal.logpdf(proposed)


def assert_same_moments(log_weights, proposed, draws):
    """Weighted proposals and draws have the same means, variances and covariances.

    Standard errors: of a self-normalised importance-weighted mean by the delta method,
    sum w_i^2 (f_i - mean)^2, and of the mean of independent draws.
    """
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    assert 1 / (weights**2).sum() > FEWEST_EFFECTIVE
    centre, scale = draws.mean(axis=0), draws.std(axis=0)
    pairs = np.triu_indices(draws.shape[1])

    def moments(x):
        z = (x - centre) / scale
        return np.concatenate([z, z[:, pairs[0]] * z[:, pairs[1]]], axis=1)

    ours, theirs = moments(proposed), moments(draws)
    mean = weights @ ours
    error = np.sqrt(weights**2 @ (ours - mean) ** 2 + theirs.var(axis=0) / len(theirs))
    np.testing.assert_array_less(np.abs(mean - theirs.mean(axis=0)), 4.5 * error)


def assert_predicts(simulated, y):
    """Each entry of `y` lies among what draws of its posterior simulate, ties counted half."""
    below = (simulated < y).mean(axis=0) + 0.5 * (simulated == y).mean(axis=0)
    assert (np.minimum(below, 1 - below) > 2e-4).all(), below
