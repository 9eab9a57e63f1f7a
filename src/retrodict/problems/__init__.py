"""Problems: a prior and a simulator, and the exact posterior where there is one."""

from retrodict.problems.base import (
    AbstractJaxProblem,
    AbstractLikelihoodProblem,
    AbstractProblem,
    AbstractReferencePosterior,
    AbstractRowPrior,
)
from retrodict.problems.gaussian_mixture import GaussianMixture
from retrodict.problems.gaussian_mixture_inverse import GaussianMixtureInverse
from retrodict.problems.inverse_kinematics import InverseKinematics
from retrodict.problems.linear_gaussian import LinearGaussian
from retrodict.problems.lotka_volterra import LotkaVolterra
from retrodict.problems.marginals import IndependentMarginals
from retrodict.problems.registry import PROBLEMS, get_problem
from retrodict.problems.simulator import SimulatorProblem
from retrodict.problems.sir import SIR
from retrodict.problems.slcp import SLCP
from retrodict.problems.toy_densities import (
    TOY_DENSITIES,
    LabelledMixture,
    ToyDensity,
    checkerboard,
    eight_gaussians,
    toy8,
)
from retrodict.problems.two_moons import TwoMoons

__all__ = [
    "PROBLEMS",
    "SIR",
    "SLCP",
    "TOY_DENSITIES",
    "AbstractJaxProblem",
    "AbstractLikelihoodProblem",
    "AbstractProblem",
    "AbstractReferencePosterior",
    "AbstractRowPrior",
    "GaussianMixture",
    "GaussianMixtureInverse",
    "IndependentMarginals",
    "InverseKinematics",
    "LabelledMixture",
    "LinearGaussian",
    "LotkaVolterra",
    "SimulatorProblem",
    "ToyDensity",
    "TwoMoons",
    "checkerboard",
    "eight_gaussians",
    "get_problem",
    "toy8",
]
