"""Couplings inside couplings."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from retrodict.bijections.base import AbstractBijection
from retrodict.bijections.coupling import Coupling
from retrodict.bijections.transformers import AbstractTransformer
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key, Scalar


class HierarchicalCoupling(AbstractBijection):
    """Couples two halves, each of which was first coupled in the same way, down to one entry.

        f(x) = [f_1(x1), transformer(f_2(x2); network(x1, condition))]

    where f_1 and f_2 are hierarchical couplings of the halves, the identity on a single entry
    (HINT, Kruse et al. 2021, arXiv:1905.10687). So each entry but the first is transformed by
    all before it, and the Jacobian is lower triangular without further zeros.

    Args:
        transformer: the elementwise map.
        dim: length of `x`, at least two.
        cond_dim: length of the condition; 0 for none.
        width, depth, activation, conditioner: of each of the dim - 1 networks, see
            `build_conditioner`.

    Raises:
        ConfigurationError: a single entry.
    """

    first: "HierarchicalCoupling | None"
    second: "HierarchicalCoupling | None"
    coupling: Coupling
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        transformer: AbstractTransformer,
        dim: int,
        cond_dim: int = 0,
        *,
        width: int = 128,
        depth: int = 2,
        activation: str = "relu",
        conditioner: str = "mlp",
        key: Key,
    ) -> None:
        if dim < 2:
            raise ConfigurationError(
                f"A hierarchical coupling splits at least two entries; got dim={dim}.",
                "Use `Coupling` with num_kept=0 to transform one entry by the condition alone.",
            )
        settings: dict[str, Any] = {
            "width": width,
            "depth": depth,
            "activation": activation,
            "conditioner": conditioner,
        }

        def within(size: int, key: Key) -> HierarchicalCoupling | None:
            if size == 1:
                return None
            return HierarchicalCoupling(transformer, size, cond_dim, key=key, **settings)

        key_first, key_second, key_coupling = jr.split(key, 3)
        self.first = within(dim // 2, key_first)
        self.second = within(dim - dim // 2, key_second)
        self.coupling = Coupling(transformer, dim, dim // 2, cond_dim, key=key_coupling, **settings)
        self.shape = (dim,)
        self.cond_shape = self.coupling.cond_shape

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        x1, x2 = jnp.split(x, [self.coupling.num_kept])
        x2, log_det_second = _forward(self.second, x2, condition)
        x, log_det = self.coupling.forward_and_log_det(jnp.concatenate([x1, x2]), condition)
        x1, z2 = jnp.split(x, [self.coupling.num_kept])
        z1, log_det_first = _forward(self.first, x1, condition)
        return jnp.concatenate([z1, z2]), log_det_first + log_det_second + log_det

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        z1, z2 = jnp.split(z, [self.coupling.num_kept])
        x1, log_det_first = _inverse(self.first, z1, condition)
        z, log_det = self.coupling.inverse_and_log_det(jnp.concatenate([x1, z2]), condition)
        x1, z2 = jnp.split(z, [self.coupling.num_kept])
        x2, log_det_second = _inverse(self.second, z2, condition)
        return jnp.concatenate([x1, x2]), log_det_first + log_det_second + log_det


def _forward(
    half: HierarchicalCoupling | None,
    x: Float[Array, " dim"],
    condition: Float[Array, "..."] | None,
) -> tuple[Float[Array, " dim"], Scalar]:
    if half is None:
        return x, jnp.zeros((), x.dtype)
    return half.forward_and_log_det(x, condition)


def _inverse(
    half: HierarchicalCoupling | None,
    z: Float[Array, " dim"],
    condition: Float[Array, "..."] | None,
) -> tuple[Float[Array, " dim"], Scalar]:
    if half is None:
        return z, jnp.zeros((), z.dtype)
    return half.inverse_and_log_det(z, condition)
