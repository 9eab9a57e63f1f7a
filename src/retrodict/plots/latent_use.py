"""Which latent numbers are used."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from retrodict.plots.arrays import checked
from retrodict.plots.style import BLUE, MUTED, in_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_BARS = 64


@in_style
def latent_use(variances: ArrayLike, *, threshold: float = 0.01) -> "Figure":
    """Variance of the posterior mean of each latent number over rows: 0 where it tells nothing.

    Args:
        variances: `(latent,)`.
        threshold: at or below which a latent number is not active.

    Returns:
        A bar for each of the first 64.

    Raises:
        ShapeError: another number of axes.
        NonFiniteError: NaN or infinity.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    values = checked("variances", variances, (None,), ("latent",))[:_MOST_BARS]
    figure = Figure(figsize=(5.3, 2.4), layout="constrained")
    ax = figure.add_subplot()
    number = np.arange(1, len(values) + 1)
    is_active = values > threshold
    ax.bar(number[is_active], values[is_active], color=BLUE, width=0.7, label="active")
    if not is_active.all():
        ax.plot(
            number[~is_active], np.zeros((~is_active).sum()), "x", color=MUTED, ms=6,
            label="not used", clip_on=False,
        )  # fmt: skip
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
    ax.axhline(1, color=MUTED, lw=1, ls=(0, (4, 2)))
    ax.set_ylim(0, max(1.1, 1.1 * float(values.max())))
    ax.set_xlim(0.4, len(values) + 0.6)
    ax.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    ax.set_xlabel("latent number")
    ax.set_ylabel("variance of its\nposterior mean")
    return figure
