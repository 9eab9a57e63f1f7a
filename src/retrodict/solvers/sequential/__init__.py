"""Sequential inference for one observation: truncated proposals (Deistler et al. 2022)."""

from retrodict.solvers.sequential.fit import fit_sequentially
from retrodict.solvers.sequential.one_observation import OneObservation
from retrodict.solvers.sequential.truncation_check import TruncationCheck

__all__ = ["OneObservation", "TruncationCheck", "fit_sequentially"]
