"""Bounds on the evidence where the evidence is known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from retrodict.distributions import Conditional, LatentVariableModel, Normal, StandardNormal
from retrodict.distributions.divergence import normal_kl
from retrodict.errors import ConfigurationError
from retrodict.objectives import NegativeELBO, elbo, importance_weighted_bound

# x = W z + V c + noise, z ~ N(0, 1): everything about it has a closed form.
W = np.array([0.8, -1.5, 0.4])
V = np.array([[1.0, 0.2], [0.0, -0.7], [0.5, 0.5]])
NOISE = 0.6
POSTERIOR_VARIANCE = 1 / (1 + W @ W / NOISE**2)


class Affine(eqx.Module):
    """Locations and log-scales of a normal, as a linear map of what is known."""

    matrix: jax.Array
    log_scale: jax.Array

    def __call__(self, known):
        loc = self.matrix @ known
        return jnp.concatenate([loc, jnp.broadcast_to(self.log_scale, loc.shape)])


def conditional(matrix, scale):
    out, known = matrix.shape
    network = Affine(jnp.asarray(matrix, jnp.float32), jnp.asarray(np.log(scale), jnp.float32))
    return Conditional(Normal(np.zeros(out), np.ones(out)), network, known)


def model(shift=0.0, widen=1.0):
    """With the exact encoder, or one that is off by `shift` and `widen`."""
    gain = POSTERIOR_VARIANCE * W / NOISE**2
    encoder = np.concatenate([gain, -gain @ V])[None]
    encoder[0, 0] += shift
    return LatentVariableModel(
        StandardNormal((1,)),
        conditional(encoder, widen * np.sqrt(POSTERIOR_VARIANCE)),
        conditional(np.concatenate([W[:, None], V], axis=1), NOISE),
        cond_dim=2,
    )


def log_evidence(x, c):
    covariance = np.outer(W, W) + NOISE**2 * np.eye(3)
    return stats.multivariate_normal(np.zeros(3), covariance).logpdf(x - c @ V.T)


def rows(num, seed=0):
    rng = np.random.default_rng(seed)
    c = rng.normal(size=(num, 2))
    x = rng.normal(size=(num, 1)) * W + c @ V.T + NOISE * rng.normal(size=(num, 3))
    return x.astype(np.float32), c.astype(np.float32)


def test_the_divergence_is_the_integral():
    q, p = Normal(np.array([0.5, -1.0]), np.array([0.7, 1.8])), Normal(1.0, np.array([1.1, 0.9]))
    for other in (p, StandardNormal((2,))):
        loc, scale = (other.loc, other.scale) if other is p else (np.zeros(2), np.ones(2))
        found = normal_kl(q, other)
        for i in range(2):
            of_q, of_p = stats.norm(q.loc[i], q.scale[i]), stats.norm(loc[i], scale[i])
            expected, _ = integrate.quad(
                lambda z, a=of_q, b=of_p: a.pdf(z) * (a.logpdf(z) - b.logpdf(z)), -15, 15
            )
            assert_allclose(found[i], expected, rtol=1e-4)
    assert_allclose(normal_kl(p, p), 0.0, atol=1e-6)


def test_with_the_exact_encoder_every_importance_weight_is_the_evidence():
    x, c = rows(10)
    for num_samples in (1, 3):
        found = jax.jit(
            jax.vmap(
                lambda x, c, num=num_samples: importance_weighted_bound(
                    model(), x, c, jr.key(1), num_samples=num
                )
            )
        )(x, c)
        assert_allclose(found, log_evidence(x, c), atol=1e-4)


def test_the_gap_is_the_divergence_of_the_encoder():
    x, c = rows(2)
    for shift, widen in ((0.0, 1.0), (0.2, 1.0), (0.0, 1.5), (-0.3, 0.5)):
        off = model(shift, widen)
        keys = jr.split(jr.key(2), 20)
        found = jax.jit(
            jax.vmap(
                lambda key, m=off: jax.vmap(lambda x, c: elbo(m, x, c, key, num_samples=200))(x, c)
            )
        )(keys)
        change = shift * x[:, 0]
        gap = 0.5 * (widen**2 - 1 + change**2 / POSTERIOR_VARIANCE) - np.log(widen)
        errors = np.std(found, axis=0, ddof=1) / np.sqrt(len(keys))
        assert (np.abs(found.mean(axis=0) - log_evidence(x, c) + gap) < 5 * errors + 1e-4).all()


def test_more_draws_tighten_the_importance_weighted_bound_only():
    x, c = rows(500)
    batch = (jnp.asarray(x), jnp.asarray(c))
    off = model(0.3, 1.4)
    exact = -log_evidence(*batch).mean()
    losses = {
        (bound, num): float(eqx.filter_jit(NegativeELBO(num, bound))(off, batch, jr.key(3)))
        for bound in ("elbo", "importance-weighted")
        for num in (1, 16)
    }
    tight = losses["importance-weighted", 16]
    loose = losses["importance-weighted", 1]
    assert exact - 0.05 < tight < loose - 0.2
    assert abs(losses["elbo", 16] - losses["elbo", 1]) < 0.2
    assert losses["elbo", 16] > tight + 0.2


def test_its_optimum_is_the_likelihood_of_probabilistic_pca():
    """Tipping & Bishop 1999: the best W and noise follow from the eigenvalues."""
    x, _ = rows(300, seed=4)
    x = np.float64(x - x.mean(axis=0))
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    noise = values[:-1].mean()
    weights = vectors[:, -1] * np.sqrt(values[-1] - noise)
    covariance = np.outer(weights, weights) + noise * np.eye(3)
    best = -stats.multivariate_normal(np.zeros(3), covariance).logpdf(x).mean()

    batch = (jnp.asarray(x, jnp.float32), None)
    start = LatentVariableModel(
        StandardNormal((1,)),
        conditional(np.array([[0.3, -0.2, 0.1]]), 0.8),
        conditional(np.array([[0.2], [0.1], [0.3]]), 1.0),
    )
    networks = (start.encoder.network, start.decoder.network)
    optimiser = optax.adam(optax.cosine_decay_schedule(0.05, 300))
    loss = NegativeELBO(4)

    def whole(networks):
        return eqx.tree_at(lambda m: (m.encoder.network, m.decoder.network), start, networks)

    def step(carry, key):
        networks, state = carry
        gradient = jax.grad(lambda n: loss(whole(n), batch, key))(networks)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimiser.update(gradient, state)
        return (optax.apply_updates(networks, updates), state), None

    (networks, _), _ = jax.jit(lambda carry, keys: jax.lax.scan(step, carry, keys))(
        (networks, optimiser.init(networks)), jr.split(jr.key(0), 300)
    )
    reached = NegativeELBO(50)(whole(networks), batch, jr.key(1))
    tight = NegativeELBO(50, "importance-weighted")(whole(networks), batch, jr.key(1))
    assert abs(reached - best) < 0.02
    assert best - 1e-3 < tight < best + 0.02


def test_a_learned_prior_takes_part():
    prior = conditional(np.array([[0.5, 0.0]]), 0.9)
    whole = model()
    learned = LatentVariableModel(prior, whole.encoder, whole.decoder, cond_dim=2)
    x, c = map(jnp.asarray, rows(1))
    q = learned.encode(x[0], c[0])
    difference = elbo(whole, x[0], c[0], jr.key(0)) - elbo(learned, x[0], c[0], jr.key(0))
    expected = normal_kl(q, prior.at(c[0])) - normal_kl(q, StandardNormal((1,)))
    assert_allclose(difference, expected.sum(), rtol=1e-4)


def test_draws_include_the_noise_of_the_decoder():
    c = np.array([1.0, -2.0])
    num = 20_000
    draws = np.asarray(model().sample_many(jr.key(5), num, jnp.asarray(c, jnp.float32)), np.float64)
    covariance = np.outer(W, W) + NOISE**2 * np.eye(3)
    variances = np.diag(covariance)
    assert (np.abs(draws.mean(axis=0) - V @ c) < 5 * np.sqrt(variances / num)).all()
    errors = np.sqrt((np.outer(variances, variances) + covariance**2) / num)
    assert (np.abs(np.cov(draws.T) - covariance) < 5 * errors).all()


def test_what_does_not_fit_is_refused():
    whole = model()
    with pytest.raises(ConfigurationError, match="num_samples=0"):
        NegativeELBO(0)
    with pytest.raises(ConfigurationError, match="Unknown bound 'iwae'"):
        NegativeELBO(1, "iwae")
    with pytest.raises(ConfigurationError, match=r"encoder has to be made for 3 numbers"):
        LatentVariableModel(whole.prior, whole.encoder, whole.decoder)
    with pytest.raises(ConfigurationError, match=r"prior has to be made for 1 numbers"):
        LatentVariableModel(StandardNormal((2,)), whole.encoder, whole.decoder, 2)
