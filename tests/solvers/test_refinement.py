"""Refinement: from a wrong proposal to the exact posterior, or to a refusal that says why."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from retrodict.errors import (
    CapabilityError,
    ConfigurationError,
    NonFiniteError,
    RefinementError,
)
from retrodict.flows import SplineCoupling
from retrodict.problems import LinearGaussian, TwoMoons, get_problem
from retrodict.solvers import ConditionalFlow, Posterior
from retrodict.solvers.refinement import (
    METHODS,
    ImportanceSampling,
    IndependentMetropolis,
    LatentNUTS,
    SamplingImportanceResampling,
)
from retrodict.solvers.refinement.latent_nuts import _LatentTarget
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.variables import Variable

A = np.array([[1.0, 0.5], [0.0, 1.0]])
NOISE = np.array([0.5, 1.0])
PRIOR_MEAN = np.array([1.0, -1.0])
PROBLEM = LinearGaussian(A, NOISE, prior_mean=PRIOR_MEAN)
Y = np.array([[0.5, -1.0], [3.0, 2.0], [-1.0, 0.3]])
GAIN = A.T @ np.linalg.inv(A @ A.T + np.diag(NOISE**2))
MEANS = PRIOR_MEAN + (Y - A @ PRIOR_MEAN) @ GAIN.T
COVARIANCE = np.eye(2) - GAIN @ A
LOG_EVIDENCE = multivariate_normal(A @ PRIOR_MEAN, A @ A.T + np.diag(NOISE**2)).logpdf(Y)


class ShiftedNormal(AbstractPosteriorSampler):
    """The exact posterior moved by `shift` deviations and `scale` times as wide."""

    def __init__(self, shift=0.4, scale=1.3, num=3):
        self.root = np.linalg.cholesky(COVARIANCE)
        self.means = MEANS[:num] + self.root @ np.full(2, shift)
        self.scale = scale

    def sample(self, key, num_draws):
        z = np.asarray(jax.random.normal(key, (len(self.means), num_draws, 2)), float)
        return self.means[:, None] + self.scale * z @ self.root.T

    def log_prob(self, x):
        z = np.linalg.solve(self.root, (x - self.means[:, None])[..., None])[..., 0] / self.scale
        log_det = np.log(np.diag(self.root)).sum() + 2 * np.log(self.scale)
        return -0.5 * (z**2).sum(axis=-1) - np.log(2 * np.pi) - log_det


class OnlyDraws(AbstractPosteriorSampler):
    def sample(self, key, num_draws):
        return np.zeros((len(Y), num_draws, 2))


def posterior(sampler=None, problem=PROBLEM, y=Y, single=False):
    return Posterior(
        ShiftedNormal() if sampler is None else sampler,
        y,
        is_single=single,
        parameters=problem.parameters,
        observables=problem.observables,
        random_state=3,
    )


CHEAP = {
    "importance": ImportanceSampling(),
    "importance with prior": ImportanceSampling(prior_share=0.2),
    "sir": SamplingImportanceResampling(5),
    "sir without replacement": SamplingImportanceResampling(10, replacement=False),
    "independent-metropolis": IndependentMetropolis(num_chains=4, steps_per_draw=5),
}


@pytest.fixture(scope="module", params=CHEAP)
def refined(request):
    return posterior().refine(PROBLEM, CHEAP[request.param], num_draws=4000)


def test_the_refined_posterior_is_the_exact_one(refined):
    assert refined.refinement.passed
    summary = refined.summary()
    sd = np.sqrt(np.diag(COVARIANCE))
    ess = summary["ess"].to_numpy().reshape(3, 2)
    assert (np.abs(summary["mean"].to_numpy().reshape(3, 2) - MEANS) < 4.5 * sd / ess**0.5).all()
    found_sd = summary["sd"].to_numpy().reshape(3, 2)
    assert (np.abs(found_sd / sd - 1) < 4.5 / np.sqrt(2 * ess)).all()
    upper = (summary["q97.5"].to_numpy().reshape(3, 2) - MEANS) / sd
    assert_allclose(upper, 1.96, atol=0.25)


def test_draws_follow_the_exact_posterior(refined):
    draws = refined.sample(2000)
    assert draws.shape == (3, 2000, 2)
    whitened = (draws - MEANS[:, None]) @ np.linalg.inv(np.linalg.cholesky(COVARIANCE)).T
    assert_allclose(whitened.mean(axis=1), 0, atol=0.12)
    covariances = np.einsum("odi,odj->oij", whitened, whitened) / 2000
    assert_allclose(covariances, np.broadcast_to(np.eye(2), (3, 2, 2)), atol=0.15)


def test_the_evidence_and_the_density_are_exact(refined):
    report = refined.refinement
    error = report.log_evidence - LOG_EVIDENCE
    assert (np.abs(error) < 4 * report.log_evidence_error).all()
    assert (report.log_evidence_error < 0.03).all()
    x = np.array([[0.3, 0.1], [1.5, -2.0], [0.0, 0.0]])
    exact = [
        multivariate_normal(m, COVARIANCE).logpdf(row) for m, row in zip(MEANS, x, strict=True)
    ]
    assert_allclose(refined.log_prob(x), exact, atol=0.1)


def test_the_mode_is_that_of_the_exact_posterior(refined):
    assert_allclose(refined.mode(), MEANS, atol=1e-4)


def test_the_standard_error_of_the_evidence_is_its_spread():
    y = np.repeat(Y[:1], 200, axis=0)
    sampler = ShiftedNormal()
    sampler.means = np.repeat(sampler.means[:1], 200, axis=0)
    report = posterior(sampler, y=y).refine(PROBLEM, num_draws=400).refinement
    assert_allclose(report.log_evidence.std(ddof=1), report.log_evidence_error.mean(), rtol=0.2)
    z = (report.log_evidence - LOG_EVIDENCE[0]) / report.log_evidence_error
    assert abs(z.mean()) < 4 / np.sqrt(200)


def test_tables_and_repeatability(refined):
    assert len(refined.to_dataframe(50)) == 150
    assert_allclose(refined.sample(100), refined.sample(100))
    assert not np.allclose(refined.sample(100), refined.sample(100, random_state=8))
    with pytest.raises(ConfigurationError, match="num_draws=5000"):
        refined.sample(5000)
    with pytest.raises(ConfigurationError, match="already"):
        refined.refine(PROBLEM)
    report = json.loads(json.dumps(refined.refinement.to_dict()))
    assert report["passed"]
    assert "Refined by" in str(refined.refinement)


def test_one_observation_has_no_observation_axis():
    one = posterior(ShiftedNormal(num=1), y=Y[:1], single=True).refine(PROBLEM, num_draws=500)
    assert one.sample(7).shape == (7, 2)
    assert one.summary().index.tolist() == ["x1", "x2"]
    assert one.log_prob([0.0, 0.0]).shape == ()


def test_draws_without_replacement_all_differ():
    method = SamplingImportanceResampling(10, replacement=False)
    report = posterior().refine(PROBLEM, method, num_draws=1000).refinement
    assert (report.num_distinct == 1000).all()
    again = posterior().refine(PROBLEM, SamplingImportanceResampling(1), num_draws=1000)
    assert (again.refinement.num_distinct < 900).all()


@pytest.mark.parametrize(
    ("method", "says"),
    [("importance", "Pareto k"), ("sir", "Pareto k"), ("independent-metropolis", "R-hat")],
)
def test_a_proposal_without_tails_is_refused_with_a_reason(method, says):
    narrow = posterior(ShiftedNormal(shift=2.0, scale=0.35))
    with pytest.raises(RefinementError, match="3 of 3 observations") as caught:
        narrow.refine(PROBLEM, method, num_draws=1000)
    assert says in caught.value.message
    assert "train longer" in caught.value.hint
    looked_at = narrow.refine(PROBLEM, method, num_draws=1000, allow_unusable=True)
    assert not looked_at.refinement.passed
    assert "unusable for 3 of 3" in str(looked_at.refinement)
    assert looked_at.sample(10).shape == (3, 10, 2)


def test_a_share_of_the_prior_cures_thin_tails():
    narrow = posterior(ShiftedNormal(shift=1.0, scale=0.35))
    cured = narrow.refine(PROBLEM, ImportanceSampling(prior_share=0.3), num_draws=10_000)
    assert cured.refinement.passed
    error = cured.refinement.log_evidence - LOG_EVIDENCE
    assert (np.abs(error) < 4 * cured.refinement.log_evidence_error).all()


def test_only_the_bad_observation_is_named():
    sampler = ShiftedNormal()
    sampler.means[1] += 8
    with pytest.raises(RefinementError, match="1 of 3 observations") as caught:
        posterior(sampler).refine(PROBLEM, num_draws=1000)
    assert "observation 1 (Pareto k" in caught.value.message


@pytest.mark.parametrize("method", ["importance", "sir", "independent-metropolis"])
def test_proposals_the_target_excludes(method):
    problem = TwoMoons()

    class Outside(OnlyDraws):
        def sample(self, key, num_draws):
            return np.full((1, num_draws, 2), 2.0)

        def log_prob(self, x):
            return np.zeros(x.shape[:2])

    far = posterior(Outside(), problem, np.array([[0.0, 0.0]]))
    with pytest.raises(RefinementError):
        far.refine(problem, method, num_draws=500)
    looked_at = far.refine(problem, method, num_draws=500, allow_unusable=True)
    assert looked_at.refinement.ess[0] == 0
    assert json.dumps(looked_at.refinement.to_dict(), allow_nan=False)


class UniformSquare(AbstractPosteriorSampler):
    def sample(self, key, num_draws):
        return np.asarray(jax.random.uniform(key, (2, num_draws, 2), minval=-1, maxval=1), float)

    def log_prob(self, x):
        return np.full(x.shape[:2], -np.log(4.0))


def test_the_evidence_of_two_moons_from_the_prior():
    problem, y = TwoMoons(), np.array([[0.0, 0.0], [0.1, -0.2]])
    moons = posterior(UniformSquare(), problem, y).refine(
        problem, num_draws=40_000, allow_unusable=True
    )
    # Two crescents of unit mass in a prior density of 1/4.
    report = moons.refinement
    assert (np.abs(report.log_evidence - np.log(0.5)) < 4 * report.log_evidence_error).all()
    above = (moons.sample(4000).sum(axis=2) > 0).mean(axis=1)
    assert (np.abs(above - 0.5) < 4 * 0.5 / np.sqrt(report.ess)).all()


class LopsidedSquare(UniformSquare):
    """Four fifths of the draws on the side of one crescent, which has half of the posterior.

    The square has sides of one, which hold both crescents.
    """

    def sample(self, key, num_draws):
        x = super().sample(key, num_draws) / 2
        above = np.asarray(jax.random.bernoulli(jax.random.fold_in(key, 1), 0.8, x.shape[:2]))
        return np.where((x.sum(axis=2) > 0) == above, 1, -1)[..., None] * x

    def log_prob(self, x):
        inside = (np.abs(x) <= 0.5).all(axis=2)
        return np.where(inside, np.log(np.where(x.sum(axis=2) > 0, 1.6, 0.4)), -np.inf)


@pytest.mark.parametrize("method", ["sir", "independent-metropolis"])
def test_two_modes_get_their_weights_from_a_proposal_with_others(method):
    problem, y = TwoMoons(), np.array([[0.0, 0.0], [0.1, -0.2]])
    moons = posterior(LopsidedSquare(), problem, y).refine(
        problem,
        SamplingImportanceResampling(100)
        if method == "sir"
        else IndependentMetropolis(num_chains=50, steps_per_draw=150),
        num_draws=2000,
        allow_unusable=True,
    )
    draws = moons.sample(2000)
    above = (draws.sum(axis=2) > 0).mean(axis=1)
    # At least 300 of the draws are effective; with the proposal's weights it would be .8.
    assert (moons.refinement.ess > 300).all()
    assert (np.abs(above - 0.5) < 4 * 0.5 / np.sqrt(300)).all()


@pytest.fixture(scope="module")
def small_flow():
    flow = SplineCoupling(num_layers=2, width=8, depth=1, num_bins=4)
    return ConditionalFlow(flow, max_epochs=3).fit_problem(PROBLEM, num_simulations=400)


def test_nuts_in_latent_space(small_flow):
    pytest.importorskip("blackjax", reason="BlackJAX is an extra")
    found = small_flow.retrodict(Y).refine(
        PROBLEM, LatentNUTS(num_chains=2, num_warm_up=100), num_draws=1000
    )
    report = found.refinement
    assert report.passed
    assert (report.acceptance > 0.6).all()
    summary = found.summary()
    sd = np.sqrt(np.diag(COVARIANCE))
    ess = summary["ess"].to_numpy().reshape(3, 2)
    assert (np.abs(summary["mean"].to_numpy().reshape(3, 2) - MEANS) < 4.5 * sd / ess**0.5).all()
    assert_allclose(summary["sd"].to_numpy().reshape(3, 2) / np.tile(sd, (3, 1)), 1, atol=0.2)
    with pytest.raises(CapabilityError, match="evidence"):
        found.log_prob(np.zeros((3, 2)))


def test_the_latent_density_is_that_of_the_change_of_variables():
    """Of a flow that bends, against the Jacobian of its inverse by autodiff."""
    architecture = SplineCoupling(num_layers=2, width=8, depth=1, num_bins=4)
    noise = np.random.default_rng(1)
    flow = jax.tree.map(
        lambda leaf: (
            leaf + 0.3 * noise.normal(size=leaf.shape).astype(leaf.dtype)
            if eqx.is_inexact_array(leaf)
            else leaf
        ),
        architecture.build(2, 2, key=jax.random.key(0)),
    )
    target = _LatentTarget(PROBLEM, flow.base, flow.bijection)
    y = c = jnp.asarray(Y[0], jnp.float32)
    log_dets = []
    for z in jax.random.normal(jax.random.key(1), (5, 2)):
        x = flow.bijection.inverse(z, c)
        jacobian = jax.jacfwd(lambda z: flow.bijection.inverse(z, c))(z)
        log_det = jnp.linalg.slogdet(jacobian).logabsdet
        log_dets.append(log_det)
        expected = PROBLEM.prior.log_prob(x) + PROBLEM.log_likelihood(x, y) + log_det
        assert_allclose(target.log_prob(z, y, c), expected, rtol=1e-4)
    assert np.std(log_dets) > 0.1


def test_a_trained_flow_is_refined(small_flow):
    found = small_flow.retrodict(Y).refine(PROBLEM, num_draws=2000)
    error = found.refinement.log_evidence - LOG_EVIDENCE
    assert (np.abs(error) < 4 * found.refinement.log_evidence_error).all()


def test_what_cannot_be_refined():
    kinematics = get_problem("inverse-kinematics")
    with pytest.raises(CapabilityError, match="likelihood") as caught:
        posterior(problem=kinematics).refine(kinematics)
    assert "log_likelihood" in caught.value.hint
    with pytest.raises(CapabilityError, match="density"):
        posterior(OnlyDraws()).refine(PROBLEM)

    class WithPointMass(ShiftedNormal):
        has_point_masses = True

    with pytest.raises(CapabilityError, match="at its bound"):
        posterior(WithPointMass()).refine(PROBLEM)
    with pytest.raises(CapabilityError, match="latent space"):
        posterior().refine(PROBLEM, "nuts")
    others = LinearGaussian(A, NOISE, parameters=(Variable("a"), Variable("b")))
    with pytest.raises(ConfigurationError, match="a, b"):
        posterior().refine(others)
    with pytest.raises(ConfigurationError, match="observables"):
        posterior().refine(LinearGaussian(A[:1], 0.5))
    bounded = LinearGaussian(A, NOISE, parameters=(Variable("x1", lower=0.0), Variable("x2")))
    with pytest.raises(ConfigurationError, match="never leaves"):
        posterior(problem=bounded).refine(PROBLEM)


@pytest.mark.parametrize(
    ("method", "num_draws", "says"),
    [
        ("importanse", 1000, "importance"),
        ("importance", 0, "at least 1"),
        ("importance", 100, "200"),
        (ImportanceSampling(prior_share=1.0), 1000, "prior_share"),
        (SamplingImportanceResampling(0), 1000, "at least 1"),
        (IndependentMetropolis(num_chains=1), 1000, "at least 2"),
        (IndependentMetropolis(num_chains=200), 1000, "of each"),
        (IndependentMetropolis(num_warm_up=0), 1000, "at least 1"),
        (LatentNUTS(num_warm_up=3), 1000, "at least 50"),
    ],
)
def test_senseless_settings_are_refused(method, num_draws, says):
    with pytest.raises(ConfigurationError, match=says):
        posterior().refine(PROBLEM, method, num_draws=num_draws)


def test_a_likelihood_that_is_not_a_number_is_refused():
    class Broken(LinearGaussian):
        def log_likelihood(self, x, y):
            return jnp.where(x[0] > 1, jnp.nan, 0.0)

    with pytest.raises(NonFiniteError, match="log-likelihood"):
        posterior().refine(Broken(A, NOISE))


def test_every_method_has_the_name_it_is_registered_by():
    assert {name: kind().name for name, kind in METHODS.items()} == {n: n for n in METHODS}
