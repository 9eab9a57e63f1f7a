"""Objectives: pure losses of a model on a batch, `loss(model, batch, key) -> scalar`."""

from retrodict.objectives.flow_matching import FlowMatchingLoss, flow_matching
from retrodict.objectives.likelihood import negative_log_likelihood
from retrodict.objectives.maximum_entropy import AugmentedLagrangian, Draw, draw_key

__all__ = [
    "AugmentedLagrangian",
    "Draw",
    "FlowMatchingLoss",
    "draw_key",
    "flow_matching",
    "negative_log_likelihood",
]
