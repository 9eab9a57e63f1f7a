"""Solvers of inverse problems: what learns p(x | y) and answers with a posterior."""

from retrodict.solvers.base import AbstractSolver
from retrodict.solvers.conditional_flow import ConditionalFlow
from retrodict.solvers.conditional_vae import ConditionalVAE
from retrodict.solvers.ensemble import Ensemble
from retrodict.solvers.flow_matching import FlowMatching
from retrodict.solvers.gradient_inversion import GradientInversion
from retrodict.solvers.invertible_network import InvertibleNetwork
from retrodict.solvers.mcmc import MCMC
from retrodict.solvers.mixture_density import MixtureDensityNetwork
from retrodict.solvers.posterior import Posterior
from retrodict.solvers.registry import SOLVERS, get_solver
from retrodict.solvers.rejection_abc import RejectionABC
from retrodict.solvers.sampler import AbstractPosteriorSampler, ScaledDistribution
from retrodict.solvers.solutions import Solutions
from retrodict.solvers.surrogate import AbstractForwardSolver
from retrodict.solvers.trained import AbstractTrainedSolver

__all__ = [
    "MCMC",
    "SOLVERS",
    "AbstractForwardSolver",
    "AbstractPosteriorSampler",
    "AbstractSolver",
    "AbstractTrainedSolver",
    "ConditionalFlow",
    "ConditionalVAE",
    "Ensemble",
    "FlowMatching",
    "GradientInversion",
    "InvertibleNetwork",
    "MixtureDensityNetwork",
    "Posterior",
    "RejectionABC",
    "ScaledDistribution",
    "Solutions",
    "get_solver",
]
