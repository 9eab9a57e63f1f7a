"""Pictures: arrays or results in, one matplotlib `Figure` out; nothing global is touched."""

from retrodict.plots.calibration import calibration_curve, ecdf_difference, rank_histogram
from retrodict.plots.cobweb import cobweb
from retrodict.plots.coverage import coverage_curve
from retrodict.plots.export import to_png, to_svg
from retrodict.plots.feature_influence import feature_influence
from retrodict.plots.latent_map import latent_map
from retrodict.plots.latent_use import latent_use
from retrodict.plots.learning_curve import learning_curve
from retrodict.plots.marginals import marginals
from retrodict.plots.misspecification import misspecification
from retrodict.plots.modes import modes
from retrodict.plots.pairs import pairs
from retrodict.plots.predictive_check import predictive_check
from retrodict.plots.quality import quality_against_budget
from retrodict.plots.reconstruction import reconstruction
from retrodict.plots.recovery import recovery
from retrodict.plots.resimulation import resimulation
from retrodict.plots.sensitivity import sensitivity
from retrodict.plots.small_multiples import arms, posterior_multiples
from retrodict.plots.trade_off import trade_off
from retrodict.plots.training import training_curve
from retrodict.plots.witness import witness
from retrodict.plots.z_score_contraction import z_score_contraction

__all__ = [
    "arms",
    "calibration_curve",
    "cobweb",
    "coverage_curve",
    "ecdf_difference",
    "feature_influence",
    "latent_map",
    "latent_use",
    "learning_curve",
    "marginals",
    "misspecification",
    "modes",
    "pairs",
    "posterior_multiples",
    "predictive_check",
    "quality_against_budget",
    "rank_histogram",
    "reconstruction",
    "recovery",
    "resimulation",
    "sensitivity",
    "to_png",
    "to_svg",
    "trade_off",
    "training_curve",
    "witness",
    "z_score_contraction",
]
