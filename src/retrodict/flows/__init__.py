"""Normalizing-flow architectures: named recipes over bijections."""

from retrodict.flows.base import AbstractArchitecture
from retrodict.flows.coupling import NICE, RealNVP, SplineCoupling
from retrodict.flows.registry import ARCHITECTURES, get_architecture

__all__ = [
    "ARCHITECTURES",
    "NICE",
    "AbstractArchitecture",
    "RealNVP",
    "SplineCoupling",
    "get_architecture",
]
