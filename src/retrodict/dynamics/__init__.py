"""Maps applied again and again: orbits, fixed points and their stability, Lipschitz constants."""

from retrodict.dynamics.fixed_points import FixedPoint, fixed_points
from retrodict.dynamics.lipschitz_constant import lipschitz_constant, lipschitz_lower_bound
from retrodict.dynamics.maps import CircleMap, LogisticMap
from retrodict.dynamics.orbit import orbit

__all__ = [
    "CircleMap",
    "FixedPoint",
    "LogisticMap",
    "fixed_points",
    "lipschitz_constant",
    "lipschitz_lower_bound",
    "orbit",
]
