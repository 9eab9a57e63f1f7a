"""Observations as a network sees them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from retrodict._blocks import in_blocks
from retrodict.bijections import AbstractBijection, Affine, PowerTransform, choose_transforms
from retrodict.typing import Array

# Beyond so many standard deviations a raw column says no more than its asinh does.
_FARTHEST_RAW = 10.0


class ObservationScaling(eqx.Module):
    """y -> c: each column transformed and standardised, and those that asinh bends also straight.

    asinh tells small values apart and presses large ones together. Where the large ones tell most
    (the height of an epidemic's peak), a network sees them in the raw column, standardised and
    cut off at ten standard deviations, which is appended to the others.

    Attributes:
        power, affine: of every column, in this order.
        also_raw: the columns that are appended.
        raw: standardises these.
    """

    power: PowerTransform
    affine: Affine
    also_raw: tuple[int, ...] = eqx.field(static=True)
    raw: Affine

    @property
    def num_conditions(self) -> int:
        """Entries of c."""
        return len(self.power.kinds) + len(self.also_raw)

    def forward(self, y: Float[Array, " observables"]) -> Float[Array, " cond"]:
        """c of one y."""
        c = self.affine.forward(self.power.forward(y))
        if not self.also_raw:
            return c
        raw = self.raw.forward(y[np.asarray(self.also_raw)])
        return jnp.concatenate([c, jnp.clip(raw, -_FARTHEST_RAW, _FARTHEST_RAW)])

    def inverse(self, c: Float[Array, " cond"]) -> Float[Array, " observables"]:
        """y of one c."""
        return self.power.inverse(self.affine.inverse(c[: len(self.power.kinds)]))


def fit_observation_scaling(
    y: Float[np.ndarray, "rows observables"], *, also_raw: bool
) -> ObservationScaling:
    """The scaling that observations of training ask for.

    Args:
        y: in the user's units.
        also_raw: whether columns that asinh bends are appended as they are; if not, every entry
            of c is one of y.
    """
    power = choose_transforms(y, allow_constant=True)
    c = images(power, y)
    # A constant observable tells nothing, and stays at zero.
    scale = np.where(np.ptp(y, axis=0) > 0, c.std(axis=0), 1.0)
    appended = [i for i, kind in enumerate(power.kinds) if also_raw and kind == "asinh"]
    return ObservationScaling(
        power=power,
        affine=Affine(c.mean(axis=0), scale),
        also_raw=tuple(appended),
        raw=Affine(y[:, appended].mean(axis=0), y[:, appended].std(axis=0)),
    )


def images(
    scaling: AbstractBijection | ObservationScaling, rows: Float[np.ndarray, "rows dim"]
) -> Float[np.ndarray, "rows image"]:
    """`forward` of each row."""
    found: np.ndarray = in_blocks(lambda block: _images(scaling, block), rows)
    return found


@eqx.filter_jit
def _images(
    scaling: AbstractBijection | ObservationScaling, rows: Float[Array, "rows dim"]
) -> Float[Array, "rows image"]:
    return jax.vmap(scaling.forward)(rows)
