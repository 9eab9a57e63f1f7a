"""What every comparison of these tests is made with."""

from retrodict.flows import RealNVP
from retrodict.solvers import ConditionalFlow

BUDGET = {"num_simulations": 300, "num_held_out": 20, "num_c2st": 0}


def small(**settings):
    return ConditionalFlow(RealNVP(num_layers=2, width=8), **{"max_epochs": 3, **settings})
