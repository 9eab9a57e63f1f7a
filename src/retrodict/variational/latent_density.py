"""What a fitted density with latent numbers answers."""

import abc
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float as NpFloat
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import ClassifierTags, Tags
from sklearn.utils.metaestimators import available_if

from retrodict.errors import CapabilityError, ConditionError, ConfigurationError, ShapeError
from retrodict.tables.names import listed
from retrodict.typing import Array, Float
from retrodict.variational import programs
from retrodict.variational.condition import Condition
from retrodict.variational.label_encoding import LabelEncoding
from retrodict.variational.latent_model import LatentModel
from retrodict.variational.settings import check_support
from retrodict.variational.tabular import AbstractTabularNetwork, dense, like

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)


def _is_supervised(estimator: "AbstractLatentDensity") -> bool:
    return estimator.supervised_weight > 0


class AbstractLatentDensity(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, AbstractTabularNetwork
):
    """A scikit-learn transformer to latent numbers and back, and a density of rows.

    Every answer takes the `condition` that rows were given in `fit`: a table with one row per
    row of X.
    """

    likelihood: str
    encoder_condition: bool
    supervised_weight: float
    _model: LatentModel
    _condition: Condition | None
    _label_encoding: LabelEncoding | None

    @abc.abstractmethod
    def fit(self, X: Any, y: Any = None, *, condition: Any = None) -> "AbstractLatentDensity":
        """Learns the distribution of the rows of X."""

    def fit_transform(
        self, X: Any, y: Any = None, **fit_params: Any
    ) -> "NpFloat[np.ndarray, 'rows latent'] | pandas.DataFrame":
        """`fit`, then `transform` of the same rows under the same condition."""
        fitted = self.fit(X, y, **fit_params)
        return fitted.transform(X, condition=fit_params.get("condition"))

    def transform(
        self, X: Any, *, condition: Any = None
    ) -> "NpFloat[np.ndarray, 'rows latent'] | pandas.DataFrame":
        """Posterior means of the latent numbers of each row.

        Args:
            X: rows.
            condition: of each row; not needed where the encoder does not see it.

        Raises:
            NotFittedError: before `fit`.
            DataError: other columns than in `fit`, NaN, values that the likelihood cannot produce.
            ConditionError: a condition is missing, was not there in `fit`, or has a category
                that training had not.
        """
        u = self._scaled(X)
        means = programs.encoded(self._model, u, self._seen(condition, X))
        return like(X, means, list(self.get_feature_names_out()))

    def inverse_transform(
        self, Z: Any, *, condition: Any = None
    ) -> "NpFloat[np.ndarray, 'rows dim'] | pandas.DataFrame":
        """The mean row that latent numbers stand for, in the units of X.

        Args:
            Z: latent numbers.
            condition: one row for all, or one for each. Another one than that of the rows that Z
                came from says what they would have been under it.

        Raises:
            NotFittedError: before `fit`.
            ShapeError: another number of columns than latent numbers.
            ConditionError: as in `transform`.
        """
        z = self._latent_numbers(Z)
        return like(Z, self._decoded(z, self._repeated(condition, len(z))), self._feature_names)

    def reconstruct(
        self, X: Any, *, condition: Any = None
    ) -> "NpFloat[np.ndarray, 'rows dim'] | pandas.DataFrame":
        """The mean row given the posterior mean of the latent numbers of each row.

        Raises:
            NotFittedError, DataError, ConditionError: as in `transform`.
        """
        u = self._scaled(X)
        c = self._of_rows(condition, X)
        means = programs.encoded(self._model, u, c)
        return like(X, self._decoded(means, c), self._feature_names)

    def sample(
        self, num_draws: int, *, condition: Any = None, random_state: int | None = None
    ) -> "NpFloat[np.ndarray, 'rows dim'] | pandas.DataFrame":
        """New rows: z from the prior, x from the decoder, its noise included.

        Args:
            num_draws: how many.
            condition: one row for all draws, e.g. a dict from names to values, or one for each.
            random_state: seed; that of the estimator by default.

        Returns:
            An array, or a DataFrame where X had names.

        Raises:
            NotFittedError: before `fit`.
            ConditionError: as in `transform`.
        """
        import pandas as pd

        self._require_fitted()
        c = _on_device(self._repeated(condition, num_draws))
        seed = self.random_state if random_state is None else random_state
        u = np.asarray(programs.draws(self._model, jr.key(seed), num_draws, c))
        values = self._scale.inverse(u)
        if hasattr(self, "feature_names_in_"):
            return pd.DataFrame(values, columns=self._feature_names)
        return values

    def score_samples(
        self,
        X: Any,
        *,
        condition: Any = None,
        num_samples: int = 100,
        return_std: bool = False,
    ) -> (
        NpFloat[np.ndarray, " rows"]
        | tuple[NpFloat[np.ndarray, " rows"], NpFloat[np.ndarray, " rows"]]
    ):
        """log p(x) of each row in nats, in the units of X: high is normal.

        The importance-weighted bound log mean_s p(x | z_s) p(z_s) / q(z_s | x) (Burda et al.
        2015, arXiv:1509.00519): below log p(x) in expectation, and nearer with more samples.

        Args:
            X: rows.
            condition: of each row; the answer is then log p(x | condition).
            num_samples: draws of z for each.
            return_std: whether to return the standard error of each value as well, from the
                spread of its weights. Where it exceeds about .5, use more samples.

        Raises:
            NotFittedError, DataError, ConditionError: as in `transform`.
            ConfigurationError: fewer than 2 samples.
        """
        if num_samples < 2:
            raise ConfigurationError(
                f"A standard error takes at least 2 samples; got num_samples={num_samples}.",
                "Use 100.",
            )
        key = jr.key(self.random_state)
        u = self._scaled(X)
        c = self._of_rows(condition, X)
        bound, errors = programs.marginal_bound(self._model, u, c, key, num_samples)
        bound = bound + self._log_det
        return (bound, errors) if return_std else bound

    def score(self, X: Any, y: Any = None, *, condition: Any = None) -> float:
        """Mean of `score_samples` over the rows.

        Raises:
            NotFittedError, DataError, ConditionError: as in `transform`.
        """
        del y
        return float(np.mean(self.score_samples(X, condition=condition)))

    def impute(
        self, X: Any, *, condition: Any = None, num_steps: int = 200, return_std: bool = False
    ) -> Any:
        """Rows with their missing entries (NaN) filled in by their mean given the others.

        By Markov chains on latent numbers and missing entries together (Mattei and Frellsen
        2018, arXiv:1802.04826), which a poor encoder slows down but does not mislead.

        Args:
            X: rows; what is missing is NaN.
            condition: of each row; nothing of it may be missing.
            num_steps: of each chain, of which the second half counts.
            return_std: whether to return the standard deviation of each entry as well; zero
                where nothing is missing.

        Raises:
            NotFittedError, DataError, ConditionError: as in `transform`.
            ConfigurationError: fewer than 2 steps.
        """
        self._require_fitted()
        if num_steps < 2:
            raise ConfigurationError(
                f"A chain has at least 2 steps; got num_steps={num_steps}.", "Use 200."
            )
        given = np.array(dense(X), float)
        is_missing = np.isnan(given)
        # Any value that the likelihood allows: the chain starts from a typical one.
        filled = self._scale.inverse(np.zeros((1, self.n_features_in_)))
        u = self._scaled(like(X, np.where(is_missing, filled, given), self._feature_names))
        c = _on_device(self._of_rows(condition, X))
        key = jr.key(self.random_state)
        means, sds = programs.imputed(
            self._model, jnp.asarray(u), c, jnp.asarray(is_missing), key, num_steps
        )
        values = np.where(is_missing, self._scale.inverse(np.asarray(means)), given)
        complete = like(X, values, self._feature_names)
        if not return_std:
            return complete
        spread = np.where(is_missing, self._scale.width * np.asarray(sds, float), 0.0)
        return complete, like(X, spread, self._feature_names)

    def interpolate(
        self, start: Any, end: Any, num_rows: int = 10, *, condition: Any = None
    ) -> "NpFloat[np.ndarray, 'rows dim'] | pandas.DataFrame":
        """Rows between two others, along the straight line between their latent numbers.

        Args:
            start: a table of one row.
            end: another.
            num_rows: of the answer, both ends included.
            condition: one row for both ends and what is between, or one for each end, between
                which it changes in equal steps as well.

        Raises:
            NotFittedError, DataError, ConditionError: as in `transform`.
            ShapeError: not one row each.
        """
        ends = [self._scaled(row) for row in (start, end)]
        if any(len(end) != 1 for end in ends):
            raise ShapeError(
                f"Interpolation is between two rows; got {len(ends[0])} and {len(ends[1])}.",
                "Give e.g. `X[:1]` and `X[1:2]`.",
            )
        c = self._repeated(condition, 2)
        each = (None, None) if c is None else (c[:1], c[1:])
        z = [programs.encoded(self._model, u, own) for u, own in zip(ends, each, strict=True)]
        share = np.linspace(0, 1, num_rows)[:, None]
        between = None if c is None else (1 - share) * c[:1] + share * c[1:]
        rows = self._decoded((1 - share) * z[0] + share * z[1], between)
        return like(start, rows, self._feature_names, index=range(num_rows))

    @available_if(_is_supervised)
    def predict(self, X: Any, *, condition: Any = None) -> np.ndarray:
        """What the latent numbers of each row say y is: the likeliest class, or the mean.

        Raises:
            NotFittedError, DataError, ConditionError: as in `transform`.
        """
        u = self._scaled(X)
        labels = self._fitted_labels()
        if labels.classes is None:
            means = programs.encoded(self._model, u, self._seen(condition, X))
            expected = jax.vmap(self._model.expected_label)(jnp.asarray(means, jnp.float32))
            return labels.mean + labels.sd * np.asarray(expected, float)[:, 0]
        return self.classes_[self.predict_proba(X, condition=condition).argmax(axis=1)]

    @available_if(_is_supervised)
    def predict_proba(
        self, X: Any, *, condition: Any = None
    ) -> NpFloat[np.ndarray, "rows classes"]:
        """The probability of each class, the mean over 200 draws of the latent numbers.

        Raises:
            NotFittedError, DataError, ConditionError: as in `transform`.
            CapabilityError: y has numbers, not classes.
        """
        u = self._scaled(X)
        if self._fitted_labels().classes is None:
            raise CapabilityError(
                "Only classes have probabilities; `y` had floats, which are numbers.",
                "Give whole numbers or texts as `y`, or use `predict`.",
            )
        key = jr.key(self.random_state)
        return programs.class_probabilities(self._model, u, self._seen(condition, X), key)

    @property
    def classes_(self) -> np.ndarray:
        """The classes of y."""
        self._require_fitted()
        if self._label_encoding is None or self._label_encoding.classes is None:
            # Python's own error, so that `hasattr` says that there are none.
            raise AttributeError("There are classes where `y` had some and was used.")
        classes = np.array(self._label_encoding.classes)
        # NumPy would turn numbers among texts into texts.
        is_mixed = classes.tolist() != list(self._label_encoding.classes)
        return np.array(self._label_encoding.classes, dtype=object) if is_mixed else classes

    @property
    def _log_det(self) -> float:
        """Of the scaling: densities are per unit of X."""
        width = self._scale.width
        return 0.0 if self.likelihood != "gaussian" else -float(np.log(width[width > 0]).sum())

    def _scaled(self, X: Any) -> NpFloat[np.ndarray, "rows dim"]:
        values = self._checked(X, reset=False)
        check_support(values, self.likelihood)
        return self._scale.forward(values)

    def _decoded(
        self, z: NpFloat[np.ndarray, "rows latent"], c: NpFloat[np.ndarray, "rows cond"] | None
    ) -> NpFloat[np.ndarray, "rows dim"]:
        """Mean rows in the units of X."""
        u = programs.means(self._model, jnp.asarray(z, jnp.float32), _on_device(c))
        return self._scale.inverse(np.asarray(u))

    def _fitted_labels(self) -> LabelEncoding:
        if self._label_encoding is None:
            raise CapabilityError(
                "This model was fitted without labels: `supervised_weight` was 0.",
                "Call `fit(X, y)` again.",
            )
        return self._label_encoding

    def _seen(self, condition: Any, X: Any) -> NpFloat[np.ndarray, "rows cond"] | None:
        """What the encoder is told: nothing is needed where it does not look."""
        if self._condition is not None and condition is None and not self.encoder_condition:
            return None
        return self._of_rows(condition, X)

    def _of_rows(self, condition: Any, X: Any) -> NpFloat[np.ndarray, "rows cond"] | None:
        known = self._known_condition(condition)
        return None if known is None else known.of_rows(condition, X)

    def _repeated(self, condition: Any, num_rows: int) -> NpFloat[np.ndarray, "rows cond"] | None:
        known = self._known_condition(condition)
        return None if known is None else known.repeated(condition, num_rows)

    def _known_condition(self, condition: Any) -> Condition | None:
        """That of training, to which one has to be given exactly where there was one."""
        if self._condition is None:
            if condition is not None:
                raise ConditionError(
                    f"This {type(self).__name__} was fitted without a condition; got one.",
                    "Leave `condition` out, or give one to `fit` as well.",
                )
            return None
        if condition is None:
            raise ConditionError(
                f"This {type(self).__name__} was fitted with a condition "
                f"({listed(self._condition.names)}); got none.",
                "Give `condition`, one row per row.",
            )
        return self._condition

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if self.supervised_weight > 0:
            tags.target_tags.required = True
            tags.classifier_tags = ClassifierTags()
        return tags


def _on_device(c: NpFloat[np.ndarray, "rows cond"] | None) -> Float[Array, "rows cond"] | None:
    return None if c is None else jnp.asarray(c, jnp.float32)
