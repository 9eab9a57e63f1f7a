"""One point of a learning curve: a solver trained on so many pairs, and how good it is."""

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any

from retrodict.errors import BundleCorruptedError


@dataclass(frozen=True)
class Point:
    """How good posteriors are that were learned from so many pairs.

    Attributes:
        num_pairs: that the solver was given, its own validation share included.
        calibration_error: mean over parameters, as in `diagnostics.calibration_error`.
        error_if_exact: what an exact posterior stays below in 99 of 100 tests like this.
        log_score: mean log density of the held-out causes, in nats; None without a density.
        rmse: of posterior medians, in standard deviations of the causes, mean over parameters.
        trust: the verdict, e.g. "trust with repair".
        training_seconds: of this point alone.
        outcome: how training ended; empty where nothing is trained.
    """

    num_pairs: int
    calibration_error: float
    error_if_exact: float
    log_score: float | None
    rmse: float
    trust: str
    training_seconds: float
    outcome: str

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, stored: object) -> "Point":
        """From what `to_dict` gave.

        Raises:
            BundleCorruptedError: fields that are missing or of another kind.
        """
        types_of = typing.get_type_hints(cls)
        if not isinstance(stored, dict) or set(stored) != set(types_of):
            raise BundleCorruptedError(
                "A point of a learning curve is damaged or was edited by hand.",
                "Delete its file and resume the curve.",
            )
        for name, kind in types_of.items():
            kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
            # JSON writes a float that is whole without a point.
            allowed = (*kinds, int) if float in kinds else kinds
            if not isinstance(stored[name], allowed):
                raise BundleCorruptedError(
                    f"`{name}` of a point of a learning curve is {stored[name]!r}.",
                    "Delete its file and resume the curve.",
                )
        return cls(**stored)
