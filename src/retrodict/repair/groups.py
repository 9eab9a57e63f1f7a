"""Labels that say which observations are to be repaired together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy.typing import ArrayLike

from retrodict.errors import DataError, NonFiniteError, ShapeError, TooFewRowsError
from retrodict.repair.order_statistics import fewest_scores


@dataclass(frozen=True)
class Groups:
    """The groups of a calibration set; without labels one that holds everything.

    Attributes:
        labels: one per group, in ascending order; None where none were given.
        of_row: the group of each calibration observation.
    """

    labels: tuple[Any, ...] | None
    of_row: Int[np.ndarray, " observations"]

    @property
    def sizes(self) -> Int[np.ndarray, " groups"]:
        """Calibration observations of each group."""
        return np.bincount(self.of_row)

    @property
    def names(self) -> tuple[str, ...]:
        """The labels as text, for people."""
        return ("all",) if self.labels is None else tuple(str(label) for label in self.labels)

    def rows(self) -> Iterator[Int[np.ndarray, " rows"]]:
        """The calibration observations of one group after the other."""
        for i in range(len(self.sizes)):
            yield np.flatnonzero(self.of_row == i)

    def find(self, groups: ArrayLike | None, num: int) -> Int[np.ndarray, " num"]:
        """The group of each new observation.

        Raises:
            DataError: labels where the fit had none, none where it had some, or unknown ones.
        """
        if (groups is None) != (self.labels is None):
            raise DataError(
                "`groups` must be given to both `fit` and what follows it, or to neither; got "
                f"them {'here' if self.labels is None else 'in `fit`'} only.",
                "Fit again with `groups`, or leave them out here."
                if self.labels is None
                else "Give the group of every observation, as in `fit`.",
            )
        if groups is None or self.labels is None:
            return np.zeros(num, dtype=int)
        known = {label: i for i, label in enumerate(self.labels)}
        labels = _checked(groups, num).tolist()
        unknown = sorted({str(label) for label in labels if label not in known})
        if unknown:
            raise DataError(
                f"No calibration observation belongs to {', '.join(unknown[:5])}; the groups "
                f"are {', '.join(self.names[:20])}.",
                "A group can only be repaired by observations of its own.",
            )
        return np.array([known[label] for label in labels], dtype=int)

    def require(self, level: float, *, num_tails: int, at_least: int, hint: str) -> None:
        """Refuses groups that are too small for the level.

        Raises:
            TooFewRowsError: with what each of them has and needs.
        """
        needed = max(fewest_scores(level, num_tails=num_tails), at_least)
        small = np.flatnonzero(self.sizes < needed)
        if not small.size:
            return
        if self.labels is None:
            got = f"got {self.sizes[0]}"
        else:
            listed = [f"{self.names[i]} ({self.sizes[i]})" for i in small[:10]]
            got = f"{small.size} of {len(self.sizes)} groups have fewer: {', '.join(listed)}"
        raise TooFewRowsError(
            f"A level of {level:g} needs at least {needed:,} calibration observations"
            f"{'' if self.labels is None else ' in each group'}; {got}.",
            hint,
        )


def as_groups(groups: ArrayLike | None, num: int) -> Groups:
    """The groups that these labels make, one label per observation.

    Raises:
        ShapeError: not one label per observation.
        NonFiniteError: a label that is NaN.
        DataError: labels that cannot be ordered, such as numbers and texts together.
    """
    if groups is None:
        return Groups(None, np.zeros(num, dtype=int))
    labels = _checked(groups, num)
    try:
        found, of_row = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise DataError(
            f"The labels in `groups` must be all numbers or all texts; {error}.",
            "Convert them, e.g. `groups.astype(str)`.",
        ) from error
    return Groups(tuple(found.tolist()), of_row.reshape(-1))


def _checked(groups: ArrayLike, num: int) -> np.ndarray:
    labels = np.asarray(groups)
    if labels.shape != (num,):
        raise ShapeError(
            f"`groups` must hold one label for each of {num} observations; got shape "
            f"{labels.shape}.",
            "Give them in the order of the observations.",
        )
    missing = labels != labels
    if np.any(missing):
        raise NonFiniteError(
            f"{int(np.sum(missing))} of {num} labels in `groups` are NaN, the first at "
            f"{np.flatnonzero(missing)[:5].tolist()}.",
            "Give those observations a group of their own.",
        )
    return labels
