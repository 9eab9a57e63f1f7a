"""The columns of a table in units that a network likes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retrodict.errors import ConfigurationError

SCALINGS = ("standardise", "centre", "none")


@dataclass(frozen=True)
class Scale:
    """u = (x - centre) / width, column by column.

    Attributes:
        centre: subtracted.
        width: divided by; 0 for a constant column, which comes back as it was.
    """

    centre: Float[np.ndarray, " dim"]
    width: Float[np.ndarray, " dim"]

    @classmethod
    def fit(cls, x: Float[np.ndarray, "rows dim"], kind: str) -> "Scale":
        """That of training rows.

        Args:
            x: rows.
            kind: "standardise" (mean 0, deviation 1), "centre" (mean 0) or "none".

        Raises:
            ConfigurationError: no such kind.
        """
        if kind not in SCALINGS:
            raise ConfigurationError(
                f"Unknown scaling {kind!r}.", f"Use one of {', '.join(SCALINGS)}."
            )
        dim = x.shape[1]
        centre = np.zeros(dim) if kind == "none" else x.mean(axis=0)
        width = np.ones(dim)
        if kind == "standardise":
            sds = x.std(axis=0)
            # What varies by rounding alone is constant.
            largest = np.abs(x).max(axis=0)
            width = np.where(sds > 1e-12 * largest, sds, 0.0)
        return cls(centre, width)

    def forward(self, x: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, "rows dim"]:
        """u of each row, in single precision."""
        u = (x - self.centre) / np.where(self.width > 0, self.width, 1.0)
        return u.astype(np.float32)

    def inverse(self, u: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, "rows dim"]:
        """x of each row."""
        return self.centre + self.width * np.asarray(u, float)
