"""A decoder that one can read: what each latent number adds to each column."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Bool as NpBool

from retrodict.typing import Array, Float, Key, Scalar


class LinearDecoder(eqx.Module):
    """x = W z + V c + b, with W zero where a latent number does not reach a column.

    Linear as in Svensson et al. (2020, doi:10.1093/bioinformatics/btaa169), masked by sets of
    columns as in Seninge et al. (2021, doi:10.1038/s41467-021-26017-0). The mask is applied in
    every call: whatever an optimiser does to a masked weight has no effect.

    Args:
        dim, latent_dim, cond_dim: lengths of x, z and c.
        use_bias: whether there is a b.
        has_zeros: whether a column has missed counts as well; the logit of their share is a
            number of its own, so that latent numbers act through W alone.
        is_reached: whether a latent number reaches a column; None where all reach all.
    """

    weight: Float[Array, "dim in"]
    bias: Float[Array, " dim"] | None
    zero_logits: Float[Array, " dim"] | None
    latent_dim: int = eqx.field(static=True)
    # As bytes, whose hash and comparison are quick: the compiled program holds the mask.
    packed_mask: bytes | None = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        latent_dim: int,
        cond_dim: int,
        *,
        use_bias: bool,
        has_zeros: bool,
        is_reached: NpBool[np.ndarray, "dim latent"] | None,
        key: Key,
    ) -> None:
        in_size = latent_dim + cond_dim
        self.weight = jr.normal(key, (dim, in_size)) / np.float32(np.sqrt(in_size))
        self.bias = jnp.zeros(dim) if use_bias else None
        self.zero_logits = jnp.zeros(dim) if has_zeros else None
        self.packed_mask = None if is_reached is None else np.packbits(is_reached).tobytes()
        self.latent_dim = latent_dim

    def __call__(self, known: Float[Array, " in"]) -> Float[Array, " out"]:
        """The column's numbers, and after them the logits of missed counts."""
        z, condition = jnp.split(known, [self.latent_dim])
        out = self.loadings @ z + self.weight[:, self.latent_dim :] @ condition
        if self.bias is not None:
            out = out + self.bias
        return out if self.zero_logits is None else jnp.concatenate([out, self.zero_logits])

    @property
    def loadings(self) -> Float[Array, "dim latent"]:
        """W."""
        weight = self.weight[:, : self.latent_dim]
        if self.packed_mask is None:
            return weight
        bits = np.unpackbits(np.frombuffer(self.packed_mask, np.uint8), count=weight.size)
        return jnp.where(bits.reshape(weight.shape).astype(bool), weight, 0)

    @property
    def absolute_sum(self) -> Scalar:
        """sum |W|, whose weight in a loss makes W sparse (Tibshirani 1996)."""
        return jnp.abs(self.loadings).sum()
