"""The solvers by the names that the command line uses."""

import difflib
from typing import Any

from retrodict.errors import ConfigurationError
from retrodict.solvers.base import AbstractSolver
from retrodict.solvers.conditional_flow import ConditionalFlow
from retrodict.solvers.conditional_vae import ConditionalVAE
from retrodict.solvers.flow_matching import FlowMatching
from retrodict.solvers.gradient_inversion import GradientInversion
from retrodict.solvers.invertible_network import InvertibleNetwork
from retrodict.solvers.mcmc import MCMC
from retrodict.solvers.mixture_density import MixtureDensityNetwork
from retrodict.solvers.rejection_abc import RejectionABC

SOLVERS: dict[str, type[AbstractSolver]] = {
    "conditional-flow": ConditionalFlow,
    "conditional-vae": ConditionalVAE,
    "flow-matching": FlowMatching,
    "inn": InvertibleNetwork,
    "mixture-density": MixtureDensityNetwork,
    "gradient-inversion": GradientInversion,
    "abc": RejectionABC,
    "mcmc": MCMC,
}


def get_solver(name: str, **settings: Any) -> AbstractSolver:
    """A new solver of that name, with its defaults or the given settings.

    Raises:
        ConfigurationError: an unknown name or setting, or one that the solver cannot use.
    """
    if name not in SOLVERS:
        nearest = difflib.get_close_matches(name, SOLVERS, n=1)
        meant = f"Did you mean {nearest[0]!r}? " if nearest else ""
        raise ConfigurationError(
            f"Unknown solver {name!r}.", f"{meant}Available: {', '.join(SOLVERS)}."
        )
    kind = SOLVERS[name]
    known = kind().get_params(deep=False)
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ConfigurationError(
            f"The solver {name!r} has no setting {', '.join(unknown)}.",
            f"It takes {', '.join(known)}.",
        )
    solver = kind(**settings)
    solver.check_settings()
    return solver
