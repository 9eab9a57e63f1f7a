"""Mean, spread and quantiles of draws, weighted or not."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from retrodict.solvers.sampler import WeightedDraws


def described(
    draws: WeightedDraws, quantiles: Mapping[str, float]
) -> dict[str, Float[np.ndarray, "observations dim"]]:
    """`mean`, `sd` and the named quantiles of each parameter.

    Of weighted draws, sd^2 = sum w (x - mean)^2 / (1 - sum w^2), which is the usual one for
    equal weights, and a quantile is the smallest draw up to which the weights sum to at least
    its level.
    """
    x, weights = draws
    if weights is None:
        found = {"mean": x.mean(axis=1), "sd": x.std(axis=1, ddof=1)}
        levels = np.quantile(x, list(quantiles.values()), axis=1)
        return found | dict(zip(quantiles, levels, strict=True))
    share = weights[..., None]
    mean = (share * x).sum(axis=1)
    variance = (share * (x - mean[:, None]) ** 2).sum(axis=1) / (1 - (share**2).sum(axis=1))
    order = x.argsort(axis=1)
    ascending = np.take_along_axis(x, order, axis=1)
    cumulative = np.take_along_axis(np.broadcast_to(share, x.shape), order, axis=1).cumsum(axis=1)
    found = {"mean": mean, "sd": np.sqrt(variance)}
    for name, level in quantiles.items():
        below = (cumulative < level * cumulative[:, -1:]).sum(axis=1, keepdims=True)
        found[name] = np.take_along_axis(ascending, below, axis=1)[:, 0]
    return found
