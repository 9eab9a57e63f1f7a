"""Networks: what computes the parameters of a transformation from what is known."""

from retrodict.networks.bayesian import BayesianLinear, BayesianNetwork
from retrodict.networks.convolutional import ConvolutionalNetwork
from retrodict.networks.dense import DenseNetwork, require_share
from retrodict.networks.equivariant import EquivariantVectorField
from retrodict.networks.forward_network import ForwardNetwork
from retrodict.networks.lipschitz import (
    CONTRACTIVE_ACTIVATIONS,
    ContractiveMap,
    LipschitzMLP,
    spectral_norm_bound,
)
from retrodict.networks.masked import MaskedMLP
from retrodict.networks.mlp import MLP, Constant, ResidualMLP, build_conditioner
from retrodict.networks.recipe import AbstractRecipe
from retrodict.networks.vector_field import VectorField

__all__ = [
    "CONTRACTIVE_ACTIVATIONS",
    "MLP",
    "AbstractRecipe",
    "BayesianLinear",
    "BayesianNetwork",
    "Constant",
    "ContractiveMap",
    "ConvolutionalNetwork",
    "DenseNetwork",
    "EquivariantVectorField",
    "ForwardNetwork",
    "LipschitzMLP",
    "MaskedMLP",
    "ResidualMLP",
    "VectorField",
    "build_conditioner",
    "require_share",
    "spectral_norm_bound",
]
