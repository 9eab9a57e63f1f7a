"""Sensitivity: which observables move the posterior of which parameters?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, by_name, finite_array, parameter_names
from retrodict.errors import ConfigurationError, ConstantColumnError, ShapeError, TooFewRowsError
from retrodict.variables import default_variables, names_of

MIN_OBSERVATIONS = 50
MIN_DRAWS = 20
MAX_OBSERVATIONS = 1000
SMALLEST_SHARE = 0.01
_STANDARD_ERRORS = 3.0
_GOES_TOGETHER = 0.9
_LOSS = 0.03  # of R^2, for trees on other columns are other trees
_NUM_FOLDS = 3
_NUM_TREES = 60
_LEAF = 3
_NUM_PREDICTED = 40  # permuted copies of the held-out rows, or one for each observable


@dataclass(frozen=True)
class Sensitivity:
    """How much of the variation of posteriors over observations is due to each observable.

    Shares of variance are total effects: those of one parameter add up to its R^2 where the
    observables are independent and act one by one, and to more where they act together.
    Observables that go together share what they tell: each alone may look unimportant.

    Attributes:
        mean_shares: share of the variance of the posterior mean due to each observable.
        mean_errors: their standard errors.
        width_shares, width_errors: likewise of the log of the posterior standard deviation.
        mean_explained: cross-validated R^2 of the regression of each posterior mean on all
            observables; what it lacks, the shares cannot tell.
        width_explained: likewise of the log standard deviations.
        could_be_left_out: observables without which the regressions do as well, to within .03
            of R^2; several together, not only one by one.
        going_together: pairs of observables whose ranks correlate by more than .9.
        names: of the parameters.
        observable_names: of the observables.
        num_observations: how many were used.
    """

    mean_shares: Float[np.ndarray, "dim cond"]
    mean_errors: Float[np.ndarray, "dim cond"]
    width_shares: Float[np.ndarray, "dim cond"]
    width_errors: Float[np.ndarray, "dim cond"]
    mean_explained: Float[np.ndarray, " dim"]
    width_explained: Float[np.ndarray, " dim"]
    could_be_left_out: tuple[str, ...]
    going_together: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    observable_names: tuple[str, ...]
    num_observations: int

    @property
    def mean_matters(self) -> Bool[np.ndarray, "dim cond"]:
        """Shares of the means of more than 1 % and three standard errors, of no more than 2 R^2."""
        return _matters(self.mean_shares, self.mean_errors, self.mean_explained)

    @property
    def width_matters(self) -> Bool[np.ndarray, "dim cond"]:
        """Likewise of the widths."""
        return _matters(self.width_shares, self.width_errors, self.width_explained)

    @property
    def independent_parameters(self) -> tuple[str, ...]:
        """Parameters whose posterior mean no observable moves."""
        moved = self.mean_matters.any(axis=1) | (self.mean_explained > 5 * SMALLEST_SHARE)
        return tuple(self.names[i] for i in np.flatnonzero(~moved))

    def to_dict(self) -> Json:
        return {
            "mean_shares": self._table(self.mean_shares),
            "mean_errors": self._table(self.mean_errors),
            "width_shares": self._table(self.width_shares),
            "width_errors": self._table(self.width_errors),
            "mean_explained": by_name(self.names, self.mean_explained),
            "width_explained": by_name(self.names, self.width_explained),
            "could_be_left_out": list(self.could_be_left_out),
            "independent_parameters": list(self.independent_parameters),
            "going_together": [list(pair) for pair in self.going_together],
            "num_observations": self.num_observations,
        }

    def __str__(self) -> str:
        independent = self.independent_parameters
        best = self.mean_shares.argmax(axis=1)
        led = [
            f"`{name}` by `{self.observable_names[j]}` ({self.mean_shares[i, j]:.0%})"
            for i, (name, j) in enumerate(zip(self.names, best, strict=True))
            if name not in independent
        ]
        parts = []
        if led:
            shown = ", ".join(led[:6]) + (f" and {len(led) - 6} more" if len(led) > 6 else "")
            parts.append(f"Posterior means are moved most: {shown}")
        if independent:
            parts.append(f"no observable moves {_listed(independent)}: only the prior speaks there")
        if self.could_be_left_out:
            together = ", all together" if len(self.could_be_left_out) > 1 else ""
            parts.append(f"{_listed(self.could_be_left_out)} could be left out{together}")
        if self.going_together:
            pairs = ", ".join(f"`{a}` with `{b}`" for a, b in self.going_together[:3])
            more = ", ..." if len(self.going_together) > 3 else ""
            parts.append(f"importance is shared where observables go together ({pairs}{more})")
        sentence = "; ".join(parts)
        return sentence[0].upper() + sentence[1:] + "."

    def _table(self, values: np.ndarray) -> dict[str, dict[str, float]]:
        return {
            name: by_name(self.observable_names, row)
            for name, row in zip(self.names, values, strict=True)
        }


def sensitivity(
    draws: ArrayLike,
    observations: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    observable_names: Sequence[str] | None = None,
    random_state: int = 0,
) -> Sensitivity:
    """Permutation importance of each observable for posterior mean and width.

    Extremely randomised trees (Geurts et al. 2006, doi:10.1007/s10994-006-6226-1) predict
    each posterior mean, and the log of each standard deviation, from the observables. Half
    the increase of the squared error on observations that were not fitted, when one observable
    is permuted (Breiman 2001), over the variance of what is predicted, is that observable's
    total effect if the observables are independent (Jansen 1999, doi:10.1016/S0010-4655(98)
    00154-4; Gregorutti et al. 2017, doi:10.1007/s11222-016-9646-1).

    It tells what moves *these* posteriors: what a model does not use, it does not show.

    Args:
        draws: posterior draws, (observations, draws, dim).
        observations: (observations, cond), which the posteriors answer; at most 1,000, evenly
            spaced, are used.
        names: of the parameters; `x1 ... xN` by default.
        observable_names: `y1 ... yN` by default.
        random_state: of folds, trees and permutations.

    Raises:
        NonFiniteError, ShapeError, ConfigurationError: arguments that do not belong together.
        TooFewRowsError: fewer than 50 observations or 20 draws.
        ConstantColumnError: draws of a parameter that are all equal for an observation.
    """
    array = finite_array("draws", draws, ("observations", "draws", "dim"))
    y = finite_array("observations", observations, ("observations", "cond")).astype(float)
    _check(array, y)
    used = np.linspace(0, len(y) - 1, min(len(y), MAX_OBSERVATIONS)).round().astype(int)
    array, y = array[used], y[used]
    dim = array.shape[2]
    columns = (
        tuple(names_of(default_variables("y", y.shape[1])))
        if observable_names is None
        else tuple(observable_names)
    )
    if len(columns) != y.shape[1]:
        raise ConfigurationError(
            f"Expected {y.shape[1]} names of observables; got {len(columns)}: {list(columns)}.",
            "Give one name per column of `observations`.",
        )
    sds = array.std(axis=1, dtype=float)
    if (sds == 0).any():
        rows, parameters = np.nonzero(sds == 0)
        raise ConstantColumnError(
            f"The draws of parameter {parameters[0]} (counted from 0) are all equal for "
            f"observation {rows[0]}: a point estimate, not a posterior.",
            "Pass draws from the posterior.",
        )
    targets = np.concatenate([array.mean(axis=1, dtype=float), np.log(sds)], axis=1)
    spread = targets.std(axis=0)
    # A target that never varies has no variance to share out.
    targets = (targets - targets.mean(axis=0)) / np.where(spread > 0, spread, 1)

    errors, increases = _cross_validated(y, targets, random_state)
    shares = increases.mean(axis=0) / 2
    standard_errors = increases.std(axis=0) / (2 * np.sqrt(len(y)))
    explained = np.where(spread > 0, 1 - errors.mean(axis=0), 0.0)
    without = np.asarray(~_matters(shares, standard_errors, explained).any(axis=0))
    if without.any() and _is_worse(y[:, ~without], targets, errors, random_state):
        without = np.zeros_like(without)
    return Sensitivity(
        mean_shares=shares[:dim],
        mean_errors=standard_errors[:dim],
        width_shares=shares[dim:],
        width_errors=standard_errors[dim:],
        mean_explained=explained[:dim],
        width_explained=explained[dim:],
        could_be_left_out=tuple(columns[j] for j in np.flatnonzero(without)),
        going_together=_going_together(y, columns),
        names=parameter_names(names, dim),
        observable_names=columns,
        num_observations=len(y),
    )


def _cross_validated(
    y: np.ndarray, targets: np.ndarray, random_state: int, *, permute: bool = True
) -> tuple[Float[np.ndarray, "observations targets"], np.ndarray]:
    """Squared errors, and their increase by each observable (observations, targets, cond)."""
    from sklearn.utils.parallel import Parallel, delayed

    rng = np.random.default_rng(random_state)
    num, cond = y.shape
    fold_of = rng.permutation(num) % _NUM_FOLDS
    errors = np.empty(targets.shape)
    increases = np.zeros((*targets.shape, cond if permute else 0))
    for fold in range(_NUM_FOLDS):
        held_out = np.flatnonzero(fold_of == fold)
        seen = np.flatnonzero(fold_of != fold)
        asked = [y[held_out], *(_permuted(y[held_out], rng) if permute else [])]
        seeds = [int(rng.integers(2**31)) for _ in range(targets.shape[1])]
        queries = np.concatenate(asked)
        # Threads: growing trees leaves the interpreter free, and the result is the same.
        predictions = Parallel(n_jobs=-1, prefer="threads")(
            delayed(_predicted)(y[seen], targets[seen, i], queries, seed)
            for i, seed in enumerate(seeds)
        )
        for i, predicted in enumerate(predictions):
            squared = (targets[held_out, i] - predicted.reshape(len(asked), -1)) ** 2
            errors[held_out, i] = squared[0]
            if permute:
                after = squared[1:].reshape(-1, cond, len(held_out)).mean(axis=0)
                increases[held_out, i] = (after - squared[0]).T
    return errors, increases


def _predicted(y: np.ndarray, target: np.ndarray, queries: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.ensemble import ExtraTreesRegressor

    trees = ExtraTreesRegressor(_NUM_TREES, min_samples_leaf=_LEAF, random_state=seed)
    predicted: np.ndarray = trees.fit(y, target).predict(queries)
    return predicted


def _permuted(y: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Copies of the rows with one column permuted, for each column, twice if they are few."""
    copies = []
    for _ in range(max(1, min(2, _NUM_PREDICTED // y.shape[1]))):
        for j in range(y.shape[1]):
            copy = y.copy()
            copy[:, j] = rng.permutation(copy[:, j])
            copies.append(copy)
    return copies


def _is_worse(y: np.ndarray, targets: np.ndarray, errors: np.ndarray, random_state: int) -> bool:
    """Whether regressions on the columns that remain explain less of any target."""
    if y.shape[1]:
        remaining, _ = _cross_validated(y, targets, random_state, permute=False)
    else:
        remaining = targets**2
    loss = remaining - errors
    standard_error = loss.std(axis=0) / np.sqrt(len(loss))
    allowed = np.maximum(_LOSS, _STANDARD_ERRORS * standard_error)
    return bool((loss.mean(axis=0) > allowed).any())


def _matters(
    shares: np.ndarray, errors: np.ndarray, explained: np.ndarray
) -> Bool[np.ndarray, "targets cond"]:
    """Beyond chance; a regression that explains less than one share has that by chance."""
    beyond = shares > np.maximum(SMALLEST_SHARE, _STANDARD_ERRORS * errors)
    return beyond & (explained[:, None] > shares / 2)


def _going_together(y: np.ndarray, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    from scipy.stats import rankdata

    ranks = rankdata(y, axis=0)
    ranks = ranks - ranks.mean(axis=0)
    norms = np.sqrt((ranks**2).sum(axis=0))
    ranks = ranks / np.where(norms > 0, norms, 1)
    correlation = np.triu(np.abs(ranks.T @ ranks), k=1)
    return tuple((names[i], names[j]) for i, j in np.argwhere(correlation > _GOES_TOGETHER))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:6])
    return shown + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _check(draws: np.ndarray, y: np.ndarray) -> None:
    if len(draws) != len(y):
        raise ShapeError(
            f"{len(draws)} posteriors (first axis of `draws`) need as many rows of "
            f"`observations`; got {len(y)}.",
            "Give the observation that each posterior answers, in the same order.",
        )
    if len(y) < MIN_OBSERVATIONS:
        raise TooFewRowsError(
            f"A regression on observables needs at least {MIN_OBSERVATIONS} observations; "
            f"got {len(y)}.",
            "Take several hundred from the prior.",
        )
    if draws.shape[1] < MIN_DRAWS:
        raise TooFewRowsError(
            f"At least {MIN_DRAWS} draws per observation are needed; got {draws.shape[1]}.",
            "Draw more from each posterior; a few hundred answer well.",
        )
