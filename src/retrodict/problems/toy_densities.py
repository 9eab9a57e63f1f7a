"""Two-dimensional densities known exactly, with the entropy that no model can go below.

The test negative log-likelihood of any model is at least the entropy of what made the data;
what it lies above is the model's divergence from the truth, in nats.

Components are equally probable everywhere, and a label's probability is its share of them.
The floor often given for eight Gaussians, 2.8382, is ln 8 plus the entropy of one of them, as
if they were apart. They are 6 standard deviations apart, and overlap by .0063 nats: the exact
floor is 2.8319 (by quadrature). Those of toy8 are 10 or more apart, and overlap by 2e-6.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.bijections.base import require_condition
from retrodict.distributions import AbstractDistribution, Mixture, Normal, Uniform
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key, Scalar

# Clockwise from the upper left.
TOY8_LOCS = (
    (-2.4142, 1.0),
    (-1.0, 2.4142),
    (1.0, 2.4142),
    (2.4142, 1.0),
    (2.4142, -1.0),
    (1.0, -2.4142),
    (-1.0, -2.4142),
    (-2.4142, -1.0),
)
TOY8_SD = 0.2
TOY8_LABELS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "all": (0, 1, 2, 3, 4, 5, 6, 7),
        "some": (0, 0, 0, 0, 1, 1, 2, 3),
        "none": (0, 0, 0, 0, 0, 0, 0, 0),
    }
)


class LabelledMixture(AbstractDistribution):
    """p(x | c): the components of a mixture that bear the label c, c one-hot.

    Args:
        mixture: all components.
        labels: of each component, counted from 0.
        num_labels: entries of c; one for each label in use if left out.
    """

    mixture: Mixture
    labels: tuple[int, ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self, mixture: Mixture, labels: tuple[int, ...], num_labels: int | None = None
    ) -> None:
        self.mixture = mixture
        self.labels = labels
        self.shape = mixture.shape
        self.cond_shape = (max(labels) + 1 if num_labels is None else num_labels,)

    def at(self, condition: Float[Array, " labels"] | None) -> Mixture:
        """The mixture of the components with this label."""
        condition = require_condition(condition, self.cond_shape)
        bears_it = condition[jnp.asarray(self.labels)] > 0
        logits = jnp.where(bears_it, self.mixture.logits, -jnp.inf)
        return Mixture(self.mixture.components, logits)

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, " labels"] | None = None
    ) -> Scalar:
        return self.at(condition).log_prob(x)

    def sample(
        self, key: Key, condition: Float[Array, " labels"] | None = None
    ) -> Float[Array, "..."]:
        return self.at(condition).sample(key)

    def sample_condition(self, key: Key) -> Float[Array, " labels"]:
        """The label of a component drawn by its weight."""
        component = jr.categorical(key, self.mixture.logits)
        label = jnp.asarray(self.labels)[component]
        return jax.nn.one_hot(label, self.cond_shape[0], dtype=self.mixture.logits.dtype)


@dataclass(frozen=True)
class ToyDensity:
    """A density and the lowest test negative log-likelihood that any model of it can have.

    Attributes:
        make: the exact distribution; conditional ones take a one-hot label.
        floor: its entropy, given the label where there is one, in nats.
        reach: how far above the floor a good flow stays.
    """

    make: Callable[[], AbstractDistribution]
    floor: float
    reach: float = 0.05

    def draw(
        self, key: Key, num_draws: int
    ) -> tuple[Float[Array, "{num_draws} 2"], Float[Array, "{num_draws} labels"] | None]:
        """Independent pairs of x and its one-hot label, or of x and None without labels."""
        distribution = self.make()
        if isinstance(distribution, LabelledMixture):
            key_labels, key_draws = jr.split(key)
            labels = jax.vmap(distribution.sample_condition)(jr.split(key_labels, num_draws))
            return jax.vmap(distribution.sample)(jr.split(key_draws, num_draws), labels), labels
        return distribution.sample_many(key, num_draws), None


def checkerboard() -> Mixture:
    """Uniform on every second cell of [-4, 4]^2 in 4 x 4 cells, the lower left one included.

    Entropy: ln 32, the logarithm of the area.
    """
    columns, rows = np.divmod(np.arange(16), 4)
    lower = -4.0 + 2.0 * np.stack([columns, rows], axis=1)[(columns + rows) % 2 == 0]
    components = eqx.filter_vmap(Uniform)(jnp.asarray(lower), jnp.asarray(lower + 2))
    return _equally_weighted(components, len(lower))


def eight_gaussians() -> Mixture:
    """N(m_k, .5^2 I) with eight m_k evenly on a circle of radius 4, all divided by 1.414."""
    angles = 2 * np.pi * np.arange(8) / 8
    locs = 4 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _normals(locs / 1.414, 0.5 / 1.414)


def toy8(labels: str | None = None) -> Mixture | LabelledMixture:
    """N(m_k, .2^2 I) on the corners (+-2.4142, +-1), (+-1, +-2.4142) of an octagon.

    The labelled densities of Ardizzone et al. (2019, arXiv:1808.04730, section 4.1), in the
    convention where every component is equally probable.

    Args:
        labels: None; "all", each corner its own; "some", 0 0 0 0 1 1 2 3 clockwise from the
            upper left; "none", the same for all, so that it tells nothing.

    Raises:
        ConfigurationError: any other word.
    """
    mixture = _normals(np.array(TOY8_LOCS), TOY8_SD)
    if labels is None:
        return mixture
    if labels not in TOY8_LABELS:
        raise ConfigurationError(
            f"Unknown labels {labels!r}.", f"Use None, {' or '.join(map(repr, TOY8_LABELS))}."
        )
    return LabelledMixture(mixture, TOY8_LABELS[labels])


TOY_DENSITIES: Mapping[str, ToyDensity] = MappingProxyType(
    {
        "checkerboard": ToyDensity(checkerboard, 3.4657, reach=0.10),
        "eight-gaussians": ToyDensity(eight_gaussians, 2.8319),
        "toy8": ToyDensity(toy8, 1.6984),
        "toy8-all": ToyDensity(lambda: toy8("all"), -0.3810),
        "toy8-some": ToyDensity(lambda: toy8("some"), 0.4854),
    }
)


def _normals(locs: np.ndarray, scale: float) -> Mixture:
    scales = jnp.full(locs.shape, scale)
    components = eqx.filter_vmap(Normal)(jnp.asarray(locs, float), scales)
    return _equally_weighted(components, len(locs))


def _equally_weighted(components: AbstractDistribution, num: int) -> Mixture:
    return Mixture(components, jnp.zeros(num))
