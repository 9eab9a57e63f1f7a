"""The architectures by the names that the command line uses."""

import dataclasses
import difflib

from retrodict.errors import ConfigurationError
from retrodict.flows.autoregressive import IAF, MAF, NeuralAutoregressive
from retrodict.flows.base import AbstractArchitecture
from retrodict.flows.continuous import FFJORD
from retrodict.flows.coupling import GIN, NICE, Glow, RealNVP, SplineCoupling
from retrodict.flows.hint import HINT
from retrodict.flows.residual import ResidualFlow

ARCHITECTURES: dict[str, type[AbstractArchitecture]] = {
    flow.name: flow
    for flow in (
        FFJORD,
        GIN,
        Glow,
        HINT,
        IAF,
        MAF,
        NICE,
        NeuralAutoregressive,
        RealNVP,
        ResidualFlow,
        SplineCoupling,
    )
}


def get_architecture(name: str, **settings: object) -> AbstractArchitecture:
    """The architecture of that name, with its defaults or the given settings.

    Raises:
        ConfigurationError: unknown name or setting.
    """
    if name not in ARCHITECTURES:
        nearest = difflib.get_close_matches(name, ARCHITECTURES, n=1)
        meant = f"Did you mean {nearest[0]!r}? " if nearest else ""
        raise ConfigurationError(
            f"Unknown flow {name!r}.", f"{meant}Available: {', '.join(ARCHITECTURES)}."
        )
    architecture = ARCHITECTURES[name]
    known = [field.name for field in dataclasses.fields(architecture)]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ConfigurationError(
            f"The flow {name!r} has no setting {', '.join(unknown)}.",
            f"It takes {', '.join(known)}.",
        )
    return architecture(**settings)
