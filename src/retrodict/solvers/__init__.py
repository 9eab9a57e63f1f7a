"""Solvers of inverse problems: what learns p(x | y) and answers with a posterior."""

from retrodict.solvers.amortised import AbstractAmortisedSolver
from retrodict.solvers.conditional_flow import ConditionalFlow
from retrodict.solvers.posterior import Posterior

__all__ = ["AbstractAmortisedSolver", "ConditionalFlow", "Posterior"]
