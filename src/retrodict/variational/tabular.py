"""What all networks share that learn from one table, as scikit-learn's estimators do."""

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import numpy as np
from jaxtyping import Float, PyTree
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from retrodict.errors import ConfigurationError, NotFittedError, ShapeError, TooFewRowsError
from retrodict.tables import as_matrix
from retrodict.training import Outcome, Progress, TrainingConfig, TrainingResult, train
from retrodict.training.mesh import shared_mesh
from retrodict.training.step import Loss
from retrodict.typing import Key
from retrodict.variational import state as saved
from retrodict.variational.scale import Scale

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_MOST_HELD_OUT = 5_000


def like(
    given: Any,
    values: Float[np.ndarray, "rows columns"],
    names: Sequence[str],
    index: Any = None,
) -> "Float[np.ndarray, 'rows columns'] | pandas.DataFrame":
    """The values as a DataFrame with these names where a DataFrame was given, else as they are.

    Args:
        given: by the user.
        values: to be returned.
        names: of their columns.
        index: of the rows; that of `given` by default.
    """
    import pandas as pd

    if isinstance(given, pd.DataFrame):
        return pd.DataFrame(
            values, index=given.index if index is None else index, columns=list(names)
        )
    return values


def dense(X: Any) -> Any:
    """Sparse matrices, and arrays of Python numbers, as arrays of floats."""
    to_dense = getattr(X, "toarray", None)
    if to_dense is not None and issparse(X):
        return to_dense()
    if isinstance(X, np.ndarray) and X.dtype == object:
        return X.astype(float)
    return X


class AbstractTabularNetwork(BaseEstimator, abc.ABC):
    """Checks tables, trains on most of the rows and keeps the best epoch on the others.

    Attributes:
        n_features_in_, feature_names_in_: columns of X, and their names where there are any.
        history_: one row per epoch.
        outcome_: how training ended.
    """

    _fewest_rows: ClassVar[int] = 2
    # Names of attributes that a bundle keeps, besides the network and the scale.
    _learned_arrays: ClassVar[tuple[str, ...]] = ()
    # Others, or None, by their class, which has `to_state` and `from_state`.
    _learned_parts: ClassVar[dict[str, Any]] = {}

    latent_dim: Any
    validation_fraction: float
    max_epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    weight_decay: float
    patience: int | None
    random_state: int
    n_features_in_: int
    history_: "pandas.DataFrame"
    outcome_: Outcome
    num_rows_: int
    _model: PyTree
    _scale: Scale

    def _checked(self, X: Any, *, reset: bool) -> Float[np.ndarray, "rows dim"]:
        """X as numbers, with the columns of training unless `reset`."""
        if not reset:
            self._require_fitted()
        values = as_matrix(dense(X), "X").values
        validate_data(self, X=X, reset=reset, skip_check_array=True)
        if reset and len(values) < self._fewest_rows:
            raise TooFewRowsError(
                f"At least {self._fewest_rows} rows are needed to train and to validate on; got "
                f"{len(values)} sample(s).",
                "Bring more rows.",
            )
        return values

    def _latent_numbers(self, Z: Any) -> Float[np.ndarray, "rows latent"]:
        """Z as numbers, with as many columns as `transform` gives."""
        self._require_fitted()
        values = as_matrix(Z, "Z").values
        if values.shape[1] != self._n_features_out:
            raise ShapeError(
                f"`Z` has {values.shape[1]} columns; there are {self._n_features_out} latent "
                "numbers.",
                "Give what `transform` gives.",
            )
        return values

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim

    def _split(self, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows to choose the best epoch by, and rows to learn from."""
        if not 0 < self.validation_fraction < 1:
            raise ConfigurationError(
                f"`validation_fraction` must lie between 0 and 1; got {self.validation_fraction}.",
                "Use 0.1.",
            )
        order = np.random.default_rng(self.random_state).permutation(num_rows)
        num = min(max(1, round(self.validation_fraction * num_rows)), _MOST_HELD_OUT, num_rows - 1)
        return order[:num], order[num:]

    def _config(self, num_rows: int) -> TrainingConfig:
        """What the user has given, and else what serves networks of this size."""
        batch_size = min(num_rows, self.batch_size or (128 if num_rows < 10_000 else 512))
        return TrainingConfig(
            batch_size=batch_size,
            learning_rate=self.learning_rate or 1e-3,
            max_epochs=self.max_epochs or 100,
            weight_decay=self.weight_decay,
            patience=self.patience,
        )

    def _trained(
        self,
        model: PyTree,
        loss: Loss,
        rows: PyTree,
        held_out: PyTree,
        *,
        key: Key,
        config: TrainingConfig | None = None,
        validation_loss: Loss | None = None,
        metrics: Mapping[str, Loss] | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> TrainingResult:
        if config is None:
            config = self._config(len(jax.tree.leaves(rows)[0]))
        return train(
            model,
            loss,
            rows,
            held_out,
            key=key,
            config=config,
            validation_loss=validation_loss,
            metrics=metrics,
            progress=progress,
            checkpoint=checkpoint,
            mesh=shared_mesh(config.batch_size),
        )

    @property
    def _feature_names(self) -> list[str]:
        """Of the columns of X; x0, x1 ... where they had none."""
        names = getattr(self, "feature_names_in_", None)
        return [f"x{i}" for i in range(self.n_features_in_)] if names is None else list(names)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON-able settings and arrays, enough for `from_state`."""
        self._require_fitted()
        return saved.to_state(self)

    @classmethod
    def from_state(
        cls, state: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> "AbstractTabularNetwork":
        """The estimator that `to_state` described."""
        return saved.from_state(cls, state, arrays)

    @abc.abstractmethod
    def _built(self, dim: int, key: Key) -> PyTree:
        """The network for that many columns, before training."""

    def _require_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} has not learned anything yet.", "Call `fit(X)` first."
            )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return "_model" in vars(self)
