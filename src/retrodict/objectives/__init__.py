"""Objectives: pure losses of a model on a batch, `loss(model, batch, key) -> scalar`."""

from retrodict.objectives.bayesian import (
    PredictiveError,
    PredictiveLikelihood,
    WeightedLikelihood,
)
from retrodict.objectives.bidirectional import BidirectionalLoss, bidirectional_likelihood
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
from retrodict.objectives.likelihood import (
    members_negative_log_likelihood,
    negative_log_likelihood,
)
from retrodict.objectives.maximum_entropy import AugmentedLagrangian, Draw, draw_key
from retrodict.objectives.mmd import mmd_squared
from retrodict.objectives.reconstruction import (
    ReconstructionError,
    clean_reconstruction_error,
)
from retrodict.objectives.regression import mean_squared_error
from retrodict.objectives.scheduled import AbstractScheduledLoss
from retrodict.objectives.variational import VariationalLoss, kl_loss, reconstruction_loss

__all__ = [
    "AbstractKernel",
    "AbstractScheduledLoss",
    "AugmentedLagrangian",
    "BidirectionalLoss",
    "Draw",
    "FlowMatchingLoss",
    "Gaussian",
    "InverseMultiquadric",
    "NegativeELBO",
    "PowerInverseMultiquadric",
    "PredictiveError",
    "PredictiveLikelihood",
    "RationalQuadratic",
    "ReconstructionError",
    "Rescaled",
    "VariationalLoss",
    "WeightedLikelihood",
    "bidirectional_likelihood",
    "clean_reconstruction_error",
    "draw_key",
    "elbo",
    "flow_matching",
    "importance_weighted_bound",
    "kl_loss",
    "mean_squared_error",
    "members_negative_log_likelihood",
    "mmd_squared",
    "negative_log_likelihood",
    "reconstruction_loss",
]
