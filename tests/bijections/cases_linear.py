"""Learned linear maps."""

from bijection_case import DIM, Case, randomise

from retrodict.bijections import HouseholderLinear, LULinear

CASES: dict[str, Case] = {
    "lu-linear": Case(lambda key: randomise(LULinear(DIM, key=key), key)),
    "householder-linear": Case(lambda key: HouseholderLinear(DIM, 2, key=key)),
}
