"""Solvers of inverse problems: what learns p(x | y) and answers with a posterior."""

from retrodict.solvers.amortised import AbstractAmortisedSolver
from retrodict.solvers.conditional_flow import ConditionalFlow
from retrodict.solvers.flow_matching import FlowMatching
from retrodict.solvers.posterior import Posterior
from retrodict.solvers.registry import SOLVERS, get_solver

__all__ = [
    "SOLVERS",
    "AbstractAmortisedSolver",
    "ConditionalFlow",
    "FlowMatching",
    "Posterior",
    "get_solver",
]
