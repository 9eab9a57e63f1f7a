"""Classification by networks that know what they do not know."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import jax.random as jr
import numpy as np
from jaxtyping import Float
from scipy.special import softmax
from sklearn.base import ClassifierMixin

from retrodict.errors import ConfigurationError
from retrodict.training import Progress
from retrodict.variational.abstract_bayesian_network import AbstractBayesianNetwork
from retrodict.variational.predictive import ClassUncertainty
from retrodict.variational.targets import ClassTargets

# A network of finite outputs never excludes a class; rounding may.
_SMALLEST = np.finfo(float).tiny


class BayesianClassifier(ClassifierMixin, AbstractBayesianNetwork):
    """Predicts classes with probabilities that say what the network does not know.

        p(y | x) = int softmax(f_w(x))_y q(w) dw

    The methods, and all settings, are those of `BayesianRegressor`. With "laplace" the last layer
    has the normal posterior of Laplace's approximation (MacKay 1992; Daxberger et al. 2021,
    arXiv:2106.14806) under the prior N(0, 1 / weight_decay), averaged over draws.

    Args:
        method: "ensemble", "variational", "dropout", "laplace" or "none".
        hidden, activation, num_members, prior_sd, kl, num_train_draws: see `BayesianRegressor`.
        num_draws: of the weights, for predictions of "variational", "dropout" and "laplace".
        dropout, weight_decay: see `BayesianRegressor`.
        max_epochs, batch_size, learning_rate, patience: see `BayesianRegressor`.
        validation_fraction: share of the rows that a lone network keeps aside.
        random_state: seed of everything.

    Attributes:
        classes_: in ascending order, as the columns of `predict_proba`.
        n_features_in_, feature_names_in_: columns of X, and their names where there are any.
        history_: one row per epoch, of small tables per several passes.
        outcome_: how training ended.
        num_rows_: training and validation rows.
    """

    _likelihood: ClassVar[str] = "categorical"
    _learned_parts: ClassVar[dict[str, Any]] = {"_targets": ClassTargets}
    _targets: ClassTargets

    def __init__(
        self,
        method: str = "ensemble",
        *,
        hidden: Sequence[int] = (50, 50),
        activation: str = "relu",
        num_members: int | None = None,
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
    ) -> "BayesianClassifier":
        """Learns the class of each row.

        Args:
            X: (rows, columns): array or DataFrame, whose names are kept.
            y: (rows,), labels: numbers or text.
            progress: is told how training goes.
            checkpoint: file from which a killed fit of the same data goes on, bit for bit.

        Raises:
            DataError: NaN, text in X, too few rows, another number of rows in y, a single class.
            ConfigurationError: settings that make no network for these columns.
            TrainingError: the loss stayed non-finite.
        """
        values = self._checked(X, reset=True)
        self._targets = ClassTargets.of(y)
        self._learn(values, self._targets.indicators(y, values), progress, checkpoint)
        return self

    @property
    def classes_(self) -> np.ndarray:
        return self._targets.classes

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row.

        Raises:
            NotFittedError: before `fit`.
            DataError: other columns than in `fit`, NaN.
        """
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def predict_proba(self, X: Any) -> Float[np.ndarray, "rows classes"]:
        """Probability of each class, in the order of `classes_`.

        Raises:
            NotFittedError, DataError: as in `predict`.
        """
        return self._probabilities(X).mean(axis=0)

    def predict_log_proba(self, X: Any) -> Float[np.ndarray, "rows classes"]:
        """Their logarithms.

        Raises:
            NotFittedError, DataError: as in `predict`.
        """
        return np.log(np.maximum(self.predict_proba(X), _SMALLEST))

    def log_prob(self, X: Any, y: Any) -> Float[np.ndarray, " rows"]:
        """log p(y | x) of each row, in nats.

        Raises:
            NotFittedError, DataError: as in `predict`; labels that training had not.
        """
        log_probabilities = self.predict_log_proba(X)
        is_true = self._targets.indicators(y, log_probabilities) > 0
        return log_probabilities[is_true]

    def uncertainty(self, X: Any) -> ClassUncertainty:
        """Entropy of the class of each row, and what of it is epistemic and aleatoric.

        Raises:
            NotFittedError, DataError: as in `predict`.
        """
        probabilities = self._probabilities(X)
        return ClassUncertainty(
            _entropy(probabilities.mean(axis=0)), _entropy(probabilities).mean(axis=0)
        )

    @property
    def _num_targets(self) -> int:
        return len(self._targets.classes)

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.method == "laplace" and not self.weight_decay > 0:
            raise ConfigurationError(
                f"Laplace's approximation needs the prior whose precision `weight_decay` is; got "
                f"{self.weight_decay}.",
                "Leave `weight_decay` out.",
            )

    def _probabilities(self, X: Any) -> Float[np.ndarray, "draws rows classes"]:
        """Of each network, or draw of its weights."""
        values = self._checked(X, reset=False)
        u = self._scale.forward(values)
        logits = self._model.functions(u, jr.key(self.random_state), self.num_draws)
        return np.asarray(softmax(logits, axis=-1))


def _entropy(probabilities: Float[np.ndarray, "... classes"]) -> Float[np.ndarray, "..."]:
    terms = probabilities * np.log(np.maximum(probabilities, _SMALLEST))
    return np.asarray(-terms.sum(axis=-1))
