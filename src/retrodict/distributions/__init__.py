"""Distributions: densities that can be evaluated and sampled, conditional or not."""

from retrodict.distributions.base import AbstractDistribution, AbstractGenerator, condition_for
from retrodict.distributions.bernoulli import Bernoulli
from retrodict.distributions.bidirectional import BidirectionalMap, EffectAndLatent
from retrodict.distributions.conditional import Conditional, num_parameters
from retrodict.distributions.divergence import normal_kl
from retrodict.distributions.latent_variable import LatentVariableModel
from retrodict.distributions.mean_free_normal import MeanFreeNormal
from retrodict.distributions.mixture import Mixture
from retrodict.distributions.multivariate_normal import MultivariateNormal
from retrodict.distributions.negative_binomial import (
    NegativeBinomial,
    ZeroInflatedNegativeBinomial,
)
from retrodict.distributions.normal import Normal, StandardNormal
from retrodict.distributions.precision_normal import PrecisionNormal
from retrodict.distributions.student_t import StudentT
from retrodict.distributions.transformed import Transformed
from retrodict.distributions.uniform import Uniform

__all__ = [
    "AbstractDistribution",
    "AbstractGenerator",
    "Bernoulli",
    "BidirectionalMap",
    "Conditional",
    "EffectAndLatent",
    "LatentVariableModel",
    "MeanFreeNormal",
    "Mixture",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "PrecisionNormal",
    "StandardNormal",
    "StudentT",
    "Transformed",
    "Uniform",
    "ZeroInflatedNegativeBinomial",
    "condition_for",
    "normal_kl",
    "num_parameters",
]
