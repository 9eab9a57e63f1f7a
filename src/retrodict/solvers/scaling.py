"""From the user's units to what a network likes, exactly and back.

Scaling is done in double precision on both ways, so that a column like 1.6e9 +- 10 keeps all
its digits while the network between works in single precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from retrodict._blocks import in_blocks
from retrodict.bijections import (
    AbstractBijection,
    Affine,
    BoundedToReal,
    Chain,
    LinearRegression,
    PowerTransform,
    choose_transforms,
    fit_linear_regression,
)
from retrodict.solvers.observation_scaling import (
    ObservationScaling,
    fit_observation_scaling,
    images,
)
from retrodict.solvers.point_masses import PointMasses, find_point_masses
from retrodict.variables import Variable


@dataclass(frozen=True)
class ScaledPairs:
    """Pairs as training takes them.

    Attributes:
        batch: u and c, in single precision.
        mean_log_det: of log |det du/dx|, what -log p(u | c) exceeds -log p(x | y) by.
    """

    batch: tuple[Float[np.ndarray, "rows dim"], Float[np.ndarray, "rows cond"]]
    mean_log_det: float


class Scaling(eqx.Module):
    """Invertible scaling of causes and observations, decided from the training data.

    Observations: identity, log or asinh by what each column's distribution asks for, then
    standardised: c, to which columns under asinh are appended as they are. Causes: bounds to the
    real line, log or asinh likewise, then the residual of a linear regression on c, whitened. A
    linear-Gaussian problem is solved by this alone, and every other one starts from its
    linear-Gaussian approximation.

    Attributes:
        bounds, power_x, regression: of the causes, in this order.
        of_y: of the observations, y -> c.
        point_masses: bounds that carry probability.
        x_reference: an x~ well inside the support, where a stand-in is needed.
        y_reference: a y well inside those of training, likewise.
    """

    bounds: BoundedToReal
    power_x: PowerTransform
    regression: LinearRegression
    of_y: ObservationScaling
    point_masses: PointMasses = eqx.field(static=True)
    x_reference: tuple[float, ...] = eqx.field(static=True)
    y_reference: tuple[float, ...] = eqx.field(static=True)

    @property
    def of_x(self) -> AbstractBijection:
        """x~ -> u, conditional on c."""
        return Chain([self.bounds, self.power_x, self.regression])

    def forward(
        self, x: Float[np.ndarray, "rows dim"], y: Float[np.ndarray, "rows observables"]
    ) -> tuple[
        Float[np.ndarray, "rows dim"], Float[np.ndarray, "rows cond"], Float[np.ndarray, " rows"]
    ]:
        """u, c and log |det du/dx| of each row of spread values x~."""
        with jax.enable_x64(True):
            u, c, log_det = in_blocks(lambda x, y: _forward(self, x, y), x, y)
            return u, c, log_det

    def pairs(
        self, x: Float[np.ndarray, "rows dim"], y: Float[np.ndarray, "rows observables"]
    ) -> "ScaledPairs":
        """Spread values x~ and their observations as training takes them."""
        u, c, log_det = self.forward(x, y)
        return ScaledPairs((u.astype(np.float32), c.astype(np.float32)), float(log_det.mean()))

    def whiten(self, x: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, "rows dim"]:
        """u of each row of spread values x~, of a scaling that was fitted without regression."""
        # Such a u does not depend on y, so that any y serves.
        anywhere = np.zeros((len(x), len(self.y_reference))) + self.y_reference
        return self.forward(x, anywhere)[0]

    def condition(self, y: Float[np.ndarray, "rows observables"]) -> Float[np.ndarray, "rows cond"]:
        """c of each row."""
        with jax.enable_x64(True):
            return images(self.of_y, y)

    def observation(
        self, c: Float[np.ndarray, "rows cond"]
    ) -> Float[np.ndarray, "rows observables"]:
        """y of each row: the inverse of `condition`."""
        with jax.enable_x64(True):
            y: np.ndarray = in_blocks(lambda c: _observation(self, c), np.asarray(c, float))
        return y

    def inverse(
        self, u: Float[np.ndarray, "rows dim"], c: Float[np.ndarray, "rows cond"]
    ) -> Float[np.ndarray, "rows dim"]:
        """x of each row, point masses folded back."""
        with jax.enable_x64(True):
            spread = in_blocks(
                lambda u, c: _inverse(self, u, c), np.asarray(u, float), np.asarray(c, float)
            )
        return self.point_masses.fold(spread)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON-able settings and arrays, enough for `from_state`."""
        masses = self.point_masses
        settings = {
            **{field.name: list(getattr(masses, field.name)) for field in fields(PointMasses)},
            "softplus_scale": list(self.bounds.softplus_scale),
            "x_kinds": list(self.power_x.kinds),
            "x_scales": list(self.power_x.scales),
            "y_kinds": list(self.of_y.power.kinds),
            "y_scales": list(self.of_y.power.scales),
            "y_also_raw": list(self.of_y.also_raw),
            "x_reference": list(self.x_reference),
            "y_reference": list(self.y_reference),
        }
        arrays = {
            "regression.weights": np.asarray(self.regression.weights),
            "regression.bias": np.asarray(self.regression.bias),
            "regression.cholesky": np.asarray(self.regression.cholesky),
            "affine_y.loc": np.asarray(self.of_y.affine.loc),
            "affine_y.scale": np.asarray(self.of_y.affine.scale),
            "raw_y.loc": np.asarray(self.of_y.raw.loc),
            "raw_y.scale": np.asarray(self.of_y.raw.scale),
        }
        return settings, arrays

    @staticmethod
    def from_state(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> "Scaling":
        """The scaling that `to_state` described."""
        masses = PointMasses(
            **{field.name: tuple(settings[field.name]) for field in fields(PointMasses)}
        )
        with jax.enable_x64(True):
            return Scaling(
                bounds=BoundedToReal(
                    masses.lower_edge, masses.upper_edge, settings["softplus_scale"]
                ),
                power_x=PowerTransform(settings["x_kinds"], settings["x_scales"]),
                regression=LinearRegression(
                    arrays["regression.weights"],
                    arrays["regression.bias"],
                    arrays["regression.cholesky"],
                ),
                of_y=ObservationScaling(
                    power=PowerTransform(settings["y_kinds"], settings["y_scales"]),
                    affine=Affine(arrays["affine_y.loc"], arrays["affine_y.scale"]),
                    # Older bundles show their networks nothing twice.
                    also_raw=tuple(settings.get("y_also_raw", ())),
                    raw=Affine(
                        arrays.get("raw_y.loc", np.zeros(0)),
                        arrays.get("raw_y.scale", np.zeros(0)),
                    ),
                ),
                point_masses=masses,
                x_reference=tuple(settings["x_reference"]),
                y_reference=tuple(settings["y_reference"]),
            )


def fit_scaling(
    x: Float[np.ndarray, "rows dim"],
    y: Float[np.ndarray, "rows observables"],
    parameters: Sequence[Variable],
    rng: np.random.Generator,
    *,
    regress: bool = True,
) -> tuple[Scaling, Float[np.ndarray, "rows dim"]]:
    """The scaling that the training data ask for, and the spread values x~.

    Args:
        x: training causes in the user's units.
        y: their observations.
        parameters: the columns of x, with their bounds.
        rng: spreads point masses.
        regress: whether u is what a linear regression on c leaves of x; if not, x is only
            whitened, u still tells c, and every entry of c is one of y.
    """
    lower = np.array([variable.lower for variable in parameters], float)
    upper = np.array([variable.upper for variable in parameters], float)
    masses = find_point_masses(x, lower, upper)
    spread = masses.spread(x, rng)
    with jax.enable_x64(True):
        softplus_scale = [
            _softplus_scale(column, low, high)
            for column, low, high in zip(
                spread.T, masses.lower_edge, masses.upper_edge, strict=True
            )
        ]
        bounds = BoundedToReal(masses.lower_edge, masses.upper_edge, softplus_scale)
        real = images(bounds, spread)
        power_x = choose_transforms(real)
        bounded = np.isfinite(lower) | np.isfinite(upper)
        kinds = ["identity" if b else k for b, k in zip(bounded, power_x.kinds, strict=True)]
        power_x = PowerTransform(kinds, power_x.scales)
        u = images(power_x, real)
        of_y = fit_observation_scaling(y, also_raw=regress)
        c = images(of_y, y)
        # Appended columns may be of heavy tails, which a regression had better not lean on.
        seen = np.arange(c.shape[1]) < y.shape[1] if regress else np.zeros(c.shape[1], bool)
        scaling = Scaling(
            bounds=bounds,
            power_x=power_x,
            regression=fit_linear_regression(u, np.where(seen, c, 0)),
            of_y=of_y,
            point_masses=masses,
            x_reference=tuple(np.median(spread, axis=0).tolist()),
            y_reference=tuple(np.median(y, axis=0).tolist()),
        )
    return scaling, spread


def transform_names(scaling: Scaling) -> tuple[list[str], list[str]]:
    """What happens to each column of x and of y, for people."""
    masses = scaling.point_masses
    of_x = []
    for i, power in enumerate(scaling.power_x.names):
        ends = [np.isfinite(masses.lower[i]), np.isfinite(masses.upper[i])]
        name = power
        if all(ends):
            name = "probit between the bounds"
        elif any(ends):
            scale = scaling.bounds.softplus_scale[i]
            name = f"softplus (scale {scale:.3g})" if scale else "log of the distance to the bound"
        if masses.lower_width[i] or masses.upper_width[i]:
            name += ", point mass at the bound"
        of_x.append(name)
    of_y = list(scaling.of_y.power.names)
    for i in scaling.of_y.also_raw:
        of_y[i] += ", and as it is"
    return of_x, of_y


def _softplus_scale(column: Float[np.ndarray, " rows"], lower: float, upper: float) -> float:
    """0 (the logarithm) or the scale of softplus, whichever makes the column more normal."""
    if np.isfinite(lower) == np.isfinite(upper):
        return 0.0
    distance = column - lower if np.isfinite(lower) else upper - column
    scale = float(distance.std())
    log_distance = np.log(distance)
    log_score = -log_distance.mean() - np.log(log_distance.std())
    log_slope = np.log(-np.expm1(-distance / scale))
    softplus_score = -log_slope.mean() - np.log((distance + scale * log_slope).std())
    return scale if softplus_score >= log_score else 0.0


@eqx.filter_jit
def _forward(
    scaling: Scaling, x: jax.Array, y: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    c = jax.vmap(scaling.of_y.forward)(y)
    u, log_det = jax.vmap(scaling.of_x.forward_and_log_det)(x, c)
    return u, c, log_det


@eqx.filter_jit
def _observation(scaling: Scaling, c: jax.Array) -> jax.Array:
    return jax.vmap(scaling.of_y.inverse)(c)


@eqx.filter_jit
def _inverse(scaling: Scaling, u: jax.Array, c: jax.Array) -> jax.Array:
    return jax.vmap(scaling.of_x.inverse)(u, c)
