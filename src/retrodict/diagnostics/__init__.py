"""Diagnostics: arrays in, a frozen result out; they know no model and so can judge any.

`round_trip` alone takes a model: no arrays can tell whether its two directions belong together.
"""

from retrodict.diagnostics.c2st import ClassifierTwoSampleTest, c2st
from retrodict.diagnostics.calibration_error import CalibrationError, calibration_error
from retrodict.diagnostics.markov_chains import (
    MarkovChainConvergence,
    markov_chain_convergence,
)
from retrodict.diagnostics.mmd import (
    MaximumMeanDiscrepancy,
    MaximumMeanDiscrepancyPerObservation,
    mmd,
    mmd_per_observation,
)
from retrodict.diagnostics.pareto_smoothing import ParetoSmoothing, pareto_smoothing
from retrodict.diagnostics.permutation_test import MMDTest, mmd_test
from retrodict.diagnostics.recovery import Recovery, recovery
from retrodict.diagnostics.resimulation_error import ResimulationError, resimulation_error
from retrodict.diagnostics.round_trip import RoundTrip, round_trip
from retrodict.diagnostics.simulation_based_calibration import (
    SimulationBasedCalibration,
    simulation_based_calibration,
)
from retrodict.diagnostics.two_samples import TwoSampleTest, two_sample_test
from retrodict.diagnostics.witness import Witness, witness
from retrodict.objectives.kernels import (
    AbstractKernel,
    Gaussian,
    InverseMultiquadric,
    PowerInverseMultiquadric,
    RationalQuadratic,
    Rescaled,
)

__all__ = [
    "AbstractKernel",
    "CalibrationError",
    "ClassifierTwoSampleTest",
    "Gaussian",
    "InverseMultiquadric",
    "MMDTest",
    "MarkovChainConvergence",
    "MaximumMeanDiscrepancy",
    "MaximumMeanDiscrepancyPerObservation",
    "ParetoSmoothing",
    "PowerInverseMultiquadric",
    "RationalQuadratic",
    "Recovery",
    "Rescaled",
    "ResimulationError",
    "RoundTrip",
    "SimulationBasedCalibration",
    "TwoSampleTest",
    "Witness",
    "c2st",
    "calibration_error",
    "markov_chain_convergence",
    "mmd",
    "mmd_per_observation",
    "mmd_test",
    "pareto_smoothing",
    "recovery",
    "resimulation_error",
    "round_trip",
    "simulation_based_calibration",
    "two_sample_test",
    "witness",
]
