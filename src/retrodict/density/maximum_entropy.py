"""The least committed density that has given moments."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from retrodict.bijections import Chain
from retrodict.density import evaluation
from retrodict.density.moment_match import MomentMatch, match, natural_parameters
from retrodict.density.start import location_and_scale
from retrodict.density.state import State
from retrodict.density.support import AbstractSupport, as_support
from retrodict.distributions import Transformed
from retrodict.errors import (
    ConfigurationError,
    ConvergenceError,
    DivergenceError,
    NonFiniteError,
    NotFittedError,
    ShapeError,
)
from retrodict.flows import AbstractArchitecture, get_architecture
from retrodict.objectives import AugmentedLagrangian, draw_key
from retrodict.training import Outcome, Progress, TrainingConfig, train_online
from retrodict.typing import Key

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_WIDTH = 64
_STEPS_PER_EPOCH = 100
_NUM_VALIDATION = 4096
_FIRST_PENALTY = 4.0
_LARGEST_PENALTY = 1e5
_EMA_DECAY = 0.99


class MaximumEntropy(BaseEstimator):
    """The density of largest entropy among all with given moments, as a normalizing flow.

        maximise H(q) = E_q[-log q(x)]   subject to   E_q[T(x)] = values

    by the augmented Lagrangian (Loaiza-Ganem et al. 2017, arXiv:1701.03504): rounds of training
    on the flow's own draws; after each, judged by fresh draws, the multipliers move by the
    penalty times what the moments miss, and the penalty grows by 4 where a large miss has not
    shrunk to half. Moments are compared in units of their
    covariance under q, so no scale of T has to be chosen.

    The solution is of the exponential family, q(x) = exp(eta . T(x)) / Z, and eta comes out.
    Training samples from the flow: take one whose inverse is one pass (couplings, "iaf").

    Args:
        moments: T, from one x (`dim` numbers, a JAX array) to a vector; made of JAX operations.
        values: wanted of E[T], one per moment.
        dim: numbers in one x.
        support: where x lies: "real", "positive", "simplex" (positive shares that sum to one;
            densities are per unit of all but the last), or a pair (lower, upper) for each.
        flow: an architecture or its name.
        tolerance: how far a moment may miss, in its standard deviations, beyond two standard
            errors; also by how many nats the entropy may still change from round to round.
        max_rounds: of training, before giving up.
        steps_per_round, batch_size, learning_rate: of the training in each.
        num_draws: fresh draws on which a round is judged.
        random_state: seed of everything.

    Attributes:
        entropy_, entropy_error_: of q in nats, and its standard error.
        entropy_gap_: no density with these moments has an entropy larger by more, in nats.
        moments_: one row per moment: wanted, achieved, its standard error, miss in standard
            deviations, multiplier.
        multipliers_: lambda of the augmented Lagrangian: -eta, up to the noise of training.
        natural_parameters_, natural_parameters_error_: eta and its standard errors, by
            importance weights on draws of q, which undo what q itself gets wrong; NaN where
            there is none. Several eta say the same where moments depend on each other.
        history_: one row per round.
        converged_: whether the moments hold and the entropy has settled.

    Example:
        >>> mean_and_square = lambda x: jnp.concatenate([x, x**2])
        >>> normal = MaximumEntropy(mean_and_square, [0.0, 1.0], dim=1).fit()
        >>> normal.entropy_  # about ln(2 pi e) / 2
    """

    def __init__(
        self,
        moments: Callable[[jax.Array], jax.Array],
        values: ArrayLike,
        dim: int,
        *,
        support: str | Sequence[tuple[float, float]] = "real",
        flow: str | AbstractArchitecture = "spline-coupling",
        tolerance: float = 0.01,
        max_rounds: int = 20,
        steps_per_round: int = 500,
        batch_size: int = 512,
        learning_rate: float = 5e-3,
        num_draws: int = 50_000,
        random_state: int = 0,
    ) -> None:
        self.moments = moments
        self.values = values
        self.dim = dim
        self.support = support
        self.flow = flow
        self.tolerance = tolerance
        self.max_rounds = max_rounds
        self.steps_per_round = steps_per_round
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.num_draws = num_draws
        self.random_state = random_state

    def fit(self, *, progress: Progress | None = None) -> "MaximumEntropy":
        """Finds the density.

        Args:
            progress: is told how the training of each round goes.

        Returns:
            The fitted estimator. After Ctrl-C it is the state of the last finished round, and
            `converged_` is False.

        Raises:
            ConvergenceError: the moments do not hold after all rounds, because no density can
                have them, or because the entropy has no maximum. Attributes are set all the
                same, so that the state can be looked at.
            ConfigurationError, ShapeError, NonFiniteError: settings, values or moments that
                make no sense.
        """
        self._check_settings()
        support = as_support(self.support, self.dim)
        keys = jax.random.split(jax.random.key(self.random_state), 4)
        values = self._checked_values(support, keys[0])
        loss = AugmentedLagrangian(
            moments=self.moments,
            support=support,
            values=jnp.asarray(values, jnp.float32),
            multipliers=jnp.zeros(len(values), jnp.float32),
            penalty=jnp.asarray(_FIRST_PENALTY, jnp.float32),
            metric=jnp.eye(len(values), dtype=jnp.float32),
        )
        flow = self._build(support, loss, keys[1])
        self._support = support
        self._rows: list[dict[str, float]] = []
        self._state = State(loss, flow, match(self._draws(loss, flow, keys[2], 0), values))
        self.converged_ = False
        why = self._rounds(values, keys[2], keys[3], progress)
        final = self._draws(self._state.loss, self._state.flow, keys[2], self.max_rounds + 1)
        self._describe(natural_parameters(final, values))
        if why is not None:
            raise ConvergenceError(why, self._hint())
        return self

    def sample(
        self, num_draws: int, *, random_state: int | None = None
    ) -> Float[np.ndarray, "draws dim"]:
        """Independent draws.

        Args:
            num_draws: how many.
            random_state: seed; the estimator's own by default.
        """
        self._require_fitted()
        if num_draws < 1:
            raise ConfigurationError(f"Expected at least one draw; got {num_draws}.", "Use 1000.")
        seed = self.random_state if random_state is None else random_state
        key = jax.random.fold_in(jax.random.key(seed), 1)
        return evaluation.draws(self._state.loss, self._state.flow, key, num_draws).x

    def log_prob(self, x: ArrayLike) -> Float[np.ndarray, " rows"]:
        """log q of each row, in nats; -inf outside the support.

        Raises:
            ShapeError, NonFiniteError: not rows of `dim` finite numbers.
        """
        self._require_fitted()
        rows = np.asarray(x, float)
        if rows.ndim != 2 or rows.shape[1] != self.dim or not len(rows):
            raise ShapeError(
                f"Expected rows of {self.dim} numbers; got shape {rows.shape}.",
                "Use `x[None]` for a single row.",
            )
        if not np.isfinite(rows).all():
            bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
            raise NonFiniteError(
                f"{len(bad)} of {len(rows)} rows hold NaN or infinity, the first at "
                f"{bad[:5].tolist()}.",
                "No density can be given for them.",
            )
        if self.support == "simplex" and (np.abs(rows.sum(axis=1) - 1) > 1e-4).any():
            worst = int(np.argmax(np.abs(rows.sum(axis=1) - 1)))
            raise ShapeError(
                f"Rows on the simplex must sum to 1; row {worst} sums to {rows[worst].sum():g}.",
                "Divide each row by its sum.",
            )
        return evaluation.log_prob(self._support, self._state.flow, rows)

    def score_samples(self, X: ArrayLike) -> Float[np.ndarray, " rows"]:
        """`log_prob`, by the name scikit-learn gives it."""
        return self.log_prob(X)

    def _rounds(
        self, values: np.ndarray, key_draws: Key, key_train: Key, progress: Progress | None
    ) -> str | None:
        """All rounds; None at the end, or why it did not get there."""
        for number in range(1, self.max_rounds + 1):
            before = self._state
            try:
                flow, outcome = self._train(before, jax.random.fold_in(key_train, number), progress)
            except DivergenceError as error:
                return f"Training broke down in round {number}: {error.message}"
            loss = before.loss
            after = match(self._draws(loss, flow, key_draws, number), values)
            if outcome is Outcome.INTERRUPTED:
                return None
            self._state = before.advanced(flow, after)
            self._record(number, loss)
            settled = abs(after.entropy - before.match.entropy) <= self.tolerance + 2 * np.hypot(
                after.entropy_error, before.match.entropy_error
            )
            if settled and after.is_met(self.tolerance):
                self.converged_ = True
                return None
            if float(self._state.loss.penalty) > _LARGEST_PENALTY:
                break
        return self._why_not(self._state.match, number)

    def _train(
        self, state: State, key: Key, progress: Progress | None
    ) -> tuple[Transformed, Outcome]:
        key_validation, key = jax.random.split(key)
        num_epochs = -(-self.steps_per_round // _STEPS_PER_EPOCH)
        result = train_online(
            state.flow,
            state.loss,
            draw_key,
            jax.vmap(draw_key)(jax.random.split(key_validation, _NUM_VALIDATION)),
            key=key,
            config=TrainingConfig(
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                max_epochs=num_epochs,
                patience=None,
                ema_decay=_EMA_DECAY,
                # The penalty is no mean over rows: the held-out draws stay in one block.
                validation_batch_size=_NUM_VALIDATION,
            ),
            steps_per_epoch=-(-self.steps_per_round // num_epochs),
            progress=progress,
            description="maximum entropy",
        )
        return result.model, result.outcome

    def _draws(
        self, loss: AugmentedLagrangian, flow: Transformed, key: Key, number: int
    ) -> evaluation.Draws:
        return evaluation.draws(loss, flow, jax.random.fold_in(key, number), self.num_draws)

    def _build(self, support: AbstractSupport, loss: AugmentedLagrangian, key: Key) -> Transformed:
        key_start, key_build = jax.random.split(key)
        architecture = self.flow
        if not isinstance(architecture, AbstractArchitecture):
            architecture = get_architecture(architecture, width=_WIDTH)
        flow = architecture.build(support.num_free, key=key_build)
        start = location_and_scale(self.moments, support, loss.values, key_start)
        return Transformed(flow.base, Chain([start, flow.bijection]))

    def _record(self, number: int, loss: AugmentedLagrangian) -> None:
        reached = self._state.match
        self._rows.append(
            {
                "round": number,
                "entropy": reached.entropy,
                "entropy_error": reached.entropy_error,
                "entropy_gap": reached.entropy_gap,
                "largest_miss": float(reached.misses.max()),
                "penalty": float(loss.penalty),
            }
        )

    def _describe(self, eta: tuple[np.ndarray, np.ndarray]) -> None:
        import pandas as pd

        reached = self._state.match
        self.entropy_, self.entropy_error_ = reached.entropy, reached.entropy_error
        self.entropy_gap_ = reached.entropy_gap
        self.multipliers_ = np.asarray(self._state.loss.multipliers, float)
        self.natural_parameters_, self.natural_parameters_error_ = eta
        self.history_ = pd.DataFrame(self._rows)
        self.moments_: pandas.DataFrame = pd.DataFrame(
            {
                "wanted": reached.wanted,
                "achieved": reached.achieved,
                "standard_error": reached.standard_errors,
                "miss_in_sds": reached.misses,
                "multiplier": self.multipliers_,
            }
        )

    def _check_settings(self) -> None:
        for name, least in (
            ("max_rounds", 1),
            ("steps_per_round", 1),
            ("batch_size", 2),
            ("num_draws", 100),
        ):
            if getattr(self, name) < least:
                raise ConfigurationError(
                    f"`{name}` has to be at least {least}; got {getattr(self, name)!r}.",
                    "Leave it out to take the default.",
                )
        if not self.tolerance > 0:
            raise ConfigurationError(
                f"`tolerance` has to be positive; got {self.tolerance}.", "Use 0.01."
            )

    def _checked_values(self, support: AbstractSupport, key: Key) -> Float[np.ndarray, " moments"]:
        values = np.atleast_1d(np.asarray(self.values, float))
        if not np.isfinite(values).all():
            raise NonFiniteError(
                f"Wanted moments must be finite; got {values.tolist()}.",
                "Leave out the constraint whose value is not known.",
            )
        y = jax.random.normal(key, (100, support.num_free))
        found = np.asarray(jax.vmap(lambda y: self.moments(support(y)[0]))(y))
        if found.shape != (100, *values.shape) or values.ndim != 1:
            raise ShapeError(
                f"`moments` of one x must be a vector as long as `values`, {values.shape}; got "
                f"shape {found.shape[1:]}.",
                "Stack them with `jnp.stack`, or join vectors with `jnp.concatenate`.",
            )
        if not np.isfinite(found).all():
            bad = np.flatnonzero(~np.isfinite(found).all(axis=0))
            raise NonFiniteError(
                f"Moments {bad.tolist()} (counted from 0) are not finite inside the support.",
                "Choose the support on which they are defined, e.g. positive for a logarithm.",
            )
        constant = np.flatnonzero(found.std(axis=0) == 0)
        if len(constant):
            raise ConfigurationError(
                f"Moments {constant.tolist()} (counted from 0) do not depend on x, so no density "
                "can change them.",
                "Leave them out.",
            )
        return values

    def _why_not(self, reached: MomentMatch, num_rounds: int) -> str:
        worst = int(np.argmax(reached.misses))
        if reached.is_met(self.tolerance):
            last = [row["entropy"] for row in self._rows[-2:]]
            return (
                f"The moments hold after {num_rounds} rounds, but the entropy still moves: "
                f"{' to '.join(f'{h:.3f}' for h in last)} nats in the last."
            )
        return (
            f"Moment {worst} (counted from 0) is {reached.achieved[worst]:.4g} +- "
            f"{reached.standard_errors[worst]:.2g} after {num_rounds} rounds where "
            f"{reached.wanted[worst]:.4g} is wanted: {reached.misses[worst]:.2g} of its standard "
            f"deviations off, at a penalty of {float(self._state.loss.penalty):g}."
        )

    def _hint(self) -> str:
        return (
            "Check that one density can have all these moments (a variance below zero, a mean "
            "outside the support?) and that they bound its entropy (the mean alone does not on "
            "the real line); otherwise allow more rounds or steps, or another flow."
        )

    def _require_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                "This MaximumEntropy has not been fitted yet.", "Call `fit()` first."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return "entropy_" in vars(self)
