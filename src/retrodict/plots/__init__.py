"""Pictures: arrays or results in, one matplotlib `Figure` out; nothing global is touched."""

from retrodict.plots.calibration import calibration_curve, ecdf_difference, rank_histogram
from retrodict.plots.cobweb import cobweb
from retrodict.plots.export import to_png, to_svg
from retrodict.plots.marginals import marginals
from retrodict.plots.pairs import pairs
from retrodict.plots.recovery import recovery
from retrodict.plots.resimulation import resimulation
from retrodict.plots.small_multiples import arms, posterior_multiples
from retrodict.plots.trade_off import trade_off
from retrodict.plots.training import training_curve
from retrodict.plots.witness import witness

__all__ = [
    "arms",
    "calibration_curve",
    "cobweb",
    "ecdf_difference",
    "marginals",
    "pairs",
    "posterior_multiples",
    "rank_histogram",
    "recovery",
    "resimulation",
    "to_png",
    "to_svg",
    "trade_off",
    "training_curve",
    "witness",
]
