"""Normalizing-flow architectures: named recipes over bijections."""

from retrodict.flows.autoregressive import IAF, MAF, NeuralAutoregressive
from retrodict.flows.base import AbstractArchitecture
from retrodict.flows.continuous import FFJORD
from retrodict.flows.coupling import GIN, NICE, RealNVP, SplineCoupling
from retrodict.flows.registry import ARCHITECTURES, get_architecture

__all__ = [
    "ARCHITECTURES",
    "FFJORD",
    "GIN",
    "IAF",
    "MAF",
    "NICE",
    "AbstractArchitecture",
    "NeuralAutoregressive",
    "RealNVP",
    "SplineCoupling",
    "get_architecture",
]
