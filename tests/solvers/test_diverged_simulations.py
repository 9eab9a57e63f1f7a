"""What a fit does with simulations that diverged, and with too few of them."""

import copy

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from small_problem import pairs

from retrodict import load, save
from retrodict.comparison.against_problem import against_problem, held_out_pairs, simulated_again
from retrodict.distributions import Normal
from retrodict.errors import DivergedSimulationsWarning, SimulationError, TooFewRowsError
from retrodict.problems import AbstractJaxProblem
from retrodict.solvers import ConditionalFlow, RejectionABC
from retrodict.variables import Variable

NOISE = 0.5


class Cliff(AbstractJaxProblem):
    """y = x + noise, x ~ N(0, 1); there is no outcome above an edge."""

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    parameters: tuple[Variable, ...] = eqx.field(static=True)
    observables: tuple[Variable, ...] = eqx.field(static=True)
    prior: Normal
    edge: float = eqx.field(static=True)

    def __init__(self, edge):
        self.name, self.description = "cliff", "A path that ends."
        self.parameters, self.observables = (Variable("x"),), (Variable("y"),)
        self.prior = Normal(np.zeros(1), np.ones(1))
        self.edge = edge

    def simulate(self, key, x):
        return jnp.where(x > self.edge, jnp.nan, x + NOISE * jax.random.normal(key, (1,)))


class Unasked(Cliff):
    """Fails a test that simulates it."""

    def simulations(self, key, num):
        raise AssertionError("simulated before the number was checked")


PROBLEM = Cliff(1.5)


@pytest.fixture(scope="module")
def cut():
    with pytest.warns(DivergedSimulationsWarning, match="of 20,000 simulations of `cliff`") as told:
        solver = RejectionABC(adjustment="none", num_accepted=400).fit_problem(
            PROBLEM, num_simulations=20_000
        )
    # Not at a line of ours, which tells nobody anything.
    assert {warning.filename for warning in told} == {__file__}
    return solver


def test_the_posterior_answers_for_causes_whose_simulation_ends(cut):
    """That of the prior cut at the edge: a truncated normal, in closed form."""
    share = stats.norm.sf(1.5)
    assert abs(cut.num_diverged_ - 20_000 * share) < 4 * np.sqrt(20_000 * share)
    assert cut.num_rows_ == 20_000 - cut.num_diverged_
    draws = cut.retrodict([1.5]).sample(4000)
    mean, sd = 1.5 / (1 + NOISE**2), NOISE / np.sqrt(1 + NOISE**2)
    exact = stats.truncnorm(-np.inf, (1.5 - mean) / sd, loc=mean, scale=sd)
    assert draws.max() <= 1.5
    assert abs(draws.mean() - exact.mean()) < 4.5 * exact.std() / np.sqrt(400)
    # The whole normal would be far off.
    assert abs(mean - exact.mean()) > 8 * exact.std() / np.sqrt(400)


def test_a_table_has_no_diverged_simulations():
    assert RejectionABC().fit(*pairs(300)).num_diverged_ == 0


def test_the_count_is_kept_with_the_solver(cut, fitted, tmp_path):
    save(cut, tmp_path / "abc")
    assert load(tmp_path / "abc").num_diverged_ == cut.num_diverged_
    assert fitted.num_diverged_ == 0
    flow = copy.copy(fitted)
    flow.num_diverged_ = 7
    save(flow, tmp_path / "flow")
    assert load(tmp_path / "flow").num_diverged_ == 7


def test_held_out_pairs_are_those_that_ended():
    held_out = held_out_pairs(PROBLEM, 500, seed=0)
    assert 430 < len(held_out.x) == len(held_out.y) < 490
    assert held_out.x.max() <= 1.5


def test_a_problem_that_diverges_too_often_is_refused():
    with pytest.raises(SimulationError, match="no more than 10%"):
        RejectionABC().fit_problem(Cliff(1.0), num_simulations=1000)


@pytest.mark.parametrize("num", [49, 20, 0, -1])
@pytest.mark.parametrize("kind", [RejectionABC, ConditionalFlow])
def test_too_few_simulations_are_refused_before_any(kind, num):
    with pytest.raises(TooFewRowsError, match=f"At least 50 simulations .*={num}`") as caught:
        kind().fit_problem(Unasked(1.5), num_simulations=num)
    assert "a thousand" in caught.value.hint


def test_draws_beyond_the_edge_do_not_break_the_comparison():
    """The linear adjustment carries draws to where nothing can be simulated."""
    leaking = RejectionABC(num_accepted=400)
    with pytest.warns(DivergedSimulationsWarning):
        leaking.fit_problem(PROBLEM, num_simulations=4000)
    held_out = held_out_pairs(PROBLEM, 50, seed=0)
    with pytest.warns(DivergedSimulationsWarning, match="posterior draws, simulated again") as told:
        compared = against_problem(leaking, held_out, PROBLEM, seed=0)
    assert {warning.filename for warning in told} == {__file__}
    beyond = compared.draws[:, :100, 0] > 1.5
    assert 0 < beyond.mean() < 0.2
    assert np.isfinite(compared.resimulated).all()
    assert compared.resimulated.max() < 1.5 + 6 * NOISE


def test_the_next_draw_that_ends_stands_for_one_that_does_not():
    def again(*draws):
        return simulated_again(PROBLEM, jax.random.key(0), np.array(draws)[..., None])

    with pytest.warns(DivergedSimulationsWarning, match="4 of 8 posterior draws"):
        found = again([2.0, -50.0, -90.0, 2.0], [2.0, 1.0, 50.0, -9.0])
    expected = [[-50, -50, -90, -90], [1, 1, -9, -9]]
    np.testing.assert_allclose(found[..., 0], expected, atol=6 * NOISE)
    with pytest.raises(SimulationError, match=r"all 2 draws .* 1 of 2 observations; first: \[1\]"):
        again([0.0, 2.0], [2.0, 3.0])
