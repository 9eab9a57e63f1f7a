"""What others have reported for the same method on the same problem."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from retrodict.comparison.row import Row

_KRUSE = "Kruse et al. 2021"
_AGAIN = "a replication with 1e6 simulations"


@dataclass(frozen=True)
class Published:
    """Numbers from the literature.

    Attributes:
        mmd: mismatch to the exact posterior, mean over observations.
        resimulation: mean distance between simulated draw and observation; None where it was
            not reported.
        source: where from.
        called: the method's name there, where it is not ours.
        recalled: quoted from memory, not verified against the source.
    """

    mmd: float
    resimulation: float | None
    source: str
    called: str = ""
    recalled: bool = False

    def is_met_by(self, row: Row) -> bool | None:
        """Whether `row` is as good in every number, to the digits that were published.

        None where it has none to compare.
        """
        if row.mmd_mean is None:
            return None
        if self.resimulation is None:
            return _as_good(row.mmd_mean, self.mmd)
        if row.resimulation_mean is None:
            return None
        return _as_good(row.mmd_mean, self.mmd) and _as_good(
            row.resimulation_mean, self.resimulation
        )

    @property
    def numbers(self) -> str:
        """Both numbers as the papers print them, e.g. `.007 / .012`."""
        again = "–" if self.resimulation is None else _short(self.resimulation)
        return f"{_short(self.mmd)} / {again}"

    @property
    def reference(self) -> str:
        """Where from, and how sure."""
        called = f"{self.called}, " if self.called else ""
        return f"{called}{self.source}{', recalled' if self.recalled else ''}"


def _as_good(ours: float, theirs: float) -> bool:
    """Whether ours is no larger, rounded as theirs: .0171 is as good as a published .017."""
    digits = len(f"{theirs:g}".partition(".")[2])
    return round(ours, digits) <= theirs


def _short(value: float) -> str:
    return f"{value:g}".removeprefix("0")


def _kruse(
    mmd: float, resimulation: float, called: str = "", *, recalled: bool = True
) -> Published:
    return Published(mmd, resimulation, _KRUSE, called, recalled)


_KINEMATICS = {
    "mixture-density": _kruse(0.007, 0.012, recalled=False),
    "conditional-vae": _kruse(0.037, 0.012, "autoencoder", recalled=False),
    "conditional-flow:real-nvp": _kruse(0.015, 0.008, "cINN"),
    "inn": _kruse(0.017, 0.086, "INN with L2 and MMD"),
    "inn:bidirectional": _kruse(0.017, 0.086, "INN with L2 and MMD"),
    "inn:maximum-likelihood": _kruse(0.025, 0.015, "INN with maximum likelihood"),
    "conditional-flow:maf": _kruse(0.074, 0.034, "autoregressive"),
    "conditional-flow:iaf": _kruse(0.074, 0.034, "autoregressive"),
    "conditional-flow:residual-flow": _kruse(0.713, 0.311, "i-ResNet"),
    "flow-matching": Published(0.0016, None, _AGAIN),
}
PUBLISHED: Mapping[str, Mapping[str, Published]] = MappingProxyType(
    {"inverse-kinematics": MappingProxyType(_KINEMATICS)}
)


def published(problem: str, method: str) -> Published | None:
    """What was reported for that row on that problem, if anything was."""
    return PUBLISHED.get(problem, {}).get(method)
