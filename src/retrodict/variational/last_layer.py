"""Posteriors of the weights of a last layer, in closed form."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float as NpFloat
from scipy.linalg import eigh

from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float

_MOST_WEIGHTS = 3_000
_NUM_ITERATIONS = 100
_TOLERANCE = 1e-4
# Of a prior: beyond these a layer is free, or not there at all.
_SMALLEST, _LARGEST = 1e-8, 1e8


class LastLayer(eqx.Module):
    """Normal posteriors of the weights of the last layer of each member.

    Attributes:
        mean: of the weights, with those of the bias as the last input.
        root: R of the covariance R R^T, one for each target of a regression, and one for all
            classes together.
        noise_sd: of each target, where it was learned with them.
    """

    mean: Float[Array, "members inputs targets"]
    root: Float[Array, "members blocks weights weights"]
    noise_sd: Float[Array, "members targets"]

    @classmethod
    def empty(cls, num_members: int, num_inputs: int, targets: int, *, joint: bool) -> "LastLayer":
        """One to be filled.

        Raises:
            ConfigurationError: too many weights for a covariance of all of them.
        """
        weights = num_inputs * (targets if joint else 1)
        if weights > _MOST_WEIGHTS:
            raise ConfigurationError(
                f"The last layer has {weights:,} weights; their covariance would have "
                f"{weights**2:,} entries.",
                f"Make the last hidden layer narrower (at most {_MOST_WEIGHTS:,} weights), or use "
                'method="ensemble".',
            )
        return cls(
            jnp.zeros((num_members, num_inputs, targets)),
            jnp.zeros((num_members, 1 if joint else targets, weights, weights)),
            jnp.ones((num_members, targets)),
        )

    def means_and_sds(
        self, features: NpFloat[np.ndarray, "members rows inputs"]
    ) -> tuple[
        NpFloat[np.ndarray, "members rows targets"], NpFloat[np.ndarray, "members rows targets"]
    ]:
        """Mean of each output of a regression and its standard deviation given the weights'."""
        means = np.einsum("mri,mit->mrt", features, np.asarray(self.mean, float))
        spread = np.einsum("mri,mtij->mrtj", features, np.asarray(self.root, float))
        return means, np.sqrt((spread**2).sum(axis=-1))

    def draws(
        self,
        features: NpFloat[np.ndarray, "members rows inputs"],
        num_draws: int,
        rng: np.random.Generator,
    ) -> NpFloat[np.ndarray, "draws rows targets"]:
        """Outputs of functions from the posterior, members in turn."""
        mean, root = np.asarray(self.mean, float), np.asarray(self.root, float)
        members, inputs, targets = mean.shape
        found = []
        for i in range(num_draws):
            m = i % members
            blocks = np.einsum("bij,bj->bi", root[m], rng.standard_normal(root[m].shape[:2]))
            if blocks.shape[0] == targets and blocks.shape[1] == inputs:
                shift = blocks.T
            else:
                shift = blocks.reshape(inputs, targets)
            found.append(features[m] @ (mean[m] + shift))
        return np.stack(found)


def linear_posterior(
    features: NpFloat[np.ndarray, "rows inputs"],
    y: NpFloat[np.ndarray, " rows"],
    noise_sd: NpFloat[np.ndarray, " rows"] | None,
) -> tuple[NpFloat[np.ndarray, " inputs"], NpFloat[np.ndarray, "inputs inputs"], float]:
    """Mean, root of the covariance and noise of y = features w + noise, w ~ N(0, I / alpha).

    alpha, and the precision of the noise where it is not given, maximise the evidence p(y)
    (MacKay 1992, doi:10.1162/neco.1992.4.3.415): with gamma the number of well-determined
    weights, alpha = gamma / |w|^2 and noise_sd^2 = |y - features w|^2 / (rows - gamma).

    Args:
        features: of the rows.
        y: their targets.
        noise_sd: of each row; None to learn one for all.
    """
    scale = 1.0 if noise_sd is None else noise_sd[:, None]
    scaled, target = features / scale, y / (1.0 if noise_sd is None else noise_sd)
    eigenvalues, vectors = eigh(scaled.T @ scaled)
    eigenvalues = np.maximum(eigenvalues, 0)
    projected = vectors.T @ (scaled.T @ target)
    alpha, precision = 1.0, 1.0 if noise_sd is not None else 1 / max(y.var(), 1e-12)
    for _ in range(_NUM_ITERATIONS):
        in_basis = precision * projected / (precision * eigenvalues + alpha)
        gamma = float((precision * eigenvalues / (precision * eigenvalues + alpha)).sum())
        before = alpha, precision
        alpha = float(np.clip(gamma / max((in_basis**2).sum(), 1e-300), _SMALLEST, _LARGEST))
        if noise_sd is None:
            residual = ((target - scaled @ (vectors @ in_basis)) ** 2).sum()
            precision = float(max(len(y) - gamma, 1e-3) / max(residual, 1e-300))
        if np.allclose((alpha, precision), before, rtol=_TOLERANCE, atol=0):
            break
    precisions = precision * eigenvalues + alpha
    mean = vectors @ (precision * projected / precisions)
    return mean, vectors / np.sqrt(precisions), precision**-0.5


def softmax_posterior(
    features: NpFloat[np.ndarray, "rows inputs"],
    probabilities: NpFloat[np.ndarray, "rows classes"],
    precision: float,
) -> NpFloat[np.ndarray, "weights weights"]:
    """Root of the covariance (sum_r (diag p - p p^T) x f f^T + precision I)^-1.

    Laplace's approximation about the most probable weights of a softmax layer (MacKay 1992;
    Daxberger et al. 2021, arXiv:2106.14806), whose prior has that precision. Weights are in the
    order (input, class).
    """
    inputs, classes = features.shape[1], probabilities.shape[1]
    curvature = np.zeros((inputs, classes, inputs, classes))
    for a in range(classes):
        for b in range(a, classes):
            weight = probabilities[:, a] * ((a == b) - probabilities[:, b])
            block = (features * weight[:, None]).T @ features
            curvature[:, a, :, b] = block
            curvature[:, b, :, a] = block
    eigenvalues, vectors = eigh(curvature.reshape(inputs * classes, inputs * classes))
    return vectors / np.sqrt(np.maximum(eigenvalues, 0) + precision)
