"""Conformal calibration of joint regions: all parameters of an observation at once."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from retrodict.diagnostics.arguments import finite_array
from retrodict.errors import ConfigurationError, ConstantColumnError, NotFittedError, ShapeError
from retrodict.repair.arguments import checked_draws, checked_pairs
from retrodict.repair.groups import as_groups
from retrodict.repair.mahalanobis import mahalanobis_distances
from retrodict.repair.monotone import FEWEST_VALUES
from retrodict.repair.order_statistics import check_level, fewest_scores, num_excluded
from retrodict.repair.region_coverage import RegionCoverage

_DRAWS_PER_DIMENSION = 5
_NUM_FOLDS = 5


class ConformalRegion(BaseEstimator):
    """Regions of all parameters together that hold the truth as often as they say.

    The region of a level is where a score stays below a threshold: that of the true causes of
    calibration observations which a new one exceeds with probability 1 - level at most (split
    conformal prediction, see `ConformalCalibration`, also for what it promises and what not):

        level <= P(truth in region) <= level + 1 / (n + 1).

    The score is the Mahalanobis distance from the mean of the draws, so that regions are
    ellipsoids; or any number of your own that grows as x becomes less plausible, by `fit_scores`
    and `contains_scores`. Minus the log-density of a flow gives regions of any shape. Such
    numbers are not alike from one observation to the next; with those of the draws too, each is
    read as its distance from their median in units of the distance to their 84 % quantile.

    Args:
        levels: at which `fit` refuses too few observations, and which `summary_` describes.
        random_state: seed of the folds of the cross-validation.

    Attributes:
        groups_: labels of the groups; None without groups.
        summary_: coverage before and after, and a sentence (`RegionCoverage`).
    """

    def __init__(
        self, *, levels: Sequence[float] = (0.5, 0.8, 0.95), random_state: int = 0
    ) -> None:
        self.levels = levels
        self.random_state = random_state

    def fit(
        self, draws: ArrayLike, truth: ArrayLike, groups: ArrayLike | None = None
    ) -> "ConformalRegion":
        """Learns the thresholds of the Mahalanobis distance.

        Args:
            draws: independent posterior draws, (observations, draws, dim).
            truth: the causes that made the observations, (observations, dim).
            groups: label of each observation, for which coverage shall hold by itself.

        Raises:
            DataError: NaN, shapes that do not match, draws without width in some direction, or
                too few observations or draws, with how many are needed.
        """
        draws, truth = checked_pairs(draws, truth)
        dim = truth.shape[1]
        checked_draws(draws, at_least=_fewest_draws(dim))
        own = mahalanobis_distances(draws, draws)
        self._learn(mahalanobis_distances(draws, truth[:, None])[:, 0], own, groups)
        self._dim: int | None = dim
        return self

    def fit_scores(
        self,
        scores: ArrayLike,
        draw_scores: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> "ConformalRegion":
        """Learns the thresholds of a score of your own.

        Args:
            scores: of the true causes, (observations,); large where x is implausible.
            draw_scores: of each observation's draws, (observations, draws), to compare with.
            groups: label of each observation.

        Raises:
            DataError: NaN, shapes that do not match, equal scores of all draws, or too few
                observations.
        """
        values = finite_array("scores", scores, ("observations",))
        own = None
        if draw_scores is not None:
            checked = _checked_own(draw_scores, len(values))
            values = _standardised(values[:, None], checked)[:, 0]
            own = _standardised(checked, checked)
        self._learn(values, own, groups)
        self._dim = None
        self._has_own = draw_scores is not None
        return self

    def contains(
        self,
        draws: ArrayLike,
        points: ArrayLike,
        level: float,
        groups: ArrayLike | None = None,
    ) -> Bool[np.ndarray, "observations *num"]:
        """Whether points lie in the region of their observation.

        Args:
            draws: of new observations, (observations, draws, dim), as many for each as in `fit`.
            points: (observations, dim), or several for each: (observations, num, dim).
            level: of the region, e.g. .95.
            groups: label of each observation, where `fit` had them.

        Raises:
            NotFittedError: before `fit`.
            ConfigurationError: fitted by `fit_scores`.
            DataError: arguments that do not fit the calibration, or too few calibration
                observations for this level.
        """
        self._require_fitted()
        if self._dim is None:
            raise ConfigurationError(
                "This region was fitted to scores of your own.",
                "Score the points, and call `contains_scores`.",
            )
        checked = checked_draws(draws, self._dim, at_least=_fewest_draws(self._dim))
        axes = ("observations", "num", "dim")
        where = finite_array("points", points, axes if np.ndim(points) == 3 else axes[::2])
        if len(where) != len(checked) or where.shape[-1] != self._dim:
            raise ShapeError(
                f"`points` must have shape ({len(checked)}, {self._dim}) or ({len(checked)}, num, "
                f"{self._dim}); got {where.shape}.",
                "Give the points of each observation in its row.",
            )
        rows = where.reshape(len(where), -1, self._dim)
        inside = mahalanobis_distances(checked, rows) <= self._limits(level, groups, len(rows))
        return inside.reshape(where.shape[:-1])

    def contains_scores(
        self,
        scores: ArrayLike,
        level: float,
        draw_scores: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Bool[np.ndarray, " observations"]:
        """Whether points with these scores lie in the region of their observation.

        Args:
            scores: one point for each new observation, (observations,), scored as in `fit_scores`.
            level: of the region, e.g. .95.
            draw_scores: of the draws, where `fit_scores` had them.
            groups: label of each observation, where `fit_scores` had them.

        Raises:
            NotFittedError: before `fit_scores`.
            ConfigurationError: fitted by `fit`, or with `draw_scores` in one of the two only.
            DataError: arguments that do not fit the calibration, or too few calibration
                observations for this level.
        """
        self._require_fitted()
        if self._dim is not None:
            raise ConfigurationError(
                "This region was fitted to draws and causes.", "Call `contains(draws, points)`."
            )
        if (draw_scores is not None) != self._has_own:
            raise ConfigurationError(
                "`draw_scores` must be given to both `fit_scores` and `contains_scores`, or to "
                f"neither; got them {'in the first' if self._has_own else 'in the second'} only.",
                "The two scores would not be of one scale.",
            )
        values = finite_array("scores", scores, ("observations",))
        if draw_scores is not None:
            values = _standardised(values[:, None], _checked_own(draw_scores, len(values)))[:, 0]
        return values <= self._limits(level, groups, len(values))[:, 0]

    def thresholds(self, level: float) -> Float[np.ndarray, " groups"]:
        """The largest score within the region of this level, for each of `groups_`.

        Raises:
            NotFittedError: before a fit.
            TooFewRowsError: too few calibration observations for this level.
        """
        self._require_fitted()
        self._require_enough(check_level(level))
        return np.array([_threshold(scores, level) for scores in self._sorted_scores])

    def _limits(
        self, level: float, groups: ArrayLike | None, num: int
    ) -> Float[np.ndarray, "observations 1"]:
        return self.thresholds(level)[self._groups.find(groups, num)][:, None]

    def _learn(
        self,
        scores: Float[np.ndarray, " observations"],
        own: Float[np.ndarray, "observations draws"] | None,
        groups: ArrayLike | None,
    ) -> None:
        if not len(self.levels):
            raise ConfigurationError("`levels` must not be empty.", "Use (0.5, 0.8, 0.95).")
        levels = np.array([check_level(level) for level in self.levels])
        self._groups = as_groups(groups, len(scores))
        for level in levels:
            self._require_enough(float(level))
        before = None
        if own is not None:
            rank = (own < scores[:, None]).sum(axis=1) + 0.5
            before = (rank / (own.shape[1] + 1) <= levels[:, None]).mean(axis=1)
        self._sorted_scores = [np.sort(scores[rows]) for rows in self._groups.rows()]
        self.groups_ = self._groups.labels
        self.summary_ = RegionCoverage(levels, before, self._after(scores, levels), len(scores))

    def _after(
        self, scores: Float[np.ndarray, " observations"], levels: Float[np.ndarray, " levels"]
    ) -> Float[np.ndarray, " levels"]:
        rng = np.random.default_rng(self.random_state)
        inside = np.zeros((len(levels), len(scores)))
        for rows in self._groups.rows():
            fold = rng.permutation(len(rows)) % _NUM_FOLDS
            for i in range(_NUM_FOLDS):
                others, held_out = np.sort(scores[rows[fold != i]]), rows[fold == i]
                for j, level in enumerate(levels.tolist()):
                    inside[j, held_out] = (
                        scores[held_out] <= _threshold(others, level)
                        if len(others) >= fewest_scores(level, num_tails=1)
                        else np.nan
                    )
        return inside.mean(axis=1)

    def _require_enough(self, level: float) -> None:
        self._groups.require(
            level,
            num_tails=1,
            at_least=_NUM_FOLDS,
            hint="Give more observations, or ask for lower `levels`.",
        )

    def _require_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} has not learned anything yet.",
                "Call `fit(draws, truth)` or `fit_scores(scores)` first.",
            )

    def __sklearn_is_fitted__(self) -> bool:
        return "summary_" in vars(self)


def _threshold(ascending: Float[np.ndarray, " scores"], level: float) -> float:
    excluded = num_excluded(len(ascending), level, num_tails=1)
    return float(ascending[len(ascending) - excluded])


def _fewest_draws(dim: int) -> int:
    return max(FEWEST_VALUES, _DRAWS_PER_DIMENSION * dim)


def _checked_own(draw_scores: ArrayLike, num: int) -> Float[np.ndarray, "observations draws"]:
    own = finite_array("draw_scores", draw_scores, ("observations", "draws"))
    if len(own) != num:
        raise ShapeError(
            f"`draw_scores` must have a row for each of {num} observations; got shape {own.shape}.",
            "Score the draws of every observation.",
        )
    return own


def _standardised(
    scores: Float[np.ndarray, "observations num"], own: Float[np.ndarray, "observations draws"]
) -> Float[np.ndarray, "observations num"]:
    median, high = np.quantile(own, [0.5, 0.84], axis=1)[..., None]
    flat = np.flatnonzero(median == high)
    if flat.size:
        raise ConstantColumnError(
            f"The scores of the draws are all or mostly equal in {flat.size} of {len(own)} "
            f"observations; first in row {flat[0]}.",
            "Leave `draw_scores` out if the scores are of one scale already.",
        )
    return (scores - median) / (high - median)
