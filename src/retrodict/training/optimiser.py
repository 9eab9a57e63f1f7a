"""One step of AdamW on gradients of bounded norm."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax  # type: ignore[import-untyped]
from jaxtyping import PyTree

from retrodict.typing import Scalar


class AdamW(eqx.Module):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101).

        p <- p - lr (m / (sqrt(v) + eps) + decay p)

    with the bias-corrected moments m, v of the clipped gradient. Decay and clipping are
    arrays, so that other values need no other compiled program; no decay costs nothing.

    Attributes:
        clip_norm: largest global norm of the gradient.
        weight_decay: None for none.
        betas: decay rates of the first and second moment.
    """

    clip_norm: Scalar
    weight_decay: Scalar | None
    betas: tuple[float, float] = eqx.field(static=True)

    def initial(self, parameters: PyTree) -> optax.OptState:
        """The moments before the first step."""
        with jax.numpy_dtype_promotion("standard"):
            return self._adam().init(parameters)

    def update(
        self,
        parameters: PyTree,
        gradient: PyTree,
        norm: Scalar,
        state: optax.OptState,
        learning_rate: Scalar,
    ) -> tuple[PyTree, optax.OptState]:
        """Parameters and moments after one step; `norm` is that of the gradient."""
        shrink = jnp.where(norm > self.clip_norm, self.clip_norm / norm, 1.0)
        clipped = jax.tree.map(lambda g: g * shrink.astype(g.dtype), gradient)
        with jax.numpy_dtype_promotion("standard"):
            direction, state = self._adam().update(clipped, state)

        def moved(p: jax.Array, d: jax.Array) -> jax.Array:
            if self.weight_decay is not None:
                d = d + self.weight_decay.astype(p.dtype) * p
            return p - learning_rate.astype(p.dtype) * d.astype(p.dtype)

        return jax.tree.map(moved, parameters, direction), state

    def _adam(self) -> optax.GradientTransformation:
        return optax.scale_by_adam(b1=self.betas[0], b2=self.betas[1])


def global_norm(tree: PyTree) -> Scalar:
    """Euclidean norm of all leaves taken as one vector, in the default precision."""
    squares = [jnp.sum(jnp.square(jnp.abs(leaf))).astype(float) for leaf in jax.tree.leaves(tree)]
    return jnp.sqrt(sum(squares, start=jnp.zeros((), float)))
