"""Refinement: draws of the exact posterior, proposed by a trained one."""

from retrodict.solvers.refinement.base import AbstractRefinementMethod
from retrodict.solvers.refinement.importance import (
    ImportanceSampling,
    SamplingImportanceResampling,
)
from retrodict.solvers.refinement.latent_nuts import LatentNUTS
from retrodict.solvers.refinement.metropolis import IndependentMetropolis
from retrodict.solvers.refinement.refine import METHODS, refine
from retrodict.solvers.refinement.result import Refinement

__all__ = [
    "METHODS",
    "AbstractRefinementMethod",
    "ImportanceSampling",
    "IndependentMetropolis",
    "LatentNUTS",
    "Refinement",
    "SamplingImportanceResampling",
    "refine",
]
