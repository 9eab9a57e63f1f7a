"""Diagnostics: arrays in, a frozen result out; they know no model and so can judge any.

`round_trip` alone takes a model: no arrays can tell whether its two directions belong together.
"""

from retrodict.diagnostics.c2st import ClassifierTwoSampleTest, c2st
from retrodict.diagnostics.calibration_error import CalibrationError, calibration_error
from retrodict.diagnostics.conditional_calibration import (
    ConditionalCalibration,
    conditional_calibration,
)
from retrodict.diagnostics.expected_coverage import ExpectedCoverage, expected_coverage
from retrodict.diagnostics.fast_c2st import fast_c2st
from retrodict.diagnostics.joint_calibration import JointCalibration, joint_calibration
from retrodict.diagnostics.local_c2st import LocalC2ST, local_c2st
from retrodict.diagnostics.markov_chains import (
    MarkovChainConvergence,
    markov_chain_convergence,
)
from retrodict.diagnostics.misspecification import Misspecification
from retrodict.diagnostics.mmd import (
    MaximumMeanDiscrepancy,
    MaximumMeanDiscrepancyPerObservation,
    mmd,
    mmd_per_observation,
)
from retrodict.diagnostics.modes import PosteriorModes, posterior_modes
from retrodict.diagnostics.pareto_smoothing import ParetoSmoothing, pareto_smoothing
from retrodict.diagnostics.permutation_test import MMDTest, mmd_test
from retrodict.diagnostics.posterior_z_score import PosteriorZScores, posterior_z_scores
from retrodict.diagnostics.predictive_check import (
    PosteriorPredictiveCheck,
    posterior_predictive_check,
)
from retrodict.diagnostics.recovery import Recovery, recovery
from retrodict.diagnostics.resimulation_error import ResimulationError, resimulation_error
from retrodict.diagnostics.round_trip import RoundTrip, round_trip
from retrodict.diagnostics.sensitivity import Sensitivity, sensitivity
from retrodict.diagnostics.simulation_based_calibration import (
    SimulationBasedCalibration,
    simulation_based_calibration,
)
from retrodict.diagnostics.tarp import TARP, tarp
from retrodict.diagnostics.two_samples import TwoSampleTest, two_sample_test
from retrodict.diagnostics.typical_observations import TypicalObservations
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
    "TARP",
    "AbstractKernel",
    "CalibrationError",
    "ClassifierTwoSampleTest",
    "ConditionalCalibration",
    "ExpectedCoverage",
    "Gaussian",
    "InverseMultiquadric",
    "JointCalibration",
    "LocalC2ST",
    "MMDTest",
    "MarkovChainConvergence",
    "MaximumMeanDiscrepancy",
    "MaximumMeanDiscrepancyPerObservation",
    "Misspecification",
    "ParetoSmoothing",
    "PosteriorModes",
    "PosteriorPredictiveCheck",
    "PosteriorZScores",
    "PowerInverseMultiquadric",
    "RationalQuadratic",
    "Recovery",
    "Rescaled",
    "ResimulationError",
    "RoundTrip",
    "Sensitivity",
    "SimulationBasedCalibration",
    "TwoSampleTest",
    "TypicalObservations",
    "Witness",
    "c2st",
    "calibration_error",
    "conditional_calibration",
    "expected_coverage",
    "fast_c2st",
    "joint_calibration",
    "local_c2st",
    "markov_chain_convergence",
    "mmd",
    "mmd_per_observation",
    "mmd_test",
    "pareto_smoothing",
    "posterior_modes",
    "posterior_predictive_check",
    "posterior_z_scores",
    "recovery",
    "resimulation_error",
    "round_trip",
    "sensitivity",
    "simulation_based_calibration",
    "tarp",
    "two_sample_test",
    "witness",
]
