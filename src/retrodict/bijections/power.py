"""Columns that are skewed or span decades, brought to a shape that a normal base can meet."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.base import AbstractBijection
from retrodict.bijections.fitting import require_fittable
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar

_KINDS = ("identity", "log", "asinh")
_MIN_GAIN = 0.1
_SCALE_QUANTILES = (0.1, 0.25, 0.5, 0.75)


class PowerTransform(AbstractBijection):
    """Each entry by its own increasing map.

        identity   z = x
        log        z = log x, for x > 0
        asinh      z = asinh(x / s): linear for |x| << s, logarithmic for |x| >> s, either sign

    (the inverse hyperbolic sine: Johnson 1949, Biometrika 36, 149; Burbidge et al. 1988, JASA
    83, 123). Exponentials saturate at 4e31 (float32), 4e292 (float64), so that both directions
    are finite everywhere. For x <= 0 the log-determinant of the logarithm is -inf: no density
    there.

    Kinds and scales are part of the architecture, not of its weights: plain words and numbers.

    Args:
        kinds: "identity", "log" or "asinh" for each entry.
        scales: s for each entry, positive, in the units of `x`; read only by "asinh".
    """

    kinds: tuple[str, ...] = eqx.field(static=True)
    scales: tuple[float, ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(
        self, kinds: Sequence[str], scales: Sequence[float] | np.ndarray | None = None
    ) -> None:
        self.kinds = tuple(kinds)
        self.scales = tuple(float(s) for s in ([1.0] * len(kinds) if scales is None else scales))
        self.shape = (len(self.kinds),)
        self.cond_shape = None

    def __check_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in _KINDS]
        if unknown:
            raise ConfigurationError(
                f"Unknown transform {unknown[0]!r}.", f"Use one of {', '.join(_KINDS)}."
            )
        if len(self.scales) != len(self.kinds) or not all(0 < s < np.inf for s in self.scales):
            raise ConfigurationError(
                f"Expected one positive scale for each of {len(self.kinds)} entries; got "
                f"{self.scales}.",
                "Use 1 where the transform reads none.",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """What happens to each entry, for people: `identity`, `log` or `asinh(x / 2.5)`."""
        return tuple(
            f"asinh(x / {scale:.3g})" if kind == "asinh" else kind
            for kind, scale in zip(self.kinds, self.scales, strict=True)
        )

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        is_log, is_asinh, scale = self._columns(x.dtype)
        limits = np.finfo(x.dtype)
        # Outside the domain of its own map an entry takes a value that keeps gradients finite.
        positive = jnp.where(is_log, jnp.maximum(x, limits.tiny / limits.eps), 1)
        log_x = jnp.log(positive)
        asinh_x = jnp.arcsinh(jnp.where(is_asinh, x, 0) / scale)
        z = jnp.where(is_log, log_x, jnp.where(is_asinh, asinh_x, x))
        log_det = jnp.where(
            is_log, -log_x, jnp.where(is_asinh, -_log_cosh(asinh_x) - jnp.log(scale), 0)
        )
        return z, jnp.where(is_log & (x <= 0), -jnp.inf, log_det).sum()

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        is_log, is_asinh, scale = self._columns(z.dtype)
        limits = np.finfo(z.dtype)
        largest = float(np.log(limits.max * limits.eps))
        smallest = float(np.log(limits.tiny / limits.eps))
        log_x = jnp.clip(jnp.where(is_log, z, 0), smallest, largest)
        limit = largest - jnp.log(jnp.maximum(scale, 1))
        asinh_x = jnp.clip(jnp.where(is_asinh, z, 0), -limit, limit)
        x = jnp.where(is_log, jnp.exp(log_x), jnp.where(is_asinh, scale * jnp.sinh(asinh_x), z))
        log_det = jnp.where(
            is_log, z, jnp.where(is_asinh, _log_cosh(jnp.where(is_asinh, z, 0)) + jnp.log(scale), 0)
        )
        return x, log_det.sum()

    def _columns(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, Float[Array, " dim"]]:
        kinds = np.asarray(self.kinds)
        return kinds == "log", kinds == "asinh", jnp.asarray(self.scales, dtype)


def choose_transforms(rows: np.ndarray, *, allow_constant: bool = False) -> PowerTransform:
    """For each column the map after which a normal distribution describes it best.

    The score is the mean log-likelihood per row of the standardised transformed values, its
    Jacobian included,

        mean log |dz/dx| - log sd(z)

    as in Box & Cox (1964, JRSS B 26, 211). A simpler map (identity before log before asinh)
    is left only for a gain of more than 0.1 nat per row. Scales of asinh are
    searched among low to high quantiles of the absolute values that are not zero.

    Args:
        rows: training examples, shape (rows, dim).
        allow_constant: whether a column may have one value only; it is left as it is.

    Raises:
        DataError: NaN or infinity, a constant column, or no second row.
    """
    columns = require_fittable(rows, allow_constant=allow_constant).T
    choices = [_choose(column) if np.ptp(column) > 0 else ("identity", 1.0) for column in columns]
    return PowerTransform([kind for kind, _ in choices], [scale for _, scale in choices])


def _choose(column: Float[np.ndarray, " rows"]) -> tuple[str, float]:
    best, kind, scale = -np.log(column.std()), "identity", 1.0
    if (column > 0).all():
        log_column = np.log(column)
        score = -log_column.mean() - np.log(log_column.std())
        if score > best + _MIN_GAIN:
            best, kind = score, "log"
    magnitudes = np.abs(column[column != 0])
    candidates = np.unique(np.quantile(magnitudes, _SCALE_QUANTILES))
    scores = [_asinh_score(column, candidate) for candidate in candidates]
    if max(scores) > best + _MIN_GAIN:
        kind, scale = "asinh", float(candidates[int(np.argmax(scores))])
    return kind, scale


def _asinh_score(column: Float[np.ndarray, " rows"], scale: float) -> float:
    z = np.arcsinh(column / scale)
    return float(-np.log(np.hypot(column, scale)).mean() - np.log(z.std()))


def _log_cosh(z: Float[Array, " dim"]) -> Float[Array, " dim"]:
    """log cosh z without overflow, smooth at zero."""
    return jnp.logaddexp(z, -z) - float(np.log(2))
