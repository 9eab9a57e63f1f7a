"""Objectives: pure losses of a model on a batch, `loss(model, batch, key) -> scalar`."""

from retrodict.objectives.likelihood import negative_log_likelihood

__all__ = ["negative_log_likelihood"]
