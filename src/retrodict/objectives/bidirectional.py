"""Training of one invertible network in both directions."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp

from retrodict.distributions import BidirectionalMap
from retrodict.errors import ConfigurationError
from retrodict.objectives.kernels import AbstractKernel, PowerInverseMultiquadric
from retrodict.objectives.mmd import mmd_squared
from retrodict.objectives.scheduled import AbstractScheduledLoss
from retrodict.typing import Array, Float, Key, Scalar

Batch = tuple[Float[Array, "rows dim"], Float[Array, "rows cond"]]
LATENT_KERNEL = PowerInverseMultiquadric(((0.2, 2.0), (1.5, 2.0), (3.0, 2.0)))
CAUSE_KERNEL = PowerInverseMultiquadric()


class BidirectionalLoss(AbstractScheduledLoss):
    """All losses of Ardizzone et al. 2019 (arXiv:1808.04730, sec. 3.3 and app. 3).

    With [y', z'] = f(x), z ~ N(0, I) and small normal noises e, a weighted sum of

        L_y    E |y' - y|^2
        L_z    MMD^2 between [y', z'] and [y, z], no gradients through y'
        L_x    MMD^2 between [f^-1([y, z]), y] and [x, y]
        reconstruction    E |f^-1([y' + e, z' + e]) - x|^2
        padding    E |padding|^2 beside [y', z'], and beside f^-1([y, z])

    with all squares summed over the entries of an example. L_y and L_z at zero make the
    posterior exact (app. 1); L_x repairs it where they are not. L_x enters with a weight that
    grows from .4 % to all of it in the course of training, as published.

    Some things are not as published. There L_x compares x alone, and clusters of x may come
    out under labels that are not theirs: a draw that leaves a number in the padding beside x can
    have any y. Pairs tell; for the same reason the padding weighs more here, and so does L_y,
    without which the draws miss their y; larger noises of y and padding keep the inverse smooth
    around the points it starts from (`benchmarks/toy8.py`).

    Where padding is noise, it counts as part of x in L_x and the reconstruction, and there is
    no padding loss.

    Args:
        weight_y, weight_z, weight_x, weight_reconstruction, weight_padding: of the sum; a loss
            of weight zero is not computed.
        noise_y, noise_z: standard deviations of e, for the standardised y and for z: around
            how much of each the inverse is made smooth.
        noise_padding: the same of the padding.
        ramps_up: whether L_x enters by and by.
        joint: whether L_x compares pairs; otherwise x alone, as published.
        kernel_z, kernel_x: of the two discrepancies.
    """

    weight_y: float = 100.0
    weight_z: float = 50.0
    weight_x: float | Scalar = 500.0
    weight_reconstruction: float = 1.0
    weight_padding: float = 30.0
    noise_y: float = 0.1
    noise_z: float = 0.02
    noise_padding: float = 0.05
    ramps_up: bool = True
    joint: bool = True
    kernel_z: AbstractKernel = LATENT_KERNEL
    kernel_x: AbstractKernel = CAUSE_KERNEL

    def __check_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float | int) and not 0 <= value < float("inf"):
                raise ConfigurationError(
                    f"`{field.name}` has to be finite and at least 0; got {value}.",
                    "A weight of 0 leaves a loss out.",
                )

    def at(self, progress: Scalar) -> "BidirectionalLoss":
        if not self.ramps_up or _is_zero(self.weight_x):
            return self
        share = jnp.minimum(1.0, 2 * 0.002 ** (1 - progress))
        return eqx.tree_at(lambda loss: loss.weight_x, self, self.weight_x * share)

    def __call__(self, model: BidirectionalMap, batch: Batch, key: Key) -> Scalar:
        x, y = batch
        keys = jax.random.split(key, 4)
        padding_x, padding_y = model.num_padding
        num, dtype = len(x), x.dtype
        scale = 1.0 if model.pads_with_noise else self.noise_padding
        start = jnp.hstack([x, scale * jax.random.normal(keys[0], (num, padding_x), dtype)])
        # What is compared with the truth in x's space, beside which zeros are judged apart.
        compared = start.shape[1] if model.pads_with_noise else x.shape[1]
        effect, latent, beside = jax.vmap(model.forward)(start)
        normal = jax.random.normal(keys[1], (num, model.latent_dim), dtype)

        total = self.weight_y * _square(effect - y)
        if padding_y:
            total += self.weight_padding * _square(beside)
        if self.weight_z:
            found = jnp.hstack([jax.lax.stop_gradient(effect), latent])
            total += self.weight_z * mmd_squared(found, jnp.hstack([y, normal]), self.kernel_z)
        noise_beside = self.noise_padding * jax.random.normal(keys[2], (num, padding_y), dtype)
        if not _is_zero(self.weight_x):
            draws = jax.vmap(model.inverse)(y, normal, noise_beside)
            found, true = draws[:, :compared], start[:, :compared]
            if self.joint:
                found, true = jnp.hstack([found, y]), jnp.hstack([true, y])
            total += self.weight_x * mmd_squared(found, true, self.kernel_x)
            if compared < draws.shape[1]:
                total += self.weight_padding * _square(draws[:, compared:])
        if self.weight_reconstruction:
            moved = jax.random.normal(keys[3], (num, y.shape[1] + model.latent_dim), dtype)
            of_y, of_z = jnp.split(moved, [y.shape[1]], axis=1)
            again = jax.vmap(model.inverse)(
                effect + self.noise_y * of_y, latent + self.noise_z * of_z, beside + noise_beside
            )
            total += self.weight_reconstruction * _square((again - start)[:, :compared])
        return total


def bidirectional_likelihood(model: BidirectionalMap, batch: Batch, key: Key) -> Scalar:
    """Mean of -log q([x, padding] | y), the simplification by maximum likelihood, in nats.

        -log N(f_y(x); y, sigma^2) N(f_z(x); 0, I) |det J_f(x)|

    (Ardizzone et al. 2019, arXiv:1808.04730, app. 4). With padding of noise it is a bound on
    -log q(x | y), less the entropy of the padding, which is a constant (Huang et al. 2020,
    arXiv:2002.07101, eq. 6).

    Args:
        model: with a noise of y.
        batch: rows of x and of y.
        key: of the padding.
    """
    x, y = batch
    padding = jax.random.normal(key, (len(x), model.num_padding[0]), x.dtype)
    start = jnp.hstack([x, padding])
    of_padding = jax.scipy.stats.norm.logpdf(padding).sum(axis=1)
    return jnp.mean(of_padding - jax.vmap(model.density().log_prob)(start, y))


def _square(difference: Float[Array, "rows entries"]) -> Scalar:
    return jnp.mean(jnp.sum(difference**2, axis=1))


def _is_zero(weight: float | Scalar) -> bool:
    return isinstance(weight, float | int) and weight == 0
