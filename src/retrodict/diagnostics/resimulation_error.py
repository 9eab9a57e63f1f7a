"""Re-simulation error: do posterior draws, put through the forward process, give back y?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, finite_array
from retrodict.errors import ConfigurationError, ShapeError


@dataclass(frozen=True)
class ResimulationError:
    """Distance between what posterior draws simulate and what was observed.

    It is smallest for a posterior collapsed to one good point, so it says nothing about
    calibration: read it together with MMD, C2ST or simulation-based calibration only.

    Attributes:
        per_observation: mean distance over draws, for each observation.
        scaled: whether distances are in units of a scale rather than of the observations.
        num_draws: draws per observation.
    """

    per_observation: Float[np.ndarray, " observations"]
    scaled: bool
    num_draws: int

    @property
    def mean(self) -> float:
        """Over draws and observations; a few of low density may dominate it."""
        return float(self.per_observation.mean())

    @property
    def median(self) -> float:
        """Over observations, of the mean distance of their draws."""
        return float(np.median(self.per_observation))

    def to_dict(self) -> Json:
        return {
            "mean": self.mean,
            "median": self.median,
            "largest": float(self.per_observation.max()),
            "scaled": self.scaled,
            "num_observations": len(self.per_observation),
            "num_draws": self.num_draws,
        }

    def __str__(self) -> str:
        worst = int(np.argmax(self.per_observation))
        unit = " in units of the given scale" if self.scaled else ""
        return (
            f"Re-simulated draws lie {self.mean:.3g} (mean) and {self.median:.3g} (median) from "
            f"their observations{unit}, farthest for observation {worst} "
            f"({self.per_observation[worst]:.3g}); read it with MMD or C2ST, since a collapsed "
            "posterior scores best."
        )


def resimulation_error(
    simulated: ArrayLike, observed: ArrayLike, scale: ArrayLike | float | None = None
) -> ResimulationError:
    """Euclidean distance between simulate(draw) and the observation y.

    For a noisy simulator the exact posterior has a distance too, that of the noise.

    Args:
        simulated: one simulation per posterior draw, (observations, draws, cond).
        observed: what the draws were conditioned on, (observations, cond).
        scale: each observable is divided by it first; one number or one per observable,
            e.g. the standard deviations of the noise or of the training observations.

    Raises:
        NonFiniteError, ShapeError: arguments that cannot be compared.
        ConfigurationError: a scale that is not positive.
    """
    simulated = finite_array("simulated", simulated, ("observations", "draws", "cond"))
    observed = finite_array("observed", observed, ("observations", "cond"))
    num_observations, num_draws, num_observables = simulated.shape
    if observed.shape != (num_observations, num_observables):
        raise ShapeError(
            f"`simulated` of shape {simulated.shape} (observations, draws, cond) needs `observed` "
            f"of shape {(num_observations, num_observables)}; got {observed.shape}.",
            "Give one observation per set of draws, in the same order.",
        )
    difference = simulated - observed[:, None]
    if scale is not None:
        difference = difference / _positive_scale(scale, num_observables)
    distance = np.sqrt((difference**2).sum(axis=2, dtype=float))
    return ResimulationError(distance.mean(axis=1), scale is not None, num_draws)


def _positive_scale(scale: ArrayLike | float, num_observables: int) -> np.ndarray:
    array = finite_array("scale", np.atleast_1d(np.asarray(scale)), ("cond",))
    if array.shape not in {(1,), (num_observables,)}:
        raise ShapeError(
            f"`scale` must be one number or {num_observables}, one per observable; "
            f"got shape {array.shape}.",
            "Use e.g. the standard deviation of each column of the training observations.",
        )
    if (array <= 0).any():
        raise ConfigurationError(
            f"`scale` must be positive; got {array.min()}.",
            "Leave out observables that do not vary.",
        )
    return array
