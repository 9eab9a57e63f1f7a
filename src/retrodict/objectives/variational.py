"""The loss of a variational autoencoder, as it is trained in practice."""

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Shaped

from retrodict.errors import ConfigurationError
from retrodict.objectives.scheduled import AbstractScheduledLoss
from retrodict.typing import Array, Float, Key, Scalar

Rows = tuple[Float[Array, "rows dim"], Float[Array, "rows cond"] | None]
LabelledRows = tuple[
    Float[Array, "rows dim"], Float[Array, "rows cond"] | None, Shaped[Array, " rows"]
]
Batch = Rows | LabelledRows


@runtime_checkable
class VariationalModel(Protocol):
    """What has the two terms of the evidence lower bound."""

    def reconstruction_and_kl(
        self, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None, key: Key
    ) -> tuple[Scalar, Float[Array, " latent"]]:
        """-log p(x | z) at a draw of z from q(z | x), and KL(q || p) per latent number."""
        ...


@runtime_checkable
class GuidedModel(VariationalModel, Protocol):
    """One whose decoder can be sparse and whose latent numbers can tell a label."""

    def absolute_weights(self) -> Scalar:
        """Sum of the absolute weights that are to be few."""
        ...

    def label_loss(
        self,
        x: Float[Array, " dim"],
        condition: Float[Array, " cond"] | None,
        label: Shaped[Array, ""],
        key: Key,
    ) -> Scalar:
        """-log p(label | z) at the same draw of z as that of the reconstruction."""
        ...


def _as_scalar(value: float | Scalar) -> Scalar:
    return jnp.asarray(value, float)


class VariationalLoss(AbstractScheduledLoss):
    """Mean over rows of -log p(x | z) + beta_t sum_j max(KL_j, free_bits), in nats.

    With beta 1 and no free bits the negative evidence lower bound (Kingma & Welling 2013,
    arXiv:1312.6114). Another beta trades reconstruction for independent, informative latent
    numbers (Higgins et al. 2017). It rises linearly from 0 over the first part of training, so
    that the decoder learns to use z before z has to be cheap (Sønderby et al. 2016,
    arXiv:1602.02282); a divergence below `free_bits`, of the mean over the batch, costs no more
    than that (Kingma et al. 2016, arXiv:1606.04934, eq. 15).

    Args:
        beta: weight of the divergence at the end.
        warmup_fraction: share of training over which it rises.
        free_bits: nats per latent number that are free.
    """

    # An array, so that another weight needs no other compiled program.
    beta: Scalar = eqx.field(default=1.0, converter=_as_scalar)
    warmup_fraction: float = eqx.field(default=0.0, static=True)
    free_bits: float = eqx.field(default=0.0, static=True)

    def __call__(self, model: VariationalModel, batch: Batch, key: Key) -> Scalar:
        return self._weighed(model, batch, key, self.beta)

    def at(self, progress: Scalar) -> "_Weighed":
        share = jnp.ones((), float)
        if self.warmup_fraction > 0:
            share = jnp.minimum(1, progress / self.warmup_fraction).astype(float)
        return _Weighed(self, self.beta * share)

    def _weighed(self, model: VariationalModel, batch: Batch, key: Key, beta: Scalar) -> Scalar:
        reconstruction, kl = mean_terms(model, batch, key)
        if self.free_bits > 0:
            kl = jnp.maximum(kl, self.free_bits)
        return reconstruction + beta.astype(kl.dtype) * kl.sum()


class _Weighed(eqx.Module):
    """The loss at one moment of training."""

    loss: VariationalLoss
    beta: Scalar

    def __call__(self, model: VariationalModel, batch: Batch, key: Key) -> Scalar:
        return self.loss._weighed(model, batch, key, self.beta)


class GuidedVariationalLoss(AbstractScheduledLoss):
    """The bound, and what else latent numbers are to serve: mean over rows, in nats.

        bound + sparsity sum |W| - supervised_weight log p(label | z)

    Args:
        bound: the loss of a variational autoencoder.
        sparsity: nats per row that a decoder's weight of 1 costs, in either direction.
        supervised_weight: of the label's likelihood; at 0 there are none.
    """

    bound: VariationalLoss
    sparsity: float = eqx.field(default=0.0, static=True)
    supervised_weight: float = eqx.field(default=0.0, static=True)

    def __call__(self, model: GuidedModel, batch: Batch, key: Key) -> Scalar:
        return self.bound(model, batch, key) + self._further(model, batch, key)

    def at(self, progress: Scalar) -> "_Guided":
        return _Guided(self, self.bound.at(progress))

    def _further(self, model: GuidedModel, batch: Batch, key: Key) -> Scalar:
        loss = self.sparsity * model.absolute_weights()
        if self.supervised_weight > 0:
            loss = loss + self.supervised_weight * supervised_loss(model, batch, key)
        return loss


class _Guided(eqx.Module):
    """The loss at one moment of training."""

    loss: GuidedVariationalLoss
    bound: _Weighed

    def __call__(self, model: GuidedModel, batch: Batch, key: Key) -> Scalar:
        return self.bound(model, batch, key) + self.loss._further(model, batch, key)


def supervised_loss(model: GuidedModel, batch: Batch, key: Key) -> Scalar:
    """Mean over rows of -log p(label | z), z drawn from q(z | x).

    Raises:
        ConfigurationError: rows without labels.
    """
    if len(batch) != 3:
        raise ConfigurationError(
            "Rows come with a condition (or None) and a label each; got no labels.",
            "Give (x, condition, label), or supervised_weight=0.",
        )
    x, condition, label = batch
    return jax.vmap(model.label_loss)(x, condition, label, jr.split(key, len(x))).mean()


def reconstruction_loss(model: VariationalModel, batch: Batch, key: Key) -> Scalar:
    """Mean over rows of -log p(x | z), z drawn from q(z | x)."""
    return mean_terms(model, batch, key)[0]


def kl_loss(model: VariationalModel, batch: Batch, key: Key) -> Scalar:
    """Mean over rows of KL(q(z | x) || p(z)), in nats."""
    return mean_terms(model, batch, key)[1].sum()


def mean_terms(
    model: VariationalModel, batch: Batch, key: Key
) -> tuple[Scalar, Float[Array, " latent"]]:
    """Both terms, each a mean over the rows."""
    x, condition = batch[:2]
    terms = jax.vmap(model.reconstruction_and_kl)(x, condition, jr.split(key, len(x)))
    return terms[0].mean(), terms[1].mean(axis=0)
