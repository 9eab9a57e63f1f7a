"""Shares that sum to one."""

import numpy as np
from bijection_case import Case

from retrodict.bijections import StickBreaking


def shares(normal):
    """The first three of four shares."""
    odds = np.exp(np.concatenate([normal, np.zeros((len(normal), 1))], axis=1))
    return (odds / odds.sum(axis=1, keepdims=True))[:, :-1]


CASES: dict[str, Case] = {
    "stick-breaking": Case(
        lambda key: StickBreaking(4),
        into_domain=shares,
        extreme_x=(
            (0.0, 0.0, 0.0),
            (1.0, 0.0, 0.0),
            (0.0, 0.0, 1.0),
            (0.5, 0.25, 0.25),
            (1e-30, 1e-30, 1e-30),
        ),
        far_x=False,
    ),
}
