"""Variational: networks that compress tables, generate rows, and know what they do not know."""

from retrodict.variational.autoencoder import Autoencoder

__all__ = ["Autoencoder"]
