"""Where is the point, given which kind of cluster it belongs to?"""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Bool
from numpy.typing import ArrayLike

from retrodict.distributions import Mixture, Normal
from retrodict.errors import ConfigurationError
from retrodict.problems.base import AbstractLikelihoodProblem, AbstractReferencePosterior
from retrodict.problems.toy_densities import TOY8_LABELS, TOY8_LOCS, TOY8_SD, LabelledMixture
from retrodict.typing import Array, Float, Key, Scalar
from retrodict.variables import Variable, default_variables


class GaussianMixtureInverse(AbstractLikelihoodProblem, AbstractReferencePosterior):
    """Position from label (Ardizzone et al. 2019, arXiv:1808.04730, section 4.1).

    A point comes from a mixture x ~ sum_k w_k N(m_k, s_k^2 I), and the label of its component
    is observed, one-hot:

        P(label | x) = sum over k that bear the label of
                       w_k N(x; m_k, s_k^2 I) / sum_j w_j N(x; m_j, s_j^2 I)

    Components that share a label are the modes of one posterior,
    p(x | label) ~ sum over k that bear the label of w_k N(m_k, s_k^2 I).

    There are as many observables as components, so that every map from components to labels
    has the same shape; a label that no component bears is always 0.

    Args:
        locs: m_k, one row per component.
        sds: s_k, one for all components or one for each.
        weights: w_k up to a common factor, positive; equal if left out.
        labels: of each component, counted from 0; each its own if left out.
        name: as on the command line.
        description: one sentence for people.

    Raises:
        ConfigurationError: sizes disagree, a number is not finite or not positive, or a label
            is no whole number from 0 to one less than the number of components.
    """

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    parameters: tuple[Variable, ...] = eqx.field(static=True)
    observables: tuple[Variable, ...] = eqx.field(static=True)
    prior: Mixture
    labels: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        locs: ArrayLike,
        sds: ArrayLike,
        weights: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        *,
        name: str = "gaussian-mixture-inverse",
        description: str = "Position in a mixture of Gaussians, from the label of its component.",
    ) -> None:
        means = _finite(locs, "locs")
        if means.ndim != 2 or means.size == 0:
            raise ConfigurationError(
                f"`locs` has one row per component and one column per parameter; got shape "
                f"{means.shape}.",
                "Write a single component as [[a, b]].",
            )
        num, dim = means.shape
        scales = _positive_per_component(sds, "sds", num)
        shares = _positive_per_component(1.0 if weights is None else weights, "weights", num)
        components = eqx.filter_vmap(Normal)(
            jnp.asarray(means, float),
            jnp.asarray(np.repeat(scales[:, None], dim, axis=1), float),
        )
        self.name, self.description = name, description
        self.parameters = default_variables("x", dim)
        self.observables = tuple(
            Variable(
                f"label{i}",
                description=f"1 if the component bears label {i}, else 0",
                lower=0.0,
                upper=1.0,
            )
            for i in range(num)
        )
        self.prior = Mixture(components, jnp.log(jnp.asarray(shares / shares.sum(), float)))
        self.labels = _labels_of_components(labels, num)

    @classmethod
    def toy8(cls, labels: str) -> "GaussianMixtureInverse":
        """The eight Gaussians on the corners of an octagon, under one of three label maps.

        Args:
            labels: "all", each corner its own; "some", 0 0 0 0 1 1 2 3 clockwise from the
                upper left; "none", the same for all, so that it tells nothing.

        Raises:
            ConfigurationError: any other word.
        """
        if labels not in TOY8_LABELS:
            raise ConfigurationError(
                f"Unknown labels {labels!r}.", f"Use {' or '.join(map(repr, TOY8_LABELS))}."
            )
        described = {
            "all": "Position on eight Gaussians, each of which has its own label.",
            "some": "Position on eight Gaussians, from labels that four, two, one and one share.",
            "none": "Position on eight Gaussians that share one label: posterior equals prior.",
        }
        return cls(
            np.array(TOY8_LOCS),
            TOY8_SD,
            labels=np.array(TOY8_LABELS[labels]),
            name=f"toy8-{labels}",
            description=described[labels],
        )

    @property
    def labelled(self) -> LabelledMixture:
        """p(x | label): the exact posterior of every one-hot observation."""
        return LabelledMixture(self.prior, self.labels, num_labels=len(self.observables))

    def simulate(self, key: Key, x: Float[Array, " dim"]) -> Float[Array, " cond"]:
        """The label of a component drawn by its responsibility for `x`, one-hot."""
        component = jr.categorical(key, self._log_responsibilities(x))
        label = jnp.asarray(self.labels)[component]
        return jax.nn.one_hot(label, len(self.observables), dtype=x.dtype)

    def log_likelihood(self, x: Float[Array, " dim"], y: Float[Array, " cond"]) -> Scalar:
        """log P(label | x) in nats; -inf for a label that no component bears.

        -inf also where `y` is not one-hot: no such observation occurs.
        """
        bears_it = self._bearers(y)
        return jax.nn.logsumexp(jnp.where(bears_it, self._log_responsibilities(x), -jnp.inf))

    def exact_posterior(
        self, key: Key, y: Float[Array, " cond"], num_draws: int
    ) -> Float[Array, "{num_draws} dim"]:
        """Independent draws from the components that bear the label.

        Args:
            key: of the draws.
            y: the label, one-hot. If it is not, or no component bears it, all draws are NaN.
            num_draws: how many.
        """
        draws = self.labelled.sample_many(key, num_draws, y)
        return jnp.where(self._bearers(y).any(), draws, jnp.nan)

    def _bearers(self, y: Float[Array, " cond"]) -> Bool[Array, " components"]:
        is_one_hot = ((y == 0) | (y == 1)).all() & (y.sum() == 1)
        return is_one_hot & (y[jnp.asarray(self.labels)] == 1)

    def _log_responsibilities(self, x: Float[Array, " dim"]) -> Float[Array, " components"]:
        log_probs = eqx.filter_vmap(lambda normal: normal.log_prob(x))(self.prior.components)
        return jax.nn.log_softmax(self.prior.logits + log_probs)


def _finite(values: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        raise ConfigurationError(f"`{name}` holds NaN or infinity.", "Give finite numbers.")
    return array


def _positive_per_component(values: ArrayLike, name: str, num: int) -> np.ndarray:
    array = _finite(values, name)
    if array.shape not in ((), (num,)) or not (array > 0).all():
        raise ConfigurationError(
            f"`{name}` must be one positive number, or one for each of {num} components; got "
            f"{array.tolist()}.",
            "Leave out a component that never occurs.",
        )
    return np.broadcast_to(array, (num,))


def _labels_of_components(labels: ArrayLike | None, num: int) -> tuple[int, ...]:
    array = np.arange(num) if labels is None else np.asarray(labels)
    is_whole = np.issubdtype(array.dtype, np.integer)
    if array.shape != (num,) or not is_whole or not ((array >= 0) & (array < num)).all():
        raise ConfigurationError(
            f"`labels` must be one whole number from 0 to {num - 1} for each of {num} components; "
            f"got {array.tolist()}.",
            "Components that shall look the same bear the same label, counted from 0.",
        )
    return tuple(array.tolist())
