"""Solvers of inverse problems: what learns p(x | y) and answers with a posterior."""

from retrodict.solvers.base import AbstractSolver
from retrodict.solvers.conditional_flow import ConditionalFlow
from retrodict.solvers.conditional_vae import ConditionalVAE
from retrodict.solvers.flow_matching import FlowMatching
from retrodict.solvers.mixture_density import MixtureDensityNetwork
from retrodict.solvers.posterior import Posterior
from retrodict.solvers.registry import SOLVERS, get_solver
from retrodict.solvers.sampler import AbstractPosteriorSampler, ScaledDistribution
from retrodict.solvers.surrogate import AbstractForwardSolver
from retrodict.solvers.trained import AbstractTrainedSolver

__all__ = [
    "SOLVERS",
    "AbstractForwardSolver",
    "AbstractPosteriorSampler",
    "AbstractSolver",
    "AbstractTrainedSolver",
    "ConditionalFlow",
    "ConditionalVAE",
    "FlowMatching",
    "MixtureDensityNetwork",
    "Posterior",
    "ScaledDistribution",
    "get_solver",
]
