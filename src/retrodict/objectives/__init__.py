"""Objectives: pure losses of a model on a batch, `loss(model, batch, key) -> scalar`."""

from retrodict.objectives.elbo import NegativeELBO, elbo, importance_weighted_bound
from retrodict.objectives.flow_matching import FlowMatchingLoss, flow_matching
from retrodict.objectives.kernels import (
    AbstractKernel,
    Gaussian,
    InverseMultiquadric,
    PowerInverseMultiquadric,
    RationalQuadratic,
    Rescaled,
)
from retrodict.objectives.likelihood import negative_log_likelihood
from retrodict.objectives.maximum_entropy import AugmentedLagrangian, Draw, draw_key
from retrodict.objectives.mmd import mmd_squared

__all__ = [
    "AbstractKernel",
    "AugmentedLagrangian",
    "Draw",
    "FlowMatchingLoss",
    "Gaussian",
    "InverseMultiquadric",
    "NegativeELBO",
    "PowerInverseMultiquadric",
    "RationalQuadratic",
    "Rescaled",
    "draw_key",
    "elbo",
    "flow_matching",
    "importance_weighted_bound",
    "mmd_squared",
    "negative_log_likelihood",
]
