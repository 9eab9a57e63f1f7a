"""Conformal calibration of the intervals of each parameter, and of the draws themselves."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from retrodict.diagnostics.arguments import parameter_names
from retrodict.diagnostics.rank_uniformity import rank_p_values, ranks_among
from retrodict.errors import ConfigurationError, NotFittedError
from retrodict.repair.arguments import checked_draws, checked_pairs, row_blocks
from retrodict.repair.central_coverage import central_coverage
from retrodict.repair.groups import as_groups
from retrodict.repair.monotone import FEWEST_VALUES, fewest_values, knot_probabilities
from retrodict.repair.order_statistics import check_level, num_excluded
from retrodict.repair.quantile_scale import QuantileScale, quantile_scale
from retrodict.repair.real_line import real_line
from retrodict.repair.recalibration import TAILS, Recalibration, fit_recalibration
from retrodict.repair.summary import CoverageRepair

_NUM_FOLDS = 5
# Four fifths of them, in the cross-validation, still tell their quartiles.
_FEWEST_OBSERVATIONS = 19


class ConformalCalibration(BaseEstimator):
    """Intervals that hold the truth as often as they say, from any posterior's draws.

    From draws for observations whose causes are known it learns how far the truth lies from the
    draws, and moves the ends of the intervals of new observations by as much: split conformal
    prediction (Vovk et al. 2005, doi:10.1007/b106715; Lei et al. 2018, arXiv:1604.04173). The
    score of a true cause is its place on the scale that the quantiles of its own draws make
    (`quantile_scale`), which goes on beyond them, as distances do in conformalised quantile
    regression (Romano et al. 2019, arXiv:1905.03222): so intervals reach as far outside the
    draws as the truth does, are shifted, and stay wide where the posterior is wide. With n
    calibration observations, whatever the posterior,

        level <= P(truth inside) <= level + num_tails / (n + 1),

    the right-hand side for scores without ties. This asks that new observations come from where
    the calibration ones did, that draws are as many, and is a mean over all such observations:
    no method promises it for each single one (Barber et al. 2021, arXiv:1903.04684). It holds
    for each parameter by itself; see `ConformalRegion` for all of them together. Labels in
    `groups` (known before the truth is) make it hold in each group by itself.

    `apply` repairs the draws instead, by the increasing map of scores that takes the quantiles
    of the draws' own to those of the truth's. Draws of a parameter that a test finds calibrated
    are left alone.

    Args:
        levels: at which `fit` refuses too few observations, and which `summary_` describes.
        tails: "separate" repairs shift, width and skew, and each end is missed with at most
            (1 - level)/2. "together" keeps intervals about the median of the draws, missed with
            at most 1 - level; it needs half as many observations.
        lower, upper: bounds of the parameters, one for all or one each; None where there is none.
            Nothing repaired lies beyond them.
        significance: at which the test finds that a parameter needs repair, over all parameters
            and groups together (Bonferroni); 1 repairs them all.
        names: of the parameters; `x1 ... xN` by default.
        random_state: seed of ranks among ties and of the folds of the cross-validation.

    Attributes:
        groups_: labels of the groups, in the order of rows below; None without groups.
        needed_: whether draws are repaired, shape (groups, dim).
        summary_: coverage before and after, and a sentence (`CoverageRepair`).
        n_features_in_: number of parameters.
    """

    def __init__(
        self,
        *,
        levels: Sequence[float] = (0.5, 0.8, 0.95),
        tails: str = "separate",
        lower: ArrayLike | None = None,
        upper: ArrayLike | None = None,
        significance: float = 0.01,
        names: Sequence[str] | None = None,
        random_state: int = 0,
    ) -> None:
        self.levels = levels
        self.tails = tails
        self.lower = lower
        self.upper = upper
        self.significance = significance
        self.names = names
        self.random_state = random_state

    def fit(
        self, draws: ArrayLike, truth: ArrayLike, groups: ArrayLike | None = None
    ) -> "ConformalCalibration":
        """Learns from observations whose causes are known.

        Args:
            draws: independent posterior draws, (observations, draws, dim), of a posterior that
                has not been trained on these observations.
            truth: the causes that made them, (observations, dim).
            groups: label of each observation, for which coverage shall hold by itself.

        Raises:
            DataError: NaN, shapes that do not match, draws without width, values beyond bounds,
                or fewer observations than the levels need, with how many those are.
            ConfigurationError: a setting that makes no sense.
        """
        levels = self._checked_settings()
        self._num_tails = 2 if self.tails == "separate" else 1
        draws, truth = checked_pairs(draws, truth)
        num_observations, num_draws, dim = draws.shape
        names = parameter_names(self.names, dim)
        line = real_line(self.lower, self.upper, dim)
        line.check("draws", draws, names)
        line.check("truth", truth, names)
        found = as_groups(groups, num_observations)
        self._groups, self._line, self._names = found, line, names
        for level in levels:
            self._require_enough(float(level))
        self._probabilities = knot_probabilities(num_draws)
        scale = self._whole_scale(draws)
        of_truth = scale.score(truth[:, None])[:, 0]
        ranks = ranks_among(draws, truth, self.random_state)
        p_values = np.stack([rank_p_values(ranks[rows], num_draws) for rows in found.rows()])
        self.needed_ = np.minimum(p_values * p_values.size, 1) <= self.significance
        self._sorted_scores = [
            np.sort(of_truth[rows] if self._num_tails == 2 else np.abs(of_truth[rows]), axis=0)
            for rows in found.rows()
        ]
        self._recalibrations = [
            fit_recalibration(of_truth[rows], num_draws, self.tails) for rows in found.rows()
        ]
        rng = np.random.default_rng(self.random_state)
        held_out = self._held_out_scores(of_truth, num_draws, rng)
        repaired = ranks_among(draws, scale.value(held_out[:, None])[:, 0], self.random_state)
        ranks_after = np.where(self.needed_[found.of_row], repaired, ranks)
        within = rng.random(ranks.shape)
        self.summary_ = CoverageRepair(
            levels=levels,
            before=central_coverage(ranks, num_draws, levels, within),
            after=central_coverage(ranks_after, num_draws, levels, within),
            p_values=p_values,
            needed=self.needed_,
            names=names,
            groups=found.names,
            num_observations=num_observations,
            num_draws=num_draws,
        )
        self.groups_ = found.labels
        self.n_features_in_ = dim
        return self

    def intervals(
        self, draws: ArrayLike, level: float, groups: ArrayLike | None = None
    ) -> tuple[Float[np.ndarray, "observations dim"], Float[np.ndarray, "observations dim"]]:
        """Lower and upper ends that hold the truth with probability `level`, per parameter.

        They carry the guarantee whether or not a test finds that anything needs repair.

        Args:
            draws: of new observations, (observations, draws, dim), as many for each as in `fit`.
            level: of the intervals, e.g. .95.
            groups: label of each observation, where `fit` had them.

        Raises:
            NotFittedError: before `fit`.
            TooFewRowsError: too few calibration observations for this level, with how many it
                needs, or too few draws.
            DataError, ConfigurationError: arguments that do not fit the calibration.
        """
        draws, which = self._checked_new(draws, groups)
        level = check_level(level)
        self._require_enough(level)
        ends = np.stack([self._ends(scores, level) for scores in self._sorted_scores])
        found = np.concatenate(
            [self._scale(draws[block]).value(ends[which[block]]) for block in row_blocks(draws)]
        )
        return found[:, 0], found[:, 1]

    def apply(
        self, draws: ArrayLike, groups: ArrayLike | None = None
    ) -> Float[np.ndarray, "observations draws dim"]:
        """The same draws, moved so that true causes rank uniformly among them.

        Each parameter is moved by an increasing map of its own: the order of the draws, and so
        their rank correlations, stay as they were. Parameters that need no repair stay too.

        Args:
            draws: of new observations, (observations, draws, dim).
            groups: label of each observation, where `fit` had them.

        Raises:
            NotFittedError: before `fit`.
            DataError: draws that do not fit the calibration.
        """
        draws, which = self._checked_new(draws, groups)
        repaired = np.array(draws, dtype=float)
        for group, recalibration in enumerate(self._recalibrations):
            rows = np.flatnonzero(which == group)
            if not rows.size or not self.needed_[group].any():
                continue
            for block in row_blocks(draws[rows]):
                old = draws[rows[block]]
                scale = self._scale(old)
                moved = scale.value(recalibration.forward(scale.score(old)))
                repaired[rows[block]] = np.where(self.needed_[group], moved, old)
        return repaired

    def _checked_settings(self) -> Float[np.ndarray, " levels"]:
        if self.tails not in TAILS:
            raise ConfigurationError(
                f"Unknown tails {self.tails!r}.", 'Use "separate" or "together".'
            )
        if not 0 < self.significance <= 1:
            raise ConfigurationError(
                f"`significance` must lie in (0, 1]; got {self.significance}.", "Use 0.01."
            )
        if not len(self.levels):
            raise ConfigurationError("`levels` must not be empty.", "Use (0.5, 0.8, 0.95).")
        return np.array([check_level(level) for level in self.levels])

    def _require_enough(self, level: float) -> None:
        halved = self._num_tails == 2 and ', or use `tails="together"`, which needs half'
        self._groups.require(
            level,
            num_tails=self._num_tails,
            at_least=_FEWEST_OBSERVATIONS,
            hint=f"Give more observations, ask for lower `levels`{halved or ''}.",
        )

    def _checked_new(
        self, draws: ArrayLike, groups: ArrayLike | None
    ) -> tuple[np.ndarray, Int[np.ndarray, " observations"]]:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} has not learned anything yet.",
                "Call `fit(draws, truth)` first.",
            )
        fewest = max(fewest_values(self._probabilities[0]), FEWEST_VALUES)
        checked = checked_draws(draws, self.n_features_in_, at_least=fewest)
        self._line.check("draws", checked, self._names)
        return checked, self._groups.find(groups, len(checked))

    def _scale(self, draws: Float[np.ndarray, "observations draws dim"]) -> QuantileScale:
        return quantile_scale(draws, self._probabilities, self._line, self._names)

    def _whole_scale(self, draws: Float[np.ndarray, "observations draws dim"]) -> QuantileScale:
        """The scale of all observations, a block of them at a time."""
        scales = [self._scale(draws[block]) for block in row_blocks(draws)]
        quantiles = np.concatenate([scale.quantiles for scale in scales], axis=1)
        return QuantileScale(scales[0].knots, quantiles, self._line)

    def _held_out_scores(
        self,
        of_truth: Float[np.ndarray, "observations dim"],
        num_draws: int,
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "observations dim"]:
        """Scores of the truth under draws as they came, were those repaired by other folds."""
        found = np.empty_like(of_truth)
        for rows in self._groups.rows():
            fold = rng.permutation(len(rows)) % _NUM_FOLDS
            for i in range(_NUM_FOLDS):
                others, held_out = rows[fold != i], rows[fold == i]
                recalibration: Recalibration = fit_recalibration(
                    of_truth[others], num_draws, self.tails
                )
                found[held_out] = recalibration.inverse(of_truth[held_out][:, None])[:, 0]
        return found

    def _ends(
        self, scores: Float[np.ndarray, "observations dim"], level: float
    ) -> Float[np.ndarray, "2 dim"]:
        """Scores of the lower and the upper end of an interval."""
        excluded = num_excluded(len(scores), level, num_tails=self._num_tails)
        upper = scores[len(scores) - excluded]
        return np.stack([scores[excluded - 1] if self._num_tails == 2 else -upper, upper])

    def __sklearn_is_fitted__(self) -> bool:
        return "n_features_in_" in vars(self)
