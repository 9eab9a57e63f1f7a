"""The problems that come with the package, by their names on the command line."""

import difflib
import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType

from retrodict.errors import ConfigurationError
from retrodict.problems.base import AbstractJaxProblem
from retrodict.problems.gaussian_mixture import GaussianMixture
from retrodict.problems.gaussian_mixture_inverse import GaussianMixtureInverse
from retrodict.problems.inverse_kinematics import InverseKinematics
from retrodict.problems.linear_gaussian import LinearGaussian
from retrodict.problems.lotka_volterra import LotkaVolterra
from retrodict.problems.sir import SIR
from retrodict.problems.slcp import SLCP
from retrodict.problems.two_moons import TwoMoons

PROBLEMS: Mapping[str, Callable[[], AbstractJaxProblem]] = MappingProxyType(
    {
        "inverse-kinematics": InverseKinematics,
        "linear-gaussian": LinearGaussian.gaussian_linear,
        "two-moons": TwoMoons,
        "gaussian-mixture": GaussianMixture,
        "slcp": SLCP,
        "sir": SIR,
        "lotka-volterra": LotkaVolterra,
        "toy8-all": functools.partial(GaussianMixtureInverse.toy8, "all"),
        "toy8-some": functools.partial(GaussianMixtureInverse.toy8, "some"),
        "toy8-none": functools.partial(GaussianMixtureInverse.toy8, "none"),
    }
)


def get_problem(name: str) -> AbstractJaxProblem:
    """The problem of that name.

    Args:
        name: a key of `PROBLEMS`, e.g. "two-moons".

    Raises:
        ConfigurationError: there is none; the hint offers the nearest names.
    """
    if name not in PROBLEMS:
        near = difflib.get_close_matches(name.lower().replace("_", "-"), PROBLEMS, n=3)
        raise ConfigurationError(
            f"There is no problem named `{name}`; the names are {', '.join(PROBLEMS)}.",
            f"Did you mean {' or '.join(f'`{n}`' for n in near)}?"
            if near
            else "Choose one of them, or bring your own simulator as a `SimulatorProblem`.",
        )
    return PROBLEMS[name]()
