"""Conformal calibration of the intervals of each parameter, and of the draws themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from retrodict.diagnostics.arguments import parameter_names
from retrodict.diagnostics.rank_uniformity import rank_p_values, ranks_among
from retrodict.errors import ConfigurationError, NotFittedError
from retrodict.repair import state
from retrodict.repair.arguments import checked_draws, checked_pairs, row_blocks
from retrodict.repair.bounds import checked_bounds, require_within
from retrodict.repair.central_coverage import central_coverage
from retrodict.repair.groups import Groups, as_groups
from retrodict.repair.monotone import FEWEST_VALUES, fewest_values, knot_probabilities
from retrodict.repair.order_statistics import check_level, num_excluded
from retrodict.repair.point_masses import PointMasses, find_point_masses
from retrodict.repair.quantile_scale import QuantileScale, quantile_scale
from retrodict.repair.real_line import RealLine
from retrodict.repair.recalibration import TAILS, fit_recalibration, held_out_scores
from retrodict.repair.summary import CoverageRepair

# Four fifths of them, in the cross-validation, still tell their quartiles.
_FEWEST_OBSERVATIONS = 19
_OF_DRAWS, _OF_TRUTH = 1, 2  # seeds of what spreads point masses, apart from all others


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
            Nothing repaired lies beyond them. Where true causes, or more than a few draws, lie
            exactly at a bound, it carries probability of its own (`PointMasses`): draws at it
            stay there, and intervals that reach it hold the truth more often than they say.
        significance: at which the test finds that a parameter needs repair, over all parameters
            and groups together (Bonferroni); 1 repairs them all.
        names: of the parameters; `x1 ... xN` by default.
        random_state: seed of ranks among ties and of the folds of the cross-validation.

    Attributes:
        groups_: labels of the groups, in the order of rows below; None without groups.
        needed_: whether draws are repaired, shape (groups, dim).
        summary_: coverage before and after, and a sentence (`CoverageRepair`).
        highest_level_: of the intervals that the calibration observations guarantee.
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
        draws, truth = checked_pairs(draws, truth)
        num_observations, num_draws, dim = draws.shape
        names = parameter_names(self.names, dim)
        bounds = checked_bounds(self.lower, self.upper, dim)
        require_within("draws", draws, bounds, names)
        require_within("truth", truth, bounds, names)
        found = as_groups(groups, num_observations)
        masses = find_point_masses(draws, truth, bounds, float(knot_probabilities(num_draws)[0]))
        self._begin(found, masses, names, num_draws)
        self._require_enough(float(levels.max()))
        scale = self._whole_scale(self._spread(draws), self._spread_line)
        of_truth = scale.score(self._spread(truth, _OF_TRUTH)[:, None])[:, 0]
        beside = of_truth
        if masses.present.any():
            scale = self._whole_scale(masses.beside(draws), self._line)
            beside = scale.score(masses.beside(truth)[:, None])[:, 0]
        outward = of_truth if self._num_tails == 2 else np.abs(of_truth)
        self._learn(
            [np.sort(outward[rows], axis=0) for rows in found.rows()],
            [np.sort(beside[rows], axis=0) for rows in found.rows()],
            num_draws,
        )
        ranks = ranks_among(draws, truth, self.random_state)
        p_values = np.stack([rank_p_values(ranks[rows], num_draws) for rows in found.rows()])
        wrong = np.minimum(p_values * p_values.size, 1) <= self.significance
        self.needed_ = wrong & self._has_enough
        rng = np.random.default_rng(self.random_state)
        held_out = held_out_scores(beside, found.rows(), num_draws, self.tails, rng)
        repaired = scale.value(held_out[:, None])[:, 0]
        repaired = np.where(np.isnan(repaired), truth, repaired)
        ranks_after = np.where(
            self.needed_[found.of_row], ranks_among(draws, repaired, self.random_state), ranks
        )
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
            at_bound=masses.present,
            too_few=wrong & ~self._has_enough,
        )
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
        draws = self._spread(draws)
        level = check_level(level)
        self._require_enough(level)
        ends = np.stack([self._ends(scores, level) for scores in self._ascending_scores])
        found = np.concatenate(
            [
                self._scale(draws[block], self._spread_line).value(ends[which[block]])
                for block in row_blocks(draws)
            ]
        )
        found = self._masses.cut(found)
        return found[:, 0], found[:, 1]

    def apply(
        self, draws: ArrayLike, groups: ArrayLike | None = None
    ) -> Float[np.ndarray, "observations draws dim"]:
        """The same draws, moved so that true causes rank uniformly among them.

        Each parameter is moved by an increasing map of its own: the order of the draws, and so
        their rank correlations, stay as they were. Parameters that need no repair stay too, and
        so do draws at a bound that carries probability, with the others of their observation if
        those are fewer than 16.

        Args:
            draws: of new observations, (observations, draws, dim).
            groups: label of each observation, where `fit` had them.

        Raises:
            NotFittedError: before `fit`.
            DataError: draws that do not fit the calibration.
        """
        draws, which = self._checked_new(draws, groups)
        beside, repaired = self._masses.beside(draws), np.array(draws, dtype=float)
        for group, recalibration in enumerate(self._recalibrations):
            rows = np.flatnonzero(which == group)
            if not rows.size or not self.needed_[group].any():
                continue
            for block in row_blocks(draws[rows]):
                old = beside[rows[block]]
                scale = self._scale(old, self._line)
                moved = scale.value(recalibration.forward(scale.score(old)))
                is_moved = self.needed_[group] & ~np.isnan(moved)
                repaired[rows[block]] = np.where(is_moved, moved, draws[rows[block]])
        return repaired

    @property
    def highest_level_(self) -> float:
        """Of the intervals that so many calibration observations guarantee, in every group.

        Raises:
            NotFittedError: before `fit`.
        """
        self._require_fitted()
        return float(1 - self._num_tails / (self._groups.sizes.min() + 1))

    def require_parameters(self, names: Sequence[str]) -> None:
        """Refuses posteriors of other parameters; without `names`, of another number of them.

        Raises:
            NotFittedError: before `fit`.
            ConfigurationError: with both lists.
        """
        self._require_fitted()
        if len(names) != self.n_features_in_ or (
            self.names is not None and tuple(names) != self._names
        ):
            raise ConfigurationError(
                f"The calibration is of {', '.join(self._names)}; the posterior of "
                f"{', '.join(names)}.",
                "Fit it to draws of the same solver.",
            )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything learned, as arrays of numbers by name; names and labels are not among them.

        Raises:
            NotFittedError: before `fit`.
        """
        self._require_fitted()
        return state.to_arrays(self)

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, np.ndarray],
        *,
        names: Sequence[str] | None = None,
        groups: Sequence[Any] | None = None,
    ) -> "ConformalCalibration":
        """What `to_arrays` described.

        Args:
            arrays: all of them.
            names: of the parameters, as in the fit.
            groups: `groups_` of the fit.

        Raises:
            ConfigurationError: arrays are missing, or another number of names or groups.
        """
        return state.from_arrays(cls, arrays, names, groups)

    def _begin(
        self, groups: Groups, masses: PointMasses, names: tuple[str, ...], num_draws: int
    ) -> None:
        """Sets what has to be known to read values as scores."""
        self._num_tails = 2 if self.tails == "separate" else 1
        self._groups, self._masses, self._names = groups, masses, names
        self._line = RealLine(masses.lower, masses.upper)
        self._spread_line = RealLine(*masses.edges)
        self._probabilities = knot_probabilities(num_draws)

    def _learn(
        self,
        ascending: list[Float[np.ndarray, "_ dim"]],
        beside: list[Float[np.ndarray, "_ dim"]],
        num_draws: int,
    ) -> None:
        """Sets what follows from the scores of the true causes, group by group.

        Args:
            ascending: scores that intervals are made of.
            beside: those that repair draws, ascending; NaN for causes at a point mass.
            num_draws: of each observation.
        """
        self._ascending_scores, self._scores_beside = ascending, beside
        self._recalibrations = [
            fit_recalibration(scores, num_draws, self.tails) for scores in beside
        ]
        self.groups_ = self._groups.labels
        self.n_features_in_ = ascending[0].shape[1]

    @property
    def _has_enough(self) -> Bool[np.ndarray, "groups dim"]:
        """Whether enough true causes lie beside point masses to repair draws there."""
        beside = [(~np.isnan(scores)).sum(axis=0) for scores in self._scores_beside]
        return np.stack(beside) >= _FEWEST_OBSERVATIONS

    def _require_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} has not learned anything yet.",
                "Call `fit(draws, truth)` first.",
            )

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
        self._require_fitted()
        fewest = max(fewest_values(self._probabilities[0]), FEWEST_VALUES)
        checked = checked_draws(draws, self.n_features_in_, at_least=fewest)
        require_within("draws", checked, (self._masses.lower, self._masses.upper), self._names)
        return checked, self._groups.find(groups, len(checked))

    def _spread(
        self, x: Float[np.ndarray, "*rows dim"], of: int = _OF_DRAWS
    ) -> Float[np.ndarray, "*rows dim"]:
        return self._masses.spread(x, np.random.default_rng((self.random_state, of)))

    def _scale(
        self, draws: Float[np.ndarray, "observations draws dim"], line: RealLine
    ) -> QuantileScale:
        return quantile_scale(draws, self._probabilities, line, self._names)

    def _whole_scale(
        self, draws: Float[np.ndarray, "observations draws dim"], line: RealLine
    ) -> QuantileScale:
        """The scale of all observations, a block of them at a time."""
        scales = [self._scale(draws[block], line) for block in row_blocks(draws)]
        quantiles = np.concatenate([scale.quantiles for scale in scales], axis=1)
        return QuantileScale(scales[0].knots, quantiles, line)

    def _ends(
        self, scores: Float[np.ndarray, "observations dim"], level: float
    ) -> Float[np.ndarray, "2 dim"]:
        """Scores of the lower and the upper end of an interval."""
        excluded = num_excluded(len(scores), level, num_tails=self._num_tails)
        upper = scores[len(scores) - excluded]
        return np.stack([scores[excluded - 1] if self._num_tails == 2 else -upper, upper])

    def __sklearn_is_fitted__(self) -> bool:
        return "summary_" in vars(self)
