"""From a learning curve to the number of simulations that a wanted quality needs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrodict.budget.point import Point

FEWEST_POINTS = 3
_FARTHEST = 1_000  # times the largest budget tried; beyond, nobody should believe a power law
_SLOWEST = 0.05  # an exponent below which the error does not fall for practical purposes


@dataclass(frozen=True)
class Projection:
    """What a power law through the calibration errors says.

    Attributes:
        wanted: calibration error.
        num_pairs: that reach it; None where that cannot be said.
        lower, upper: the same at the ends of a 68 % interval of the fit; None likewise.
        exponent: c of error = b n^-c; None without enough points.
        sentence: the answer in words.
    """

    wanted: float
    num_pairs: int | None
    lower: int | None
    upper: int | None
    exponent: float | None
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def project(points: Sequence[Point], wanted: float) -> Projection:
    """The number of pairs at which the calibration error falls to `wanted`.

    Errors of an exact posterior would not be zero, but those of chance, whose size the number
    of held-out observations sets. Above it, errors fall about as a power of the number of pairs
    (Hestness et al. 2017, arXiv:1712.00409), which makes a straight line of their logarithms:

        log sqrt(error^2 - chance^2) = log b - c log n + noise

    fitted by least squares to the points whose error is above chance.

    Args:
        points: of one curve, of increasing size.
        wanted: calibration error, e.g. .01.
    """
    ordered = sorted(points, key=lambda point: point.num_pairs)
    reached = [point for point in ordered if point.calibration_error <= wanted]
    # From the first size on at which it holds for all larger ones too.
    lasting = [
        point.num_pairs
        for i, point in enumerate(ordered)
        if all(later.calibration_error <= wanted for later in ordered[i:])
    ]
    if lasting:
        num = lasting[0]
        return Projection(
            wanted, num, num, num, None, f"A calibration error of {wanted:.2%} was reached with "
            f"{num:,} simulations."
        )  # fmt: skip
    usable = [point for point in ordered if point.calibration_error > _chance(point)]
    if len(usable) < FEWEST_POINTS:
        why = (
            f"only {len(usable)} of {len(ordered)} points lie above what chance gives an exact "
            f"posterior; {FEWEST_POINTS} are needed"
        )
        advice = " More held-out observations would tell more." if reached else ""
        return _unknown(wanted, f"No budget can be projected: {why}.{advice}", None)
    log_n = np.log([point.num_pairs for point in usable])
    excess = [math.sqrt(p.calibration_error**2 - _chance(p) ** 2) for p in usable]
    slope, intercept, slope_sd, residual_sd = _line(log_n, np.log(excess))
    exponent = -slope
    if exponent < max(_SLOWEST, slope_sd):
        return _unknown(
            wanted,
            f"The calibration error does not fall with more simulations (power "
            f"{exponent:.2f} ± {slope_sd:.2f}): another solver or longer training is more likely "
            "to help than a larger budget.",
            exponent,
        )
    chance = _chance(usable[-1])
    if wanted <= chance:
        return _unknown(
            wanted,
            f"A calibration error of {wanted:.2%} is below the {chance:.2%} that chance gives an "
            "exact posterior with so few held-out observations; hold out more of them.",
            exponent,
        )
    target = math.log(math.sqrt(wanted**2 - chance**2))
    log_budget = (target - intercept) / slope
    # The error of the line where it meets the target, turned into one of the budget.
    spread = (
        residual_sd
        / exponent
        * math.sqrt(
            1 / len(log_n) + (log_budget - log_n.mean()) ** 2 / ((log_n - log_n.mean()) ** 2).sum()
        )
    )
    largest = usable[-1].num_pairs
    if log_budget > math.log(_FARTHEST * largest):
        return _unknown(
            wanted,
            f"A calibration error of {wanted:.2%} would take more than {_FARTHEST:,} times the "
            f"{largest:,} simulations that were tried, farther than a power law of "
            f"{len(usable)} points can be trusted.",
            exponent,
        )
    num, lower, upper = (_two_digits(math.exp(log_budget + side * spread)) for side in (0, -1, 1))
    return Projection(
        wanted,
        num,
        lower,
        upper,
        exponent,
        f"A calibration error of {wanted:.2%} is projected at about {num:,} simulations "
        f"({lower:,} to {upper:,}): it falls with the power {exponent:.2f} of their number.",
    )


def _chance(point: Point) -> float:
    """A typical error of an exact posterior: the 99 % quantile is about twice its mean."""
    return point.error_if_exact / 2


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float, float]:
    """Slope, intercept, standard error of the slope, and of a residual."""
    spread = ((x - x.mean()) ** 2).sum()
    slope = float((x - x.mean()) @ y / spread)
    intercept = float(y.mean() - slope * x.mean())
    degrees = len(x) - 2
    residual_sd = float(np.sqrt(((y - intercept - slope * x) ** 2).sum() / degrees))
    return slope, intercept, residual_sd / math.sqrt(spread), residual_sd


def _unknown(wanted: float, sentence: str, exponent: float | None) -> Projection:
    return Projection(wanted, None, None, None, exponent, sentence)


def _two_digits(value: float) -> int:
    digits = max(0, math.floor(math.log10(value)) - 1)
    return int(round(value / 10**digits) * 10**digits)
