"""Solvers that learn the forward process too, and can predict y from x."""

import abc
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PyTree
from sklearn.metrics import r2_score

from retrodict._blocks import in_blocks
from retrodict.errors import ConstantColumnError, ShapeError
from retrodict.solvers.trained import AbstractTrainedSolver
from retrodict.tables import as_matrix
from retrodict.typing import Array
from retrodict.variables import names_of


class AbstractForwardSolver(AbstractTrainedSolver):
    """A trained solver whose model also maps causes to effects."""

    _regresses_on_y = False

    @staticmethod
    @abc.abstractmethod
    def _forward(model: PyTree, u: Float[Array, " dim"]) -> Float[Array, " cond"]:
        """The scaled effect c that the model expects from one scaled cause u."""

    def predict(self, x: Any) -> Any:
        """The effect y that the trained model expects from each cause x.

        Args:
            x: causes, (rows, dim): array or DataFrame.

        Returns:
            (rows, cond): a DataFrame with the observables' names if `x` is one, else an array.

        Raises:
            NotFittedError: before `fit`.
            DataError: NaN, wrong columns, values outside the bounds.
        """
        import pandas as pd

        self._require_fitted()
        matrix = as_matrix(x, "x", self.parameters_)
        rng = np.random.default_rng(self.random_state)
        spread = self._scaling.point_masses.spread(matrix.values, rng)
        u = self._scaling.whiten(spread)
        c = in_blocks(
            lambda rows: _forward_rows(type(self)._forward, self._model, rows), u.astype(np.float32)
        )
        y = self._scaling.observation(c)
        if isinstance(x, pd.DataFrame):
            return pd.DataFrame(y, index=x.index, columns=names_of(self.observables_))
        return y

    def score(self, x: Any, y: Any) -> float:
        """R^2 of `predict(x)`, the mean over the observables that vary in `y`.

        Args:
            x: causes, as in `predict`.
            y: their true effects.

        Raises:
            ShapeError: different numbers of rows.
            ConstantColumnError: no observable varies, so that there is nothing to explain.
        """
        self._require_fitted()
        truth = as_matrix(y, "y", self.observables_).values
        predicted = np.asarray(self.predict(x))
        if len(truth) != len(predicted):
            raise ShapeError(
                f"`x` and `y` must have one row per pair; got {len(predicted)} rows of `x` and "
                f"{len(truth)} of `y`.",
                "Take both from the same table.",
            )
        varies = np.ptp(truth, axis=0) > 0
        if not varies.any():
            raise ConstantColumnError(
                "R^2 compares with the variance of the observables; none varies in `y`.",
                "Give rows with different effects.",
            )
        return float(r2_score(truth[:, varies], predicted[:, varies]))


@eqx.filter_jit
def _forward_rows(forward: Any, model: PyTree, u: Float[Array, "rows dim"]) -> Array:
    return jax.vmap(lambda row: forward(model, row))(u)
