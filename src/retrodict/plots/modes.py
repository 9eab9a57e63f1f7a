"""Ambiguity: how many modes posteriors have, or which draws of one belong together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from retrodict.diagnostics.modes import PosteriorModes
from retrodict.errors import ConfigurationError
from retrodict.plots.arrays import checked
from retrodict.plots.density import axis_limits
from retrodict.plots.grid import add_note, most_telling, panel_grid, shared_legend
from retrodict.plots.labels import wrapped
from retrodict.plots.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MODEL,
    MUTED,
    VERMILION,
    in_style,
    literal,
)
from retrodict.plots.ticks import tidy_ticks
from retrodict.variables import Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers

_COLORS = (BLUE, VERMILION, GREEN, "#CC79A7", "#E69F00", "#56B4E9")
_OTHERS = "#9aa5b1"
_NUM_BINS = 40


@in_style
def modes(
    result: PosteriorModes,
    draws: ArrayLike | None = None,
    variables: Sequence[Variable] | None = None,
    *,
    observation: int = 0,
) -> "Figure":
    """How ambiguous posteriors are; or the draws of one, coloured by mode.

    Args:
        result: of `posterior_modes`.
        draws: those given to `posterior_modes`, to look into one posterior.
        variables: names, units and bounds of the parameters; names alone by default.
        observation: whose posterior, with `draws`.

    Returns:
        Without `draws` the distribution of the number of modes and of the heaviest one's
        weight. With them each parameter against the one that tells the modes apart best;
        of more than 24, those that do so best.

    Raises:
        ShapeError: draws that are not those of the result.
        NonFiniteError: NaN or infinity among them.
        ConfigurationError: no such observation.
    """
    if draws is None:
        return _distribution(result)
    num = len(result.num_modes)
    if not -num <= observation < num:
        raise ConfigurationError(
            f"There are {num} observations, counted from 0; got {observation}.", "Choose one."
        )
    dim = len(result.names)
    array = np.asarray(draws)
    array = array[None] if array.ndim == 2 else array
    sample = checked("draws", array, (num, None, dim), ("observations", "draws", "dim"))
    named = tuple(variables or (Variable(name) for name in result.names))
    checked("variables", np.zeros(len(named)), (dim,), ("dim",))
    if sample.shape[1] <= result.used.max():
        checked("draws", sample, (num, int(result.used.max()) + 1, dim), ("o", "draws", "dim"))
    return _of_one(result, sample[observation][result.used], named, observation)


def _distribution(result: PosteriorModes) -> "Figure":
    figure, (left, right) = panel_grid(2, panel=(3.2, 2.7))
    most = max(int(result.num_modes.max()), 2)
    counts = np.bincount(result.num_modes, minlength=most + 1)[1:]
    left.bar(
        np.arange(1, most + 1), counts, width=0.7,
        color=[MODEL, *([VERMILION] * (most - 1))],
    )  # fmt: skip
    for i, count in enumerate(counts):
        left.annotate(
            f"{count / counts.sum():.0%}", (i + 1, count), (0, 2), textcoords="offset points",
            ha="center", fontsize=8.5, color=MUTED,
        )  # fmt: skip
    left.set_xticks(np.arange(1, most + 1))
    left.set_ylim(0, 1.12 * counts.max())
    left.set_xlabel("modes of a posterior")
    left.set_ylabel("observations")
    weights = result.weights[:, 0]
    ambiguous = result.num_modes > 1
    edges = np.linspace(0, 1, 26).tolist()
    right.hist(
        [weights[~ambiguous], weights[ambiguous]], edges, stacked=True, color=[MODEL, VERMILION],
        label=["one mode", "more"],
    )  # fmt: skip
    right.set_xlim(0, 1.02)
    right.set_xlabel("share of draws in the heaviest mode")
    right.legend(loc="upper left")
    return figure


def _of_one(
    result: PosteriorModes, sample: "Numbers", variables: tuple[Variable, ...], observation: int
) -> "Figure":
    labels = result.labels[observation]
    apart = _shares_between(sample, labels)
    across = int(apart.argmax())
    if len(variables) == 1:
        figure, axes = panel_grid(1)
        _histograms(axes[0], sample[:, 0], labels, result, observation)
        axes[0].set_xlabel(wrapped(variables[0].label))
        note = ""
    else:
        others = np.delete(np.arange(len(variables)), across)
        chosen, note = most_telling(
            [variables[j].name for j in others], apart[others], "which tell modes apart less"
        )
        figure, axes = panel_grid(len(chosen), panel=(2.5, 2.3))
        for ax, j in zip(axes, others[chosen], strict=True):
            _scatter(ax, sample[:, [across, j]], labels, result, observation)
            ax.set_xlim(*axis_limits([sample[:, across]], variables[across]))
            ax.set_ylim(*axis_limits([sample[:, j]], variables[j]))
            tidy_ticks(ax, 3)
            ax.set_ylabel(wrapped(variables[j].label, 18))
            ax.set_xlabel(wrapped(variables[across].label, 22))
    shared_legend(figure, axes[0], markerscale=2.5)
    add_note(figure, note)
    return figure


def _shares_between(sample: "Numbers", labels: "Numbers") -> "Numbers":
    """For each parameter, the share of its variance that lies between modes."""
    groups = [sample[labels == i] for i in range(labels.max() + 1)]
    total = sample.var(axis=0)
    within = sum(len(group) * group.var(axis=0) for group in groups) / len(sample)
    return 1 - np.divide(within, total, out=np.ones_like(total), where=total > 0)


def _groups(
    labels: "Numbers", result: PosteriorModes, observation: int
) -> list[tuple["Numbers", str, str]]:
    """Which draws, in which colour, and what the legend says."""
    found = []
    for i in range(int(result.num_modes[observation])):
        color = _COLORS[i] if i < len(_COLORS) else _OTHERS
        weight = result.weights[observation, i]
        found.append((labels == i, color, f"mode {i + 1}: {weight:.0%}"))
    if (labels < 0).any():
        found.append((labels < 0, _OTHERS, f"in none: {(labels < 0).mean():.0%}"))
    return found


def _histograms(
    ax: "Axes", values: "Numbers", labels: "Numbers", result: PosteriorModes, observation: int
) -> None:
    groups = _groups(labels, result, observation)
    ax.hist(
        [values[chosen] for chosen, _, _ in groups], _NUM_BINS, stacked=True,
        color=[color for _, color, _ in groups], label=[literal(text) for _, _, text in groups],
    )  # fmt: skip
    for place in result.locations[observation, : result.num_modes[observation], 0]:
        ax.axvline(place, color=INK, lw=1.2, ls=(0, (4, 2)))
    ax.set_ylabel("draws")


def _scatter(
    ax: "Axes", points: "Numbers", labels: "Numbers", result: PosteriorModes, observation: int
) -> None:
    for chosen, color, text in _groups(labels, result, observation):
        ax.plot(*points[chosen].T, "o", ms=2.6, color=color, alpha=0.6, mew=0, label=literal(text))
    ax.grid(visible=True, color=FAINT, lw=0.5)
