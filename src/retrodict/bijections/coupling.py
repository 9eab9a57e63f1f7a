"""One coupling for every elementwise transformer."""

import equinox as eqx
import jax
import jax.numpy as jnp

from retrodict.bijections.base import AbstractBijection, require_condition
from retrodict.bijections.transformers import AbstractTransformer
from retrodict.errors import ConfigurationError
from retrodict.networks import MLP, Constant, ResidualMLP, build_conditioner
from retrodict.typing import Array, Float, Key, Scalar


class Coupling(AbstractBijection):
    """Keeps the first entries and transforms the others, by parameters computed from the kept.

        z_kept = x_kept,   z_moved = transformer(x_moved; network(x_kept, condition))

    (Dinh et al. 2014, arXiv:1410.8516, sec. 3.2). Which transformer makes which coupling:
    additive NICE, affine RealNVP, rational-quadratic neural spline flows. With nothing kept it
    is an elementwise map that depends on the condition alone, or is learned once for all.

    Kept angles a enter the network as (cos a, sin a), so that the map has no seam on the torus
    (Rezende et al. 2020, arXiv:2002.02428, sec. 2.3).

    Args:
        transformer: the elementwise map.
        dim: length of `x`.
        num_kept: how many leading entries stay: 0 to dim - 1.
        cond_dim: length of the condition; 0 for none.
        width, depth, activation, conditioner: the network, see `build_conditioner`.
        kept_is_circular: whether the kept entries are angles; by default, whether those are
            that the transformer moves.

    Raises:
        ConfigurationError: nothing would be transformed.
    """

    transformer: AbstractTransformer
    network: MLP | ResidualMLP | Constant
    num_kept: int = eqx.field(static=True)
    kept_is_circular: bool = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        transformer: AbstractTransformer,
        dim: int,
        num_kept: int,
        cond_dim: int = 0,
        *,
        width: int = 128,
        depth: int = 2,
        activation: str = "relu",
        conditioner: str = "mlp",
        kept_is_circular: bool | None = None,
        key: Key,
    ) -> None:
        if not 0 <= num_kept < dim:
            raise ConfigurationError(
                f"A coupling keeps 0 to {dim - 1} of {dim} entries and transforms the others; got "
                f"num_kept={num_kept}.",
                "Use dim // 2, or 0 to transform every entry by the condition alone.",
            )
        self.transformer = transformer
        self.kept_is_circular = (
            transformer.is_circular if kept_is_circular is None else kept_is_circular
        )
        self.network = build_conditioner(
            conditioner,
            (2 if self.kept_is_circular else 1) * num_kept + cond_dim,
            (dim - num_kept) * transformer.num_parameters,
            width,
            depth,
            activation,
            key=key,
        )
        self.num_kept = num_kept
        self.shape = (dim,)
        self.cond_shape = (cond_dim,) if cond_dim else None

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        kept, moved = jnp.split(x, [self.num_kept])
        parameters = self._parameters(kept, condition)
        moved, log_det = jax.vmap(self.transformer.forward_and_log_det)(moved, parameters)
        return jnp.concatenate([kept, moved]), log_det.sum()

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, " cond"] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        kept, moved = jnp.split(z, [self.num_kept])
        parameters = self._parameters(kept, condition)
        moved, log_det = jax.vmap(self.transformer.inverse_and_log_det)(moved, parameters)
        return jnp.concatenate([kept, moved]), log_det.sum()

    def _parameters(
        self, kept: Float[Array, " kept"], condition: Float[Array, " cond"] | None
    ) -> Float[Array, "moved parameters"]:
        known = jnp.concatenate([jnp.cos(kept), jnp.sin(kept)]) if self.kept_is_circular else kept
        if self.cond_shape is not None:
            known = jnp.concatenate([known, require_condition(condition, self.cond_shape)])
        parameters = self.network(known).reshape(-1, self.transformer.num_parameters)
        return self.transformer.tie(parameters)
