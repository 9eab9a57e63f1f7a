"""Round trip: does the inverse of a model undo it, and do both directions agree on the density?

The one diagnostic that takes a model. Draws come from one direction of a flow and densities
from the other; where the two do not undo each other, the draws follow one distribution and the
densities describe another, and no array of draws could show it.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict._blocks import in_blocks
from retrodict.bijections import AbstractBijection, Chain, Invert, is_random, without_throw
from retrodict.diagnostics.arguments import Json, by_name, finite_array, parameter_names
from retrodict.distributions import AbstractDistribution, Transformed, condition_for
from retrodict.errors import CapabilityError, ConditionError, ConfigurationError, ShapeError
from retrodict.typing import Array, Int, Key, Scalar


@dataclass(frozen=True)
class RoundTrip:
    """How well a model's inverse undoes it, row by row.

    Attributes:
        errors: |there and back - start| of each entry, divided by the spread of its column; NaN
            in rows that did not converge.
        log_det_mismatches: |log |det| of the way there + log |det| of the way back|, in nats;
            NaN in rows that did not converge. Zero for a map and its inverse.
        spread: what counts as one unit of each column: the standard deviation of the start;
            where that is zero its largest absolute value, and 1 where that is zero, too.
        names: of the columns.
        tolerance: largest error that passes.
        log_det_tolerance: largest mismatch that passes, in nats.
        is_estimate: whether the log-determinants are estimates. Both ways then use the same
            random numbers, so the mismatch judges the inverse, not the estimate's own noise.
        start: "x" or "z": where the trip began.
        from_base: the other round trip, z -> x -> z', where it was asked for.
    """

    errors: Float[np.ndarray, "rows dim"]
    log_det_mismatches: Float[np.ndarray, " rows"]
    spread: Float[np.ndarray, " dim"]
    names: tuple[str, ...]
    tolerance: float
    log_det_tolerance: float
    is_estimate: bool
    start: str
    from_base: "RoundTrip | None" = None

    @property
    def num_rows(self) -> int:
        """How many rows made the trip."""
        return len(self.errors)

    @property
    def largest_error(self) -> float:
        """Over all entries of the rows that converged; NaN where none did."""
        return float(self._arrived.max()) if self._arrived.size else float("nan")

    @property
    def typical_error(self) -> float:
        """Median over all entries of the rows that converged; NaN where none did."""
        return float(np.median(self._arrived)) if self._arrived.size else float("nan")

    @property
    def share_not_converged(self) -> float:
        """Share of rows where a number was not finite though the start was."""
        return float((~self._converged).mean())

    @property
    def largest_log_det_mismatch(self) -> float:
        """Over the rows that converged, in nats; NaN where none did."""
        mismatches = self.log_det_mismatches[self._converged]
        return float(mismatches.max()) if mismatches.size else float("nan")

    @property
    def worst_row(self) -> int:
        """The first row that did not converge; where all did, that which misses by most."""
        if not self._converged.all():
            return int(np.argmin(self._converged))
        excess = self.errors.max(axis=1) / self.tolerance
        return int(np.argmax(np.maximum(excess, self.log_det_mismatches / self.log_det_tolerance)))

    @property
    def passed(self) -> bool:
        """Every row converged, and came back within both tolerances; from the base likewise."""
        return self._holds and (self.from_base is None or self.from_base.passed)

    @property
    def _holds(self) -> bool:
        return bool(
            self._converged.all()
            and self.largest_error <= self.tolerance
            and self.largest_log_det_mismatch <= self.log_det_tolerance
        )

    @property
    def _converged(self) -> np.ndarray:
        return np.isfinite(self.log_det_mismatches)

    @property
    def _arrived(self) -> np.ndarray:
        return self.errors[self._converged]

    def to_dict(self) -> Json:
        largest = np.full(len(self.names), np.nan)
        if self._converged.any():
            largest = self._arrived.max(axis=0)
        return {
            "passed": self.passed,
            "start": self.start,
            "largest_error": _number(self.largest_error),
            "typical_error": _number(self.typical_error),
            "share_not_converged": self.share_not_converged,
            "largest_log_det_mismatch": _number(self.largest_log_det_mismatch),
            "log_det_is_estimate": self.is_estimate,
            "worst_row": self.worst_row,
            "largest_errors": {n: _number(e) for n, e in by_name(self.names, largest).items()},
            "spread": by_name(self.names, self.spread),
            "tolerance": self.tolerance,
            "log_det_tolerance": self.log_det_tolerance,
            "num_rows": self.num_rows,
            "from_base": None if self.from_base is None else self.from_base.to_dict(),
        }

    def __str__(self) -> str:
        if self.from_base is not None and not self.from_base.passed and self._holds:
            return str(self.from_base)
        path = "x -> z -> x" if self.start == "x" else "z -> x -> z"
        if not self._converged.all():
            return (
                f"Round trip {path}: {(~self._converged).sum()} of {self.num_rows} rows "
                f"({self.share_not_converged:.2%}) did not converge to finite numbers, the first "
                f"being row {self.worst_row}; look at that row, and allow the numerical inverse "
                "more steps if it is not far outside the training data."
            )
        numbers = (
            f"largest error {self.largest_error:.2g} and typical {self.typical_error:.2g} "
            "standard deviations of its column, log-determinants "
            f"{'estimated by the same random numbers ' if self.is_estimate else ''}"
            f"within {self.largest_log_det_mismatch:.2g} nats"
        )
        if self._holds:
            return f"Round trip {path} of {self.num_rows} rows: {numbers}; the inverse holds."
        if self.largest_error > self.tolerance:
            worst_name = self.names[int(np.argmax(self.errors[self.worst_row]))]
            where = f"worst in `{worst_name}` of row {self.worst_row}"
            limit = f"an error of at most {self.tolerance:g}"
        else:
            where = f"worst in row {self.worst_row}"
            limit = f"log-determinants within {self.log_det_tolerance:g} nats"
        return (
            f"Round trip {path} of {self.num_rows} rows: {numbers}, {where}, where {limit} was "
            "asked for; densities and draws of this model do not belong together there: use a "
            "smaller tolerance for its numerical inverse, double precision or a tamer flow."
        )


def round_trip(
    distribution: AbstractDistribution,
    x: ArrayLike,
    condition: ArrayLike | None = None,
    *,
    key: Key | None = None,
    names: Sequence[str] | None = None,
    tolerance: float = 1e-3,
    log_det_tolerance: float = 1e-2,
    block_size: int = 4096,
) -> RoundTrip:
    """Map x -> z -> x' through a flow, and compare.

    Numerical inverses are made quiet: a row that misses its tolerance is counted, not raised.
    All is computed in the precision of the model's weights, to which `x` is rounded first.

    Args:
        distribution: a flow, i.e. a `Transformed` distribution.
        x: rows of examples, in the units the model works in.
        condition: one per row, where the model is conditional.
        key: where given, as many draws z of the base make the way z -> x -> z', too, under the
            same conditions.
        names: of the columns of x; `x1 ... xN` by default.
        tolerance: largest error that passes, in spreads of the column: a thousandth of it is
            invisible in any posterior.
        log_det_tolerance: largest mismatch of the log-determinants that passes, in nats: a
            hundredth changes a density by one per cent.
        block_size: most rows in memory at once; the result does not depend on it.

    Raises:
        CapabilityError: a distribution that is not made by a bijection.
        ConditionError: a condition is missing, superfluous or of the wrong shape.
        NonFiniteError, ShapeError, NotNumericError, ConfigurationError: rows or settings that
            cannot answer the question.
    """
    if not (tolerance > 0 and log_det_tolerance > 0 and block_size >= 1):
        raise ConfigurationError(
            "Tolerances and the block size must be positive; got "
            f"tolerance={tolerance}, log_det_tolerance={log_det_tolerance}, "
            f"block_size={block_size}.",
            "Leave them out to take the defaults.",
        )
    bijection, base = _split(distribution)
    quiet = without_throw(bijection)
    dtype = _precision(distribution)
    rows = _rows("x", x, bijection.shape).astype(dtype)
    conditions = _conditions(condition, distribution.cond_shape, len(rows))
    conditions = None if conditions is None else conditions.astype(dtype)
    settings: dict[str, Any] = {
        "tolerance": float(tolerance),
        "log_det_tolerance": float(log_det_tolerance),
        "is_estimate": is_random(distribution),
    }
    from_base = None
    if key is not None:
        indices = np.arange(len(rows), dtype=np.int32)
        draw = functools.partial(_base_draws, base, key)
        z = in_blocks(draw, indices, conditions, block_size=block_size)
        back_first = functools.partial(_there_and_back, Invert(quiet))
        end = in_blocks(back_first, z, conditions, block_size=block_size)
        z_names = _entry_names(None, bijection.out_shape, "z")
        from_base = _compared(z, *end, names=z_names, start="z", from_base=None, **settings)
    there_first = functools.partial(_there_and_back, quiet)
    end = in_blocks(there_first, rows, conditions, block_size=block_size)
    x_names = _entry_names(names, bijection.shape, "x")
    return _compared(rows, *end, names=x_names, start="x", from_base=from_base, **settings)


def _split(
    distribution: AbstractDistribution,
) -> tuple[AbstractBijection, AbstractDistribution]:
    """The whole bijection of a flow, and what it starts from."""
    bijections = []
    while isinstance(distribution, Transformed):
        bijections.append(distribution.bijection)
        distribution = distribution.base
    if not bijections:
        raise CapabilityError(
            f"A round trip needs a flow, with a bijection to invert; got a "
            f"{type(distribution).__name__}.",
            "Pass the `Transformed` distribution; other distributions have no inverse to certify.",
        )
    return (bijections[0] if len(bijections) == 1 else Chain(bijections)), distribution


def _precision(distribution: AbstractDistribution) -> np.dtype:
    weights = jax.tree.leaves(eqx.filter(distribution, eqx.is_inexact_array))
    return np.dtype(jnp.result_type(*weights) if weights else jnp.result_type(float))


def _rows(name: str, values: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    axes = ("rows", *(f"axis {i + 1}" for i in range(len(shape))))
    rows = finite_array(name, values, axes)
    if rows.shape[1:] != shape:
        raise ShapeError(
            f"Each row of `{name}` must have the shape {shape} that the model has; got rows of "
            f"shape {rows.shape[1:]}.",
            "Pass what the model was trained on, one example per row.",
        )
    return rows


def _conditions(
    values: ArrayLike | None, shape: tuple[int, ...] | None, num_rows: int
) -> np.ndarray | None:
    if (values is None) != (shape is None):
        raise ConditionError(
            "This model is conditional; no condition was given."
            if values is None
            else "This model is not conditional; a condition was given.",
            "Pass one condition per row." if values is None else "Leave `condition` out.",
        )
    if values is None or shape is None:
        return None
    conditions = _rows("condition", values, shape)
    if len(conditions) != num_rows:
        raise ShapeError(
            f"Expected one condition per row, {num_rows}; got {len(conditions)}.",
            "Row i of the condition belongs to row i of `x`.",
        )
    return conditions


def _entry_names(
    names: Sequence[str] | None, shape: tuple[int, ...], prefix: str
) -> tuple[str, ...]:
    size = int(np.prod(shape))
    if names is None:
        return tuple(f"{prefix}{i + 1}" for i in range(size))
    return parameter_names(names, size)


def _compared(
    begin: np.ndarray,
    returned: np.ndarray,
    log_det_sum: np.ndarray,
    *,
    from_base: RoundTrip | None,
    **settings: Any,
) -> RoundTrip:
    flat, flat_returned = (a.reshape(len(a), -1).astype(float) for a in (begin, returned))
    mismatches = np.abs(log_det_sum.astype(float))
    spread, largest = flat.std(axis=0), np.abs(flat).max(axis=0)
    spread = np.where(spread > 0, spread, np.where(largest > 0, largest, 1.0))
    errors = np.abs(flat_returned - flat) / spread
    errors[~np.isfinite(mismatches)] = np.nan
    return RoundTrip(
        errors=errors,
        log_det_mismatches=mismatches,
        spread=spread,
        from_base=from_base,
        **settings,
    )


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


@eqx.filter_jit
def _there_and_back(
    bijection: AbstractBijection,
    start: Float[Array, "rows ..."],
    condition: Float[Array, "rows ..."] | None,
) -> tuple[Float[Array, "rows ..."], Float[Array, " rows"]]:
    """Where each row comes back to, and the sum of both log-dets; NaN if any number is not finite.

    A z that is not finite counts, too: saturated maps can return from it as if nothing was lost.
    """

    def one(
        start: Float[Array, "..."], condition: Float[Array, "..."] | None
    ) -> tuple[Float[Array, "..."], Scalar]:
        middle, log_det = bijection.forward_and_log_det(start, condition)
        returned, back_log_det = bijection.inverse_and_log_det(middle, condition)
        finite = jnp.isfinite(middle).all() & jnp.isfinite(returned).all()
        return returned, jnp.where(finite, log_det + back_log_det, jnp.nan)

    return jax.vmap(one)(start, condition)


@eqx.filter_jit
def _base_draws(
    base: AbstractDistribution,
    key: Key,
    row: Int[Array, " rows"],
    condition: Float[Array, "rows ..."] | None,
) -> Float[Array, "rows ..."]:
    def one(row: Int[Array, ""], condition: Float[Array, "..."] | None) -> Float[Array, "..."]:
        return base.sample(jax.random.fold_in(key, row), condition_for(base, condition))

    return jax.vmap(one)(row, condition)
