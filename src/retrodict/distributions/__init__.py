"""Distributions: densities that can be evaluated and sampled, conditional or not."""

from retrodict.distributions.base import AbstractDistribution
from retrodict.distributions.conditional import Conditional, num_parameters
from retrodict.distributions.mixture import Mixture
from retrodict.distributions.multivariate_normal import MultivariateNormal
from retrodict.distributions.normal import Normal, StandardNormal
from retrodict.distributions.student_t import StudentT
from retrodict.distributions.transformed import Transformed
from retrodict.distributions.uniform import Uniform

__all__ = [
    "AbstractDistribution",
    "Conditional",
    "Mixture",
    "MultivariateNormal",
    "Normal",
    "StandardNormal",
    "StudentT",
    "Transformed",
    "Uniform",
    "num_parameters",
]
