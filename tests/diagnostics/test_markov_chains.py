"""R-hat and effective sample size: as ArviZ has them, and as theory does."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.diagnostics import markov_chain_convergence
from retrodict.errors import NonFiniteError, ShapeError, TooFewRowsError


def chains(rng, correlation, num_steps=1000):
    """(2 observations, 4 chains, steps, 2 parameters), autoregressive of order one."""
    x = rng.normal(size=(2, 4, num_steps, 2))
    for t in range(1, num_steps):
        x[:, :, t] = correlation * x[:, :, t - 1] + np.sqrt(1 - correlation**2) * x[:, :, t]
    return np.exp(x)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("correlation", [-0.3, 0.0, 0.8])
def test_agrees_with_arviz(correlation, rng):
    import arviz

    x = chains(rng, correlation)
    x[1, 0] *= 2
    ours = markov_chain_convergence(x)
    for i, j in np.ndindex(2, 2):
        assert_allclose(ours.r_hat[i, j], float(arviz.rhat(x[i, :, :, j])), rtol=1e-6)
        assert_allclose(ours.ess[i, j], float(arviz.ess(x[i, :, :, j])), rtol=0.08)


def test_the_effective_sample_size_of_an_autoregression(rng):
    found = markov_chain_convergence(chains(rng, 0.6, 4000)).ess
    assert_allclose(found, 16_000 * (1 - 0.6) / (1 + 0.6), rtol=0.15)


@pytest.mark.parametrize(
    ("change", "passes"),
    [(lambda x: x, True), (lambda x: x * [[[[1]], [[1]], [[1]], [[3]]]], False)],
    ids=["same", "one scaled"],
)
def test_chains_that_disagree(change, passes, rng):
    x = np.log(chains(rng, 0.0))
    found = markov_chain_convergence(change(x))
    assert found.passed == passes
    assert ("agree" in str(found)) == passes


def test_chains_that_never_move():
    x = np.repeat(np.arange(4.0), 20).reshape(1, 4, 20, 1)
    found = markov_chain_convergence(x)
    assert np.isposinf(found.r_hat).all()
    assert (found.ess == 0).all()
    assert not found.passed
    assert json.loads(json.dumps(found.to_dict()))["r_hat"] == [[None]]


def test_senseless_draws_are_refused():
    with pytest.raises(TooFewRowsError, match="at least 8"):
        markov_chain_convergence(np.zeros((1, 4, 5, 1)))
    with pytest.raises(ShapeError):
        markov_chain_convergence(np.zeros((4, 5, 1)))
    with pytest.raises(NonFiniteError):
        markov_chain_convergence(np.full((1, 4, 50, 1), np.nan))
