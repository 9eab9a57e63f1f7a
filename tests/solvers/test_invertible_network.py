"""The invertible network: the theorem it rests on, and both ways to train it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import retrodict
from retrodict.bijections import RandomOrthogonal
from retrodict.diagnostics import c2st
from retrodict.distributions import BidirectionalMap
from retrodict.errors import CapabilityError, ConfigurationError
from retrodict.flows import Bidirectional, Glow, RealNVP
from retrodict.objectives import BidirectionalLoss
from retrodict.solvers import InvertibleNetwork, get_solver

SMALL = Glow(num_layers=2, width=8, depth=1)
# y = .8 x1 - .6 x2 + .5 x3: x3 is the noise of a linear-Gaussian problem, counted as a cause.
ROW = np.array([0.8, -0.6, 0.5])
OBSERVED = 1.2


def noisy_line(num, seed):
    x = np.random.default_rng(seed).normal(size=(num, 3))
    return x, x @ ROW[:, None]


def exact_draws(num, seed):
    """Of x1 and x2 given y: gain and covariance of the linear-Gaussian posterior."""
    gain = ROW[:2] / (ROW @ ROW)
    covariance = np.eye(2) - np.outer(gain, ROW[:2])
    rng = np.random.default_rng(seed)
    return rng.multivariate_normal(gain * OBSERVED, covariance, num)


@pytest.fixture(scope="module")
def fitted():
    """Without L_x, so that only what the theorem is about is trained."""
    solver = InvertibleNetwork(
        SMALL,
        weight_y=10.0,
        weight_x=0.0,
        weight_reconstruction=0.0,
        max_epochs=60,
        batch_size=200,
        learning_rate=2e-2,
    )
    return solver.fit(*noisy_line(4000, 0))


@pytest.fixture(scope="module")
def by_likelihood():
    """Of x1 and x2 alone: y then spreads around every prediction, by .5."""
    x, y = noisy_line(4000, 0)
    solver = InvertibleNetwork(
        SMALL, objective="maximum-likelihood", max_epochs=40, batch_size=200, learning_rate=1e-2
    )
    return solver.fit(x[:, :2], y)


def test_without_latent_and_effect_loss_the_posterior_is_exact(key):
    """Rotations of [y, z] by smaller and smaller angles, down to the map without any loss."""
    unit = ROW / np.linalg.norm(ROW)
    q = np.linalg.qr(np.column_stack([unit, np.eye(3)[:, :2]]))[0].T
    q *= np.sign(q[0] @ unit)
    template = RandomOrthogonal(3, key=key)
    x = jax.random.normal(key, (1000, 3))
    y = x @ jnp.asarray(unit, jnp.float32)[:, None]
    loss = BidirectionalLoss(weight_x=0.0, weight_reconstruction=0.0)
    losses, accuracies = [], []
    for angle in (1.2, 0.5, 0.0):
        cos, sin = np.cos(angle), np.sin(angle)
        rotation = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
        bits = np.asarray(rotation @ q, np.float32).view(np.int32)
        leaves, structure = jax.tree.flatten(template)
        assert len(leaves) == 1
        bijection = jax.tree.unflatten(structure, [jnp.asarray(bits)])
        model = BidirectionalMap(bijection, 3, 1, 2)
        losses.append(float(loss(model, (x, y), key)))
        condition = jnp.asarray([OBSERVED / np.linalg.norm(ROW)], jnp.float32)
        draws = np.asarray(model.sample_many(key, 1000, condition))[:, :2]
        accuracies.append(c2st(exact_draws(1000, 1), draws).accuracy)
    assert losses[0] > 1.5 * losses[1] > 2 * losses[2], losses
    assert accuracies[0] > accuracies[1] > accuracies[2]
    assert accuracies[2] <= 0.55


def test_trained_by_effect_and_latent_alone_it_finds_the_posterior(fitted):
    draws = fitted.retrodict([OBSERVED]).sample(1000)
    assert c2st(exact_draws(1000, 1), draws[:, :2]).accuracy <= 0.55
    assert np.std(draws @ ROW - OBSERVED) < 0.1


def test_the_same_network_predicts(fitted):
    assert fitted.score(*noisy_line(500, 2)) > 0.99


def test_draws_of_the_bidirectional_network_have_no_density(fitted):
    with pytest.raises(CapabilityError, match="draws only"):
        fitted.retrodict([OBSERVED]).log_prob(np.zeros((1, 3)))


def test_the_inverse_is_certified(fitted, by_likelihood):
    x, y = noisy_line(100, 3)
    for solver, causes in ((fitted, x), (by_likelihood, x[:, :2])):
        assert solver.has_round_trip
        assert solver.round_trip(causes, y).passed


def test_maximum_likelihood_learns_how_far_y_spreads(by_likelihood):
    posterior = by_likelihood.retrodict([OBSERVED])
    draws = posterior.sample(1000)
    assert c2st(exact_draws(1000, 1), draws).accuracy <= 0.55
    # With correlation r of y and its cause, E[cause | y] = r y with variance 1 - r^2, and
    # f_y = cause / r: not the regression of y, which is r cause.
    variance = ROW[2] ** 2 / (ROW @ ROW)
    expected = np.sqrt(variance / (1 - variance))
    assert_allclose(np.exp(by_likelihood._model.log_noise), expected, rtol=0.1)
    gain = ROW[:2] / (ROW @ ROW)
    covariance = np.eye(2) - np.outer(gain, ROW[:2])
    away = draws - gain * OBSERVED
    quadratic = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away)
    exact = -0.5 * quadratic - 0.5 * np.linalg.slogdet(2 * np.pi * covariance).logabsdet
    assert abs(np.mean(posterior.log_prob(draws) - exact)) < 0.05


@pytest.mark.parametrize("kind", ["fitted", "by_likelihood"])
def test_a_saved_network_answers_the_same(kind, request, tmp_path):
    solver = request.getfixturevalue(kind)
    retrodict.save(solver, tmp_path / "model")
    again = retrodict.load(tmp_path / "model")
    assert isinstance(again, InvertibleNetwork)
    assert_array_equal(
        again.retrodict([OBSERVED]).sample(100), solver.retrodict([OBSERVED]).sample(100)
    )


@pytest.mark.parametrize(
    ("dim", "cond_dim", "settings", "expected"),
    [
        (4, 2, {}, (2, 4)),
        (2, 8, {}, (2, 10)),
        (3, 3, {}, (3, 6)),
        (1, 1, {}, (1, 2)),
        (4, 2, {"latent_dim": 3}, (3, 5)),
        (4, 2, {"total_dim": 16}, (2, 16)),
        (4, 1, {"latent_dim": 2, "total_dim": 4}, (2, 4)),
    ],
)
def test_padding_follows_from_the_dimensions(dim, cond_dim, settings, expected):
    assert Bidirectional(**settings).dims(dim, cond_dim) == expected


def test_padding_that_cannot_hold_x_is_explained():
    with pytest.raises(ConfigurationError) as caught:
        Bidirectional(latent_dim=1).dims(4, 2)
    assert "2 + 1 entries and cannot hold the 4 of x" in str(caught.value)
    assert "latent_dim=2" in str(caught.value)
    assert "total_dim=4" in str(caught.value)
    with pytest.raises(ConfigurationError, match="total_dim=10"):
        Bidirectional(total_dim=9).dims(2, 8)
    x, y = noisy_line(100, 0)
    with pytest.raises(ConfigurationError, match="latent_dim=2"):
        InvertibleNetwork(SMALL, latent_dim=1).fit(x, y)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"objective": "likelihood"}, "objective"),
        ({"padding": "ones"}, "padding"),
        ({"objective": "maximum-likelihood", "padding": "zeros"}, "density"),
        ({"latent_dim": 0}, "latent_dim"),
        ({"weight_z": -1.0}, "weight_z"),
        ({"flow": "real-nvpp"}, "real-nvp"),
    ],
)
def test_impossible_settings_are_refused_before_training(settings, match):
    with pytest.raises(ConfigurationError, match=match):
        get_solver("inn", **settings)


def test_the_default_is_the_published_network():
    recipe = InvertibleNetwork()._chosen_architecture(1000)
    assert recipe.architecture() == RealNVP(num_layers=8, width=128, clamp=4.0)
    training = InvertibleNetwork()._chosen_training(10_000)
    assert (training.batch_size, training.betas) == (500, (0.9, 0.95))
    assert (training.learning_rate, training.weight_decay) == (5e-3, 1e-5)
