"""Networks: what computes the parameters of a transformation from what is known."""

from retrodict.networks.masked import MaskedMLP
from retrodict.networks.mlp import MLP, Constant, ResidualMLP, build_conditioner
from retrodict.networks.vector_field import VectorField

__all__ = [
    "MLP",
    "Constant",
    "MaskedMLP",
    "ResidualMLP",
    "VectorField",
    "build_conditioner",
]
