"""Inverse problems by invertible and variational neural networks.

*Predict* goes from cause to effect. *Retrodict* goes from effect back to cause: given what
was observed, everything that could have produced it, with honest probabilities.

Names are loaded where they are first used, so that `import retrodict` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from retrodict._cores import use_cpu_cores

if TYPE_CHECKING:
    from retrodict import (
        bench as bench,
        bijections as bijections,
        budget as budget,
        bundle as bundle,
        cli as cli,
        comparison as comparison,
        datasets as datasets,
        density as density,
        diagnostics as diagnostics,
        distributions as distributions,
        dynamics as dynamics,
        errors as errors,
        expression as expression,
        flows as flows,
        judgement as judgement,
        networks as networks,
        objectives as objectives,
        plots as plots,
        problems as problems,
        repair as repair,
        report as report,
        solvers as solvers,
        tables as tables,
        training as training,
        typing as typing,
        variables as variables,
        variational as variational,
    )
    from retrodict.budget import LearningCurve as LearningCurve, learning_curve as learning_curve
    from retrodict.bundle import load as load, save as save
    from retrodict.comparison import Comparison as Comparison, compare as compare
    from retrodict.errors import (
        BundleCorruptedError as BundleCorruptedError,
        BundleError as BundleError,
        BundleNotFoundError as BundleNotFoundError,
        BundleVersionError as BundleVersionError,
        CapabilityError as CapabilityError,
        CheckpointCorruptedError as CheckpointCorruptedError,
        CheckpointError as CheckpointError,
        CheckpointMismatchError as CheckpointMismatchError,
        ColumnNotFoundError as ColumnNotFoundError,
        ConditionError as ConditionError,
        ConfigurationError as ConfigurationError,
        ConstantColumnError as ConstantColumnError,
        ConvergenceError as ConvergenceError,
        DataError as DataError,
        DivergedSimulationsWarning as DivergedSimulationsWarning,
        DivergenceError as DivergenceError,
        MisspecificationWarning as MisspecificationWarning,
        NonFiniteError as NonFiniteError,
        NotConvergedWarning as NotConvergedWarning,
        NotFittedError as NotFittedError,
        NotNumericError as NotNumericError,
        OutOfBoundsError as OutOfBoundsError,
        OutputError as OutputError,
        OutputExistsError as OutputExistsError,
        OutputNotWritableError as OutputNotWritableError,
        OutsideTrainingRangeWarning as OutsideTrainingRangeWarning,
        RefinementError as RefinementError,
        RetrodictError as RetrodictError,
        RetrodictWarning as RetrodictWarning,
        ShapeError as ShapeError,
        SimulationError as SimulationError,
        TableFormatError as TableFormatError,
        TooFewRowsError as TooFewRowsError,
        TrainingError as TrainingError,
        TruncationWarning as TruncationWarning,
        UnreliableChainsWarning as UnreliableChainsWarning,
    )
    from retrodict.expression import (
        ExpressionTable as ExpressionTable,
        LogTransform as LogTransform,
        VariableGenes as VariableGenes,
        read_expression as read_expression,
        select_variable_genes as select_variable_genes,
    )
    from retrodict.judgement import Verdict as Verdict, verdict as verdict
    from retrodict.problems import (
        SIR as SIR,
        SLCP as SLCP,
        GaussianMixture as GaussianMixture,
        GaussianMixtureInverse as GaussianMixtureInverse,
        InverseKinematics as InverseKinematics,
        LinearGaussian as LinearGaussian,
        LotkaVolterra as LotkaVolterra,
        SimulatorProblem as SimulatorProblem,
        TwoMoons as TwoMoons,
        get_problem as get_problem,
    )
    from retrodict.solvers import (
        MCMC as MCMC,
        ConditionalFlow as ConditionalFlow,
        ConditionalVAE as ConditionalVAE,
        Ensemble as Ensemble,
        FlowMatching as FlowMatching,
        GradientInversion as GradientInversion,
        InvertibleNetwork as InvertibleNetwork,
        MixtureDensityNetwork as MixtureDensityNetwork,
        Posterior as Posterior,
        RejectionABC as RejectionABC,
    )
    from retrodict.tables import read_table as read_table, write_table as write_table
    from retrodict.variables import Variable as Variable
    from retrodict.variational import (
        Autoencoder as Autoencoder,
        BayesianClassifier as BayesianClassifier,
        BayesianRegressor as BayesianRegressor,
        VariationalAutoencoder as VariationalAutoencoder,
        compare_with_pca as compare_with_pca,
    )

__version__ = "0.1.0"

use_cpu_cores()

_NAMES_OF = {
    "budget": ("LearningCurve", "learning_curve"),
    "bundle": ("load", "save"),
    "comparison": ("Comparison", "compare"),
    "errors": (
        "BundleCorruptedError",
        "BundleError",
        "BundleNotFoundError",
        "BundleVersionError",
        "CapabilityError",
        "CheckpointCorruptedError",
        "CheckpointError",
        "CheckpointMismatchError",
        "ColumnNotFoundError",
        "ConditionError",
        "ConfigurationError",
        "ConstantColumnError",
        "ConvergenceError",
        "DataError",
        "DivergedSimulationsWarning",
        "DivergenceError",
        "MisspecificationWarning",
        "NonFiniteError",
        "NotConvergedWarning",
        "NotFittedError",
        "NotNumericError",
        "OutOfBoundsError",
        "OutputError",
        "OutputExistsError",
        "OutputNotWritableError",
        "OutsideTrainingRangeWarning",
        "RefinementError",
        "RetrodictError",
        "RetrodictWarning",
        "ShapeError",
        "SimulationError",
        "TableFormatError",
        "TooFewRowsError",
        "TrainingError",
        "TruncationWarning",
        "UnreliableChainsWarning",
    ),
    "expression": (
        "ExpressionTable",
        "LogTransform",
        "VariableGenes",
        "read_expression",
        "select_variable_genes",
    ),
    "judgement": ("Verdict", "verdict"),
    "problems": (
        "GaussianMixture",
        "GaussianMixtureInverse",
        "InverseKinematics",
        "LinearGaussian",
        "LotkaVolterra",
        "SIR",
        "SLCP",
        "SimulatorProblem",
        "TwoMoons",
        "get_problem",
    ),
    "solvers": (
        "ConditionalFlow",
        "ConditionalVAE",
        "Ensemble",
        "FlowMatching",
        "GradientInversion",
        "InvertibleNetwork",
        "MCMC",
        "MixtureDensityNetwork",
        "Posterior",
        "RejectionABC",
    ),
    "tables": ("read_table", "write_table"),
    "variables": ("Variable",),
    "variational": (
        "Autoencoder",
        "BayesianClassifier",
        "BayesianRegressor",
        "VariationalAutoencoder",
        "compare_with_pca",
    ),
}
_LAYERS = (
    "bench",
    "bijections",
    "budget",
    "bundle",
    "cli",
    "comparison",
    "datasets",
    "density",
    "diagnostics",
    "distributions",
    "dynamics",
    "errors",
    "expression",
    "flows",
    "judgement",
    "networks",
    "objectives",
    "plots",
    "problems",
    "repair",
    "report",
    "solvers",
    "tables",
    "training",
    "typing",
    "variables",
    "variational",
)
_HOME_OF = {name: layer for layer, names in _NAMES_OF.items() for name in names}

__all__ = ["__version__", *_LAYERS, *_HOME_OF]


def __getattr__(name: str) -> Any:
    if name in _LAYERS:
        return importlib.import_module(f"retrodict.{name}")
    if name in _HOME_OF:
        value = getattr(importlib.import_module(f"retrodict.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'retrodict' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
