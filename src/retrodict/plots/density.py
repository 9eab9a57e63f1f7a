"""How draws are spread: histograms in one dimension, regions of a given mass in two."""

from typing import TYPE_CHECKING

import numpy as np

from retrodict.variables import Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from retrodict.plots.arrays import Numbers

Limits = tuple[float, float]

MASSES = (0.95, 0.68, 0.30)
_CELLS = 120
_FEW = 100
_SHADES = (0.22, 0.5, 0.85)


def axis_limits(columns: "list[Numbers]", variable: Variable) -> Limits:
    """The range that holds all but one in a thousand values of each column, and a margin.

    The margin never crosses the bounds of the variable, where there is nothing to see, unless
    values lie there.

    Args:
        columns: one-dimensional arrays that share the axis; short ones are shown in full.
        variable: for its bounds.
    """
    tails = [
        np.quantile(column, [0.0005, 0.9995]) if column.size > _FEW else _ends(column)
        for column in columns
    ]
    low, high = min(tail[0] for tail in tails), max(tail[1] for tail in tails)
    margin = 0.06 * (high - low) or 0.05 * max(abs(low), 1e-6)
    outer_low, outer_high = low - margin, high + margin
    if np.isfinite(variable.lower) and low >= variable.lower:
        outer_low = max(outer_low, variable.lower)
    if np.isfinite(variable.upper) and high <= variable.upper:
        outer_high = min(outer_high, variable.upper)
    return (float(outer_low), float(outer_high)) if outer_low < outer_high else _around(low)


def _ends(column: "Numbers") -> "Numbers":
    return np.array([column.min(), column.max()])


def _around(value: float) -> Limits:
    margin = 0.05 * max(abs(value), 1e-6)
    return float(value - margin), float(value + margin)


def histogram(
    ax: "Axes", values: "Numbers", limits: Limits, color: str, *, filled: bool, label: str = ""
) -> None:
    """The density of `values` as steps: filled for a model, an outline for a reference."""
    # Bins follow the draws' own spread: a wide reference must not make them coarse.
    per_spread = np.clip(2.2 * np.cbrt(values.size), 10, 60)
    spread = np.ptp(np.quantile(values, [0.005, 0.995])) or limits[1] - limits[0]
    num_bins = int(np.clip(per_spread * (limits[1] - limits[0]) / spread, 10, 1000))
    edges = np.linspace(*limits, num_bins + 1)
    counts, _ = np.histogram(values, edges)
    heights = counts / (values.size * np.diff(edges))
    ax.stairs(
        heights, edges, fill=filled, color=color, alpha=0.35 if filled else 1.0,
        lw=0 if filled else 1.5, label=label,
    )  # fmt: skip
    if filled:
        ax.stairs(heights, edges, color=color, lw=1.2)


def mass_regions(
    ax: "Axes", x: "Numbers", y: "Numbers", limits: tuple[Limits, Limits], color: str, *,
    filled: bool,
) -> None:  # fmt: skip
    """The smallest regions that hold 95, 68 and 30 % of the draws.

    Few draws, or draws without spread, are shown as points: a region would be invented.

    Args:
        ax: where to draw.
        x: the draws' first coordinate.
        y: their second.
        limits: of the two axes.
        color: one hue; shades for the masses.
        filled: shaded regions, or outlines only.
    """
    from matplotlib.colors import to_rgba
    from scipy.ndimage import gaussian_filter

    if x.size < _FEW or np.ptp(x) == 0 or np.ptp(y) == 0:
        ax.plot(x, y, "o", ms=2.5, color=color, mew=0, alpha=0.6, rasterized=x.size > _FEW)
        return
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=_CELLS, range=limits)
    # Reflection keeps the mass of draws that pile up against a bound inside the frame.
    density = gaussian_filter(counts, _smoothing(x, y, limits), mode="reflect")
    levels = _mass_levels(density)
    if len(levels) == 0:
        return
    centres = (x_edges[1:] + x_edges[:-1]) / 2, (y_edges[1:] + y_edges[:-1]) / 2
    if filled:
        shades = [to_rgba(color, alpha) for alpha in _SHADES[-len(levels) :]]
        ax.contourf(*centres, density.T, [*levels, density.max() * 1.01], colors=shades)
    else:
        ax.contour(*centres, density.T, levels, colors=color, linewidths=1.0)


def _mass_levels(density: "Numbers") -> list[float]:
    """Densities above which the wanted shares of the mass lie, strictly increasing."""
    descending = np.sort(density.ravel())[::-1]
    mass = np.cumsum(descending)
    if mass[-1] == 0:
        return []
    found = [float(descending[np.searchsorted(mass, share * mass[-1])]) for share in MASSES]
    return [level for level in sorted(set(found)) if 0 < level < density.max()]


def _smoothing(x: "Numbers", y: "Numbers", limits: tuple[Limits, Limits]) -> float:
    """Width of the smoothing kernel in grid cells, from the distance between neighbours.

    The overall spread would blur separate modes and thin sheets; the typical distance to the
    k-th neighbour, k = n^(2/3) / 4, is Scott's width for one Gaussian and stays local otherwise.
    """
    from scipy.spatial import cKDTree

    low, high = np.array(limits).T
    points = (np.column_stack([x, y]) - low) / (high - low) * _CELLS
    neighbours = max(2, int(len(points) ** (2 / 3) / 4))
    probes = points[:: max(1, len(points) // 1000)]
    distance, _ = cKDTree(points).query(probes, k=[neighbours + 1])
    return float(np.clip(0.75 * np.median(distance), 0.8, 12.0))
