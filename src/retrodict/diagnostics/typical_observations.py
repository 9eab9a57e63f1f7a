"""What training observations look like, kept so that others can be compared with them."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import finite_array
from retrodict.diagnostics.misspecification import Misspecification
from retrodict.diagnostics.observation_density import ObservationDensity
from retrodict.diagnostics.observation_oddness import TypicalState, combined, conformal
from retrodict.errors import (
    ConfigurationError,
    NotFittedError,
    ShapeError,
    TooFewRowsError,
)
from retrodict.variables import default_variables, names_of

MIN_ROWS = 100
_MAX_HELD_OUT = 4_000
_FEW_HELD_OUT = 200


class TypicalObservations:
    """A test of whether an observation is like those that a model was trained on.

    A density of the training observations (`ObservationDensity`) gives four measures of how
    odd an observation is:

    - density: -log density. Sees what is improbable.
    - typicality: how far the scatter is from its median, on either side: the root of the sum of
      squared conditional z-scores, of each observable given all others. Sees noise too large
      and, unlike a density, too small (typical sets: Nalisnick et al. 2019, arXiv:1906.02994).
      With few observables all may agree by chance, so that too little scatter counts only
      where 95 % of training has more than half of the median.
    - distance: Mahalanobis distance to the likeliest part of the density, inside and outside
      the leading principal components. Sees what no cause could have produced.
    - surprise: the largest absolute conditional z-score. Sees a single broken sensor.

    Each becomes a conformal p-value, (1 + number of held-out observations at least as odd) /
    (1 + their number) (Vovk, Gammerman and Shafer 2005), exact whatever the density is worth.
    The smallest of the four is itself such a measure, and is ranked in the same way among
    other held-out observations: the p-value of the observation as a whole, exact as well.

    Args:
        level: share of training observations that may be called odd.
        random_state: of the split and of the density's start.
    """

    def __init__(self, *, level: float = 0.05, random_state: int = 0) -> None:
        self.level = level
        self.random_state = random_state

    def fit(
        self,
        observations: ArrayLike,
        held_out: ArrayLike | None = None,
        *,
        names: Sequence[str] | None = None,
    ) -> "TypicalObservations":
        """Learn from at most 10,000 rows, and rank among at most 4,000 held-out ones.

        Args:
            observations: those of training, (rows, cond).
            held_out: (rows, cond), from the same distribution and not used in training; a
                fifth of `observations` by default (half of few). At most half of them rank
                the four measures, the others their smallest p-value.
            names: of the observables; `y1 ... yN` by default.

        Raises:
            NonFiniteError, NotNumericError, ShapeError, ConfigurationError: arguments that
                cannot be learned from.
            TooFewRowsError: fewer than 100 rows, or too few held-out ones for the level.
            ConstantColumnError: no observable varies.
        """
        rows = finite_array("observations", observations, ("rows", "cond")).astype(float)
        num_rows, cond = rows.shape
        if num_rows < MIN_ROWS:
            raise TooFewRowsError(
                f"Typical observations take at least {MIN_ROWS} rows to learn; got {num_rows}.",
                "Give those that the model was trained on.",
            )
        rng = np.random.default_rng(self.random_state)
        rows = rows[rng.permutation(num_rows)]
        if held_out is None:
            num = min(max(num_rows // 5, min(_FEW_HELD_OUT, num_rows // 2)), _MAX_HELD_OUT)
            other, rows = rows[:num], rows[num:]
        else:
            other = finite_array("held_out", held_out, ("rows", "cond")).astype(float)
            _check_columns("held_out", other, cond)
            other = other[rng.permutation(len(other))[:_MAX_HELD_OUT]]
        ranking, combining = np.array_split(other, 2)
        _check_level(self.level, len(combining))
        self.names_ = _names(names, cond)
        self._state = TypicalState.fit(rows, ranking, combining, self.level, self.random_state)
        return self

    def test(self, observations: ArrayLike) -> Misspecification:
        """Whether observations, (observations, cond) or (cond,), are like those of training.

        Raises:
            NotFittedError: `fit` has not been called.
            NonFiniteError, NotNumericError, ShapeError: arguments that cannot be tested.
        """
        state = self._fitted()
        y = np.asarray(observations)
        y = finite_array("observations", y[None] if y.ndim == 1 else y, ("observations", "cond"))
        y = y.astype(float)
        _check_columns("observations", y, len(self.names_))
        found = state.measured(y)
        test_p_values = conformal(state.ranking, found.measures)
        p_values = conformal(
            state.combining[:, None], combined(state.ranking, found.measures)[:, None]
        )[:, 0]
        return Misspecification(
            p_values=p_values,
            test_p_values=test_p_values,
            observed=y,
            expected=found.expected,
            expected_sds=found.expected_sds,
            z_scores=found.z_scores,
            z_limits=state.z_limits,
            scatter=found.scatter,
            typical=state.typical,
            names=self.names_,
            level=float(self.level),
            num_held_out=len(state.combining),
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything learned, as arrays of numbers by name; the names are not among them.

        Raises:
            NotFittedError: `fit` has not been called.
        """
        state = self._fitted()
        own = {
            field.name: np.ascontiguousarray(getattr(state, field.name))
            for field in fields(state)
            if field.name != "density"
        }
        return {**state.density.to_arrays(), **own, "level": np.array([self.level])}

    @classmethod
    def from_arrays(
        cls, arrays: dict[str, np.ndarray], *, names: Sequence[str] | None = None
    ) -> "TypicalObservations":
        """What `to_arrays` described.

        Raises:
            ConfigurationError: arrays are missing, or another number of names.
        """
        needed = {
            field.name for kind in (TypicalState, ObservationDensity) for field in fields(kind)
        }
        missing = sorted((needed - {"density"} | {"level"}) - arrays.keys())
        if missing:
            raise ConfigurationError(
                f"The arrays {', '.join(missing)} are missing.", "Keep all of `to_arrays()`."
            )
        restored = cls(level=float(arrays["level"][0]))
        own = {
            f.name: np.asarray(arrays[f.name]) for f in fields(TypicalState) if f.name != "density"
        }
        restored._state = TypicalState(density=ObservationDensity.from_arrays(arrays), **own)
        restored.names_ = _names(names, len(restored._state.constant))
        return restored

    def _fitted(self) -> "TypicalState":
        if not hasattr(self, "_state"):
            raise NotFittedError(
                "Typical observations have to be learned first.",
                "Call `fit` with those of training.",
            )
        return self._state


def _names(names: Sequence[str] | None, cond: int) -> tuple[str, ...]:
    if names is None:
        return tuple(names_of(default_variables("y", cond)))
    if len(names) != cond:
        raise ConfigurationError(
            f"Expected {cond} names of observables; got {len(names)}: {list(names)}.",
            "Give one name per column.",
        )
    return tuple(names)


def _check_columns(name: str, array: np.ndarray, cond: int) -> None:
    if array.shape[1] != cond:
        raise ShapeError(
            f"`{name}` must have the {cond} columns of training; got shape {array.shape}.",
            "Give the same observables in the same order.",
        )


def _check_level(level: float, num_held_out: int) -> None:
    if not 0 < level < 1:
        raise ConfigurationError(f"`level` lies between 0 and 1; got {level}.", "Use .05.")
    if level * (num_held_out + 1) < 1:
        raise TooFewRowsError(
            f"At the level {level} at least {2 * int(np.ceil(1 / level))} held-out observations "
            f"are needed; got {2 * num_held_out}.",
            "Give more, or a higher level.",
        )
