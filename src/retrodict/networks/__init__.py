"""Networks: what computes the parameters of a transformation from what is known."""

from retrodict.networks.mlp import MLP, Constant, ResidualMLP, build_conditioner

__all__ = ["MLP", "Constant", "ResidualMLP", "build_conditioner"]
