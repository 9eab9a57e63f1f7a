"""Variational: networks that compress tables, generate rows, and know what they do not know."""

from retrodict.variational.autoencoder import Autoencoder
from retrodict.variational.variational_autoencoder import VariationalAutoencoder

__all__ = ["Autoencoder", "VariationalAutoencoder"]
