"""Regression by networks that know what they do not know."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar
from sklearn.base import RegressorMixin
from sklearn.utils import Tags

from retrodict.errors import ConfigurationError
from retrodict.repair import ConformalCalibration
from retrodict.training import Progress
from retrodict.variational.abstract_bayesian_network import AbstractBayesianNetwork
from retrodict.variational.predictive import NormalMixture, NumberUncertainty
from retrodict.variational.targets import NumberTargets

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_NUM_CONFORMAL_DRAWS = 400
# Of the noise that the networks believe in: beyond these something else is wrong.
_LOG_FACTORS = (-5.0, 5.0)


class BayesianRegressor(RegressorMixin, AbstractBayesianNetwork):
    """Predicts numbers with two uncertainties: of the network, and of the measurement.

        p(y | x) = int N(y; f_w(x), noise_sd^2) q(w) dw

    Methods, which differ in q:

    - "ensemble": a few networks from different starts, each of which keeps another part of the
      rows aside (Lakshminarayanan et al. 2017, arXiv:1612.01474).
    - "variational": independent normal weights, which maximise the evidence lower bound (Graves
      2011; Blundell et al. 2015, arXiv:1505.05424) by local reparametrisation (Kingma et al.
      2015, arXiv:1506.02557). It learns from all rows.
    - "dropout": units left out at random, in predictions as in training (Gal and Ghahramani
      2016, arXiv:1506.02142).
    - "laplace": a plain network whose last layer is a Bayesian linear regression on its
      features (MacKay 1992, doi:10.1162/neco.1992.4.3.415).
    - "none": a plain network; all uncertainty is noise.

    The noise that networks learn is theirs about rows they know; for all methods but the
    variational one a factor corrects it by the rows that were held out.

    Args:
        method: one of those above.
        hidden: widths of the hidden layers.
        activation: of hidden layers, one of `networks.ACTIVATIONS`.
        num_members: number of networks; 5 for an ensemble, otherwise 1 by default. More than one
            of any method make an ensemble of it.
        heteroscedastic: whether the noise depends on x, as an output of the network.
        noise_sd: of the measurements, in the units of y; "learned" by default.
        prior_sd: of the weights of the variational method, see `networks.BayesianLinear`.
        kl: their divergence from the prior, "analytic" or "sampled".
        num_train_draws: of the weights, for each step of the variational method.
        num_draws: of the weights, for predictions of "variational" and "dropout".
        dropout: share of the hidden units left out by "dropout".
        weight_decay: lambda in the penalty lambda/2 |W|^2 of the other methods, in nats.
        max_epochs: passes over the data; by default as many as make 10,000 steps, at least 20.
        batch_size: rows per step; by default 32, or 128 from 2,000 rows on.
        learning_rate: largest of the schedule; .003, or .01 of the variational method.
        patience: epochs without a better held-out error before training stops; None for none.
        validation_fraction: share of the rows that a lone network keeps aside.
        random_state: seed of everything.

    Attributes:
        n_features_in_, feature_names_in_: columns of X, and their names where there are any.
        noise_sd_: of the measurements of each target where it does not depend on x, else None.
        calibration_: what `calibrate` has learned, else None.
        history_: one row per epoch, losses in scaled units; of small tables one per several passes.
        outcome_: how training ended.
        num_rows_: training and validation rows.
    """

    _likelihood: ClassVar[str] = "gaussian"
    _learned_parts: ClassVar[dict[str, Any]] = {"_targets": NumberTargets}
    _targets: NumberTargets
    calibration_: ConformalCalibration | None

    def __init__(
        self,
        method: str = "ensemble",
        *,
        hidden: Sequence[int] = (50, 50),
        activation: str = "relu",
        num_members: int | None = None,
        heteroscedastic: bool = False,
        noise_sd: float | str = "learned",
        prior_sd: float | str = 3.0,
        kl: str = "analytic",
        num_train_draws: int = 1,
        num_draws: int = 100,
        dropout: float = 0.05,
        weight_decay: float = 10.0,
        max_epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        random_state: int = 0,
    ) -> None:
        self.method = method
        self.hidden = hidden
        self.activation = activation
        self.num_members = num_members
        self.heteroscedastic = heteroscedastic
        self.noise_sd = noise_sd
        self.prior_sd = prior_sd
        self.kl = kl
        self.num_train_draws = num_train_draws
        self.num_draws = num_draws
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> "BayesianRegressor":
        """Learns y from X.

        Args:
            X: (rows, columns): array or DataFrame, whose names are kept.
            y: (rows,), or (rows, targets) for several, of which a DataFrame keeps its names.
            progress: is told how training goes.
            checkpoint: file from which a killed fit of the same data goes on, bit for bit.

        Raises:
            DataError: NaN, text, too few rows, another number of rows in y.
            ConfigurationError: settings that make no network for these columns.
            TrainingError: the loss stayed non-finite.
        """
        values = self._checked(X, reset=True)
        self._check_noise()
        self._targets = NumberTargets.of(y, values)
        targets = self._targets.scaled(y)
        held_out = self._learn(values, targets, progress, checkpoint)
        self.calibration_ = None
        if held_out.any() and self.noise_sd == "learned":
            aside = held_out.any(axis=1)
            factor = self._noise_factor(
                self._scale.forward(values[aside]), targets[aside], held_out[aside]
            )
            self._model = eqx.tree_at(
                lambda model: model.noise_factor, self._model, jnp.asarray(factor, jnp.float32)
            )
        return self

    def predict(
        self, X: Any, return_std: bool = False
    ) -> "np.ndarray | pandas.DataFrame | tuple[Any, Any]":
        """Mean of y at each row, with `return_std` also its standard deviation, noise included.

        Raises:
            NotFittedError: before `fit`.
            DataError: other columns than in `fit`, NaN.
        """
        mixture = self._mixture(X)
        mean = self._targets.like(mixture.mean, X)
        return (mean, self._targets.like(mixture.sd, X)) if return_std else mean

    def uncertainty(self, X: Any) -> NumberUncertainty:
        """Mean, epistemic and aleatoric standard deviation at each row, in the units of y.

        Raises:
            NotFittedError, DataError: as in `predict`.
        """
        mixture = self._mixture(X)
        parts = (mixture.mean, mixture.epistemic_sd, mixture.aleatoric_sd)
        return NumberUncertainty(*(self._targets.shaped(part) for part in parts))

    def predict_quantiles(
        self, X: Any, levels: Sequence[float] = (0.05, 0.5, 0.95)
    ) -> Float[np.ndarray, "rows *targets levels"]:
        """Values below which y lies with the given probabilities.

        Raises:
            NotFittedError, DataError: as in `predict`.
            ConfigurationError: levels that are no probabilities.
        """
        wanted = np.asarray(levels, float)
        if wanted.ndim != 1 or not len(wanted) or not ((wanted > 0) & (wanted < 1)).all():
            raise ConfigurationError(
                f"Levels of quantiles lie between 0 and 1; got {levels!r}.",
                "Give e.g. (0.05, 0.5, 0.95).",
            )
        found = self._mixture(X).quantiles(wanted)
        return found[:, 0] if self._targets.is_flat else found

    def predict_interval(
        self, X: Any, level: float = 0.9
    ) -> tuple[Float[np.ndarray, "rows *targets"], Float[np.ndarray, "rows *targets"]]:
        """Lower and upper ends that hold y with this probability, each target by itself.

        Those of the predictive distribution, or after `calibrate` conformal ones, which hold
        what they promise whatever the network.

        Raises:
            NotFittedError, DataError: as in `predict`.
            ConfigurationError: a level that is no probability.
        """
        if self.__sklearn_is_fitted__() and self.calibration_ is not None:
            low, high = self.calibration_.intervals(self._draws(X), level)
            return self._targets.shaped(low), self._targets.shaped(high)
        ends = self.predict_quantiles(X, ((1 - level) / 2, (1 + level) / 2))
        return ends[..., 0], ends[..., 1]

    def calibrate(
        self, X: Any, y: Any, *, levels: Sequence[float] = (0.5, 0.8, 0.9)
    ) -> "BayesianRegressor":
        """Learns from rows that `fit` has not seen how far y lies from its predictions.

        From then on `predict_interval` is conformal, see `repair.ConformalCalibration`.

        Args:
            X: new rows.
            y: their targets.
            levels: at which too few rows are refused.

        Raises:
            NotFittedError, DataError: as in `predict`; too few rows for these levels.
        """
        draws = self._draws(X)
        truth = self._targets.checked(y, draws)
        self.calibration_ = ConformalCalibration(
            levels=tuple(levels), random_state=self.random_state
        ).fit(draws, truth)
        return self

    def log_prob(self, X: Any, y: Any) -> Float[np.ndarray, " rows"]:
        """log p(y | x) of each row in nats, y in its units, all its targets together.

        Raises:
            NotFittedError, DataError: as in `predict`; another number of rows in y.
        """
        mixture = self._mixture(X)
        return mixture.log_prob(self._targets.checked(y, mixture.mean))

    def sample(
        self, X: Any, num_draws: int, *, noise: bool = True, random_state: int | None = None
    ) -> Float[np.ndarray, "rows draws *targets"]:
        """Draws of y at each row.

        Args:
            X: rows.
            num_draws: for each.
            noise: whether measurements are drawn; without, each draw is one function of all rows,
                from the posterior of the network.
            random_state: seed; that of the estimator by default.

        Raises:
            NotFittedError, DataError: as in `predict`.
        """
        seed = self.random_state if random_state is None else random_state
        if noise:
            return self._targets.shaped(
                self._mixture(X).draws(num_draws, np.random.default_rng(seed)), axis=2
            )
        values = self._checked(X, reset=False)
        u = self._scale.forward(values)
        functions = self._model.functions(u, jr.key(seed), num_draws)
        which = np.arange(num_draws) % len(functions)
        values = self._targets.centre + self._targets.width * functions[which]
        return self._targets.shaped(np.moveaxis(values, 0, 1), axis=2)

    @property
    def noise_sd_(self) -> Float[np.ndarray, " targets"] | None:
        self._require_fitted()
        if self.heteroscedastic:
            return None
        row = np.zeros((1, self.n_features_in_), np.float32)
        mixture = self._model.mixture(row, jr.key(0), self.num_draws)
        return mixture.aleatoric_sd[0] * self._targets.width

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        state, arrays = super().to_state()
        if self.calibration_ is not None:
            arrays |= {f"calibration.{k}": v for k, v in self.calibration_.to_arrays().items()}
        return state, arrays

    @classmethod
    def from_state(
        cls, state: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> "BayesianRegressor":
        estimator = super().from_state(state, arrays)
        start = "calibration."
        kept = {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
        estimator.calibration_ = ConformalCalibration.from_arrays(kept) if kept else None
        return estimator

    @property
    def _num_targets(self) -> int:
        return len(self._targets.centre)

    @property
    def _is_heteroscedastic(self) -> bool:
        return self.heteroscedastic

    @property
    def _noise_sds(self) -> tuple[float, ...] | None:
        if isinstance(self.noise_sd, str):
            return None
        return tuple((self.noise_sd / self._targets.divisor).tolist())

    def _check_noise(self) -> None:
        sd = self.noise_sd
        if not (sd == "learned" if isinstance(sd, str) else sd > 0):
            raise ConfigurationError(
                f"`noise_sd` is a positive number or 'learned'; got {self.noise_sd!r}.",
                'Use "learned".',
            )
        if not isinstance(sd, str) and self.heteroscedastic:
            raise ConfigurationError(
                f"Noise that depends on x is learned; got noise_sd={self.noise_sd}.",
                "Leave `noise_sd` out, or use heteroscedastic=False.",
            )

    def _mixture(self, X: Any) -> NormalMixture:
        """Of all rows, in the units of y."""
        values = self._checked(X, reset=False)
        u = self._scale.forward(values)
        found = self._model.mixture(u, jr.key(self.random_state), self.num_draws)
        width = self._targets.divisor
        return NormalMixture(
            self._targets.centre + self._targets.width * found.means,
            width * found.epistemic_sds,
            width * found.noise_sds,
        )

    def _draws(self, X: Any) -> Float[np.ndarray, "rows draws targets"]:
        rng = np.random.default_rng(self.random_state)
        return self._mixture(X).draws(_NUM_CONFORMAL_DRAWS, rng)

    def _noise_factor(
        self,
        u: Float[np.ndarray, "rows dim"],
        targets: Float[np.ndarray, "rows targets"],
        held_out: np.ndarray,
    ) -> Float[np.ndarray, " targets"]:
        """By which the noise has to be larger for held-out rows to be most probable.

        Each row is predicted by the networks that have not seen it.
        """
        found = self._model.mixture(u, jr.key(self.random_state), self.num_draws)
        members = held_out.shape[1]

        def unseen(part: np.ndarray) -> np.ndarray:
            by_member = part.reshape(-1, members, *part.shape[1:])
            rows, which = np.nonzero(held_out)
            return np.asarray(by_member[:, which, rows])

        means, epistemic = unseen(found.means), unseen(found.epistemic_sds)
        noise = unseen(found.noise_sds)
        truth = targets[np.nonzero(held_out)[0]]

        def factor(t: int) -> float:
            one = slice(t, t + 1)

            def negative_log_likelihood(log_factor: float) -> float:
                tried = np.exp(log_factor) * noise[..., one]
                mixture = NormalMixture(means[..., one], epistemic[..., one], tried)
                return -float(mixture.log_prob(truth[:, one]).mean())

            best = minimize_scalar(negative_log_likelihood, bounds=_LOG_FACTORS, method="bounded")
            return float(np.exp(best.x))

        return np.array([factor(t) for t in range(targets.shape[1])])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        return tags
