"""Normalizing-flow architectures: named recipes over bijections."""

from retrodict.flows.autoregressive import IAF, MAF, NeuralAutoregressive
from retrodict.flows.base import AbstractArchitecture
from retrodict.flows.bidirectional import Bidirectional
from retrodict.flows.continuous import FFJORD
from retrodict.flows.coupling import GIN, NICE, Glow, RealNVP, SplineCoupling
from retrodict.flows.ensemble import FlowEnsemble
from retrodict.flows.equivariant import EquivariantFlow
from retrodict.flows.hint import HINT
from retrodict.flows.image import ImageGlow
from retrodict.flows.registry import ARCHITECTURES, get_architecture
from retrodict.flows.residual import ResidualFlow

__all__ = [
    "ARCHITECTURES",
    "FFJORD",
    "GIN",
    "HINT",
    "IAF",
    "MAF",
    "NICE",
    "AbstractArchitecture",
    "Bidirectional",
    "EquivariantFlow",
    "FlowEnsemble",
    "Glow",
    "ImageGlow",
    "NeuralAutoregressive",
    "RealNVP",
    "ResidualFlow",
    "SplineCoupling",
    "get_architecture",
]
