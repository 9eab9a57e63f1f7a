"""How far points lie from the mean of draws, in units of the draws' own covariance."""

import numpy as np
from jaxtyping import Float

from retrodict.errors import ConstantColumnError
from retrodict.repair.arguments import row_blocks

_SMALLEST_SHARE = 1e-10  # of a variance that the other parameters leave unexplained


def mahalanobis_distances(
    draws: Float[np.ndarray, "observations draws dim"],
    points: Float[np.ndarray, "observations num dim"],
) -> Float[np.ndarray, "observations num"]:
    """sqrt((x - m)^T S^-1 (x - m)), with mean m and covariance S of each observation's draws.

    Raises:
        ConstantColumnError: draws that do not vary in all directions.
    """
    return np.concatenate(
        [
            _distances(np.asarray(draws[block], float), np.asarray(points[block], float), block)
            for block in row_blocks(draws)
        ]
    )


def _distances(draws: np.ndarray, points: np.ndarray, block: slice) -> np.ndarray:
    mean, sd = draws.mean(axis=1, keepdims=True), draws.std(axis=1, ddof=1, keepdims=True)
    _refuse_flat(sd.min(axis=(1, 2)) == 0, block)
    # In units of each deviation, so that parameters of different units do not spoil the numbers.
    standardised = (draws - mean) / sd
    correlation = np.swapaxes(standardised, 1, 2) @ standardised / (draws.shape[1] - 1)
    variances, directions = np.linalg.eigh(correlation)
    _refuse_flat(variances.min(axis=1) < _SMALLEST_SHARE, block)
    turned = ((points - mean) / sd) @ directions
    distances: np.ndarray = np.sqrt((turned**2 / variances[:, None]).sum(axis=-1))
    return distances


def _refuse_flat(flat: np.ndarray, block: slice) -> None:
    rows = np.flatnonzero(flat)
    if rows.size:
        raise ConstantColumnError(
            f"The draws of {rows.size} or more observations do not vary in all directions; first "
            f"in row {block.start + rows[0]}.",
            "Leave out parameters that are constant or follow from others.",
        )
