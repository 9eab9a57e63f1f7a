"""Densities learned from what is known of them, not from data."""

from retrodict.density.maximum_entropy import MaximumEntropy

__all__ = ["MaximumEntropy"]
