"""One autoregressive layer for every elementwise transformer."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.base import AbstractBijection, require_condition
from retrodict.bijections.transformers import AbstractTransformer
from retrodict.errors import ConfigurationError
from retrodict.networks import MaskedMLP
from retrodict.typing import Array, Float, Key, Scalar


class MaskedAutoregressive(AbstractBijection):
    """Transforms every entry by parameters computed from the entries before it.

        z_i = transformer(x_i; network_i(x_1 ... x_i-1, condition))

    (Papamakarios et al. 2017, arXiv:1705.07057, eqs. 4-5). Forward is one pass of the network,
    which is masked; the inverse finds one entry after another and costs one pass for each, by
    `lax.scan`. Inverted it is the inverse autoregressive flow (Kingma et al. 2016,
    arXiv:1606.04934), whose fast direction is sampling. The Jacobian is lower triangular.

    Args:
        transformer: the elementwise map.
        dim: length of `x`.
        cond_dim: length of the condition; 0 for none.
        width, depth, activation: the network, see `MaskedMLP`.

    Raises:
        ConfigurationError: a transformer of angles, or one that ties entries to later ones.
    """

    transformer: AbstractTransformer
    network: MaskedMLP
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
        key: Key,
    ) -> None:
        _require_causal(transformer)
        self.transformer = transformer
        self.network = MaskedMLP(
            dim, transformer.num_parameters, cond_dim, width, depth, activation, key=key
        )
        self.shape = (dim,)
        self.cond_shape = (cond_dim,) if cond_dim else None

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        parameters = self._parameters(x, self._known(condition))
        z, log_det = jax.vmap(self.transformer.forward_and_log_det)(x, parameters)
        return z, log_det.sum()

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        known = self._known(condition)

        def find_entry(
            x: Float[Array, " dim"], entry: tuple[Array, Scalar]
        ) -> tuple[Float[Array, " dim"], Scalar]:
            i, z_i = entry
            # Entries not found yet are zeros, which row i does not depend on.
            x_i, log_det = self.transformer.inverse_and_log_det(z_i, self._parameters(x, known)[i])
            return x.at[i].set(x_i), log_det

        x, log_dets = jax.lax.scan(find_entry, jnp.zeros_like(z), (jnp.arange(z.size), z))
        return x, log_dets.sum()

    def _known(self, condition: Float[Array, "..."] | None) -> Float[Array, " cond"] | None:
        return None if self.cond_shape is None else require_condition(condition, self.cond_shape)

    def _parameters(
        self, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None
    ) -> Float[Array, "dim parameters"]:
        return self.transformer.tie(self.network(x, condition))


def _require_causal(transformer: AbstractTransformer) -> None:
    """Refuses a transformer of angles, or one that ties parameters to those of later entries."""
    if transformer.is_circular:
        raise ConfigurationError(
            f"{type(transformer).__name__} maps angles, but the masked network takes entries as "
            "numbers: the map would jump where an angle passes pi.",
            "Use it in a coupling, which shows angles to its network as (cos, sin).",
        )
    num_entries = 3
    with jax.ensure_compile_time_eval():
        for i in range(num_entries - 1):
            # NaN marks what must not be looked at.
            raw = np.zeros((num_entries, transformer.num_parameters), np.float32)
            raw[i + 1 :] = np.nan
            tied = np.asarray(transformer.tie(jnp.asarray(raw)))
            if not np.isfinite(tied[: i + 1]).all():
                raise ConfigurationError(
                    f"{type(transformer).__name__} ties the parameters of each entry to those of "
                    "later ones; an autoregressive layer finds its entries one after another.",
                    "Use it in a coupling, or choose another transformer.",
                )
