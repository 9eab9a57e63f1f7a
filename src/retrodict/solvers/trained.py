"""What all solvers share that train a network once, for every observation."""

import abc
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Int, PyTree

from retrodict.bijections import without_throw
from retrodict.diagnostics import RoundTrip, round_trip
from retrodict.distributions import AbstractGenerator, Transformed
from retrodict.errors import CapabilityError, ConfigurationError
from retrodict.flows import get_architecture
from retrodict.networks import AbstractRecipe
from retrodict.problems.base import AbstractProblem
from retrodict.solvers import state as saved
from retrodict.solvers.base import FEWEST_ROWS, AbstractSolver
from retrodict.solvers.mixed_sampler import MixedSampler
from retrodict.solvers.online import Length, learn_online
from retrodict.solvers.sampler import AbstractPosteriorSampler, ScaledDistribution
from retrodict.solvers.scaling import ScaledPairs, fit_scaling, transform_names
from retrodict.tables import as_matrix
from retrodict.training import Progress, TrainingConfig, TrainingResult, train
from retrodict.training.mesh import shared_mesh
from retrodict.training.step import Loss
from retrodict.typing import Key
from retrodict.variables import names_of

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_Trained = TypeVar("_Trained", bound="AbstractTrainedSolver")


class AbstractTrainedSolver(AbstractSolver):
    """Trains a model on scaled pairs (u, c) and answers each y with draws from it.

    Scaling and bounds are bijections around the model: densities are per unit of the user's
    x, and no draw leaves the bounds. A final solver stores its settings and says which
    objective trains which architecture.

    Attributes:
        parameters_, observables_: the columns of x and y.
        history_: one row per epoch.
        outcome_: how training ended.
        scaling_: what was done to each column.
        num_parameters_: trained numbers.
        num_rows_: training and validation rows.
        n_features_in_: columns of y.
    """

    max_epochs: int | None
    max_seconds: float | None
    patience: int | None
    weight_decay: float | None
    validation_fraction: float
    _loss_is_likelihood: ClassVar[bool]
    # Whether x is replaced by what a linear regression on y leaves of it. Not for a model that
    # has to find y in x.
    _regresses_on_y: ClassVar[bool] = True
    _shares_batches: ClassVar[bool] = True

    def check_settings(self) -> None:
        self._chosen_architecture(FEWEST_ROWS)
        self._chosen_training(FEWEST_ROWS)

    @abc.abstractmethod
    def _objective(self) -> Loss:
        """What training minimises."""

    def _held_out_objective(self) -> Loss:
        """What the best epoch is chosen by: the objective itself, unless a solver says more."""
        return self._objective()

    @abc.abstractmethod
    def _chosen_architecture(self, num_rows: int) -> AbstractRecipe:
        """What is trained on that many rows."""

    @abc.abstractmethod
    def _chosen_training(self, num_rows: int) -> TrainingConfig:
        """How to train on that many rows."""

    def _distribution(self) -> AbstractGenerator:
        """Of u given c, from the trained model: the model itself, unless a solver says more."""
        model: AbstractGenerator = self._model
        return model

    def _distributions(self) -> list[AbstractGenerator]:
        """Whose mixture with equal weights answers: one alone, unless a solver says more."""
        return [self._distribution()]

    @classmethod
    def _restored_architecture(cls, description: dict[str, Any]) -> AbstractRecipe:
        """The architecture from its name and settings, as a bundle holds them."""
        return get_architecture(**description)

    def fit_problem(
        self: _Trained,
        problem: AbstractProblem,
        *,
        num_simulations: int | None = None,
        observation: Any = None,
        num_rounds: int = 5,
        truncation: float = 1e-4,
        online: bool = False,
        max_steps: int | None = None,
        max_seconds: float | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> _Trained:
        """Simulates pairs from a problem's prior and learns from them.

        Online, every batch is simulated when it is needed, inside the compiled loop; nothing is
        stored and nothing seen twice, so that training longer never overfits. That is for
        simulators in JAX. A pilot of 15,000 simulations tells the scaling and judges epochs, of
        500 steps each.

        With an `observation`, rounds of simulations look ever closer at where its posterior lies
        (truncated proposals, Deistler et al. 2022, arXiv:2210.04815). The solver then answers
        this observation only; `rounds_` and `truncation_check_` tell how that went. A killed fit
        goes on after the rounds whose files, named after `checkpoint`, are there.

        Args:
            problem: prior and simulator.
            num_simulations: how many pairs, of all rounds together; 10,000 if left out. Online:
                how many to train on, in whole batches.
            observation: y, as `retrodict` takes a single one, to fit for it alone.
            num_rounds: how often to train and look closer, with an `observation`.
            truncation: share of the present posterior that a round may leave out.
            online: whether to simulate while training, for exactly one of `num_simulations`,
                `max_steps`, `max_seconds` and the solver's `max_epochs`.
            max_steps: batches to train on, online; as `num_simulations` it makes a fit
                repeatable.
            max_seconds: time to train for, online, pilot and compilation included; the learning
                rate falls with it. The solver's own if left out.
            progress: as in `fit`.
            checkpoint: as in `fit`.

        Warns:
            DivergedSimulationsWarning: some ended in NaN or infinity, and are left out.
            MisspecificationWarning: the observation is unlike what the prior's causes produce.
            TruncationWarning: rounds may have cut off a part of the posterior.

        Raises:
            TooFewRowsError: too few to train and to validate on.
            SimulationError: more than a tenth ended in NaN or infinity.
            CapabilityError: online, of a simulator that is not JAX, or whose columns need double
                precision; an observation, for a solver without a density.
            ConfigurationError: online, not exactly one limit; rounds that cannot be.
            DataError: the prior makes the observation hardly possible.
        """
        if observation is not None:
            if online or max_steps is not None or max_seconds is not None:
                raise ConfigurationError(
                    "Rounds for one observation train on stored simulations; got online training.",
                    "Leave `online`, `max_steps` and `max_seconds` out, or `observation`.",
                )
            return self._fit_for_one(
                problem,
                observation,
                num_simulations=10_000 if num_simulations is None else num_simulations,
                num_rounds=num_rounds,
                truncation=truncation,
                progress=progress,
                checkpoint=checkpoint,
            )
        if not online:
            if max_steps is not None or max_seconds is not None:
                raise ConfigurationError(
                    "`max_steps` and `max_seconds` of `fit_problem` are for online training.",
                    "Add `online=True`; to limit training on stored simulations, say "
                    f"`{type(self).__name__}(max_seconds=...)`.",
                )
            num_simulations = 10_000 if num_simulations is None else num_simulations
            return super().fit_problem(
                problem,
                num_simulations=num_simulations,
                progress=progress,
                checkpoint=checkpoint,
            )
        self.check_settings()
        length = Length(
            num_simulations=num_simulations,
            max_steps=max_steps,
            max_seconds=self.max_seconds if max_seconds is None else max_seconds,
            max_epochs=self.max_epochs,
        )
        learn_online(self, problem, length, progress, checkpoint)
        return self

    def _sampler(self, y: Float[np.ndarray, "observations cond"]) -> AbstractPosteriorSampler:
        members = [ScaledDistribution(d, self._scaling, y) for d in self._distributions()]
        if len(members) == 1:
            return members[0]
        return MixedSampler(members, np.full(len(members), 1 / len(members)), len(y))

    @property
    def has_round_trip(self) -> bool:
        """Whether draws come from flows, whose inverses `round_trip` can certify."""
        return len(self._flows) > 0

    @property
    def _flows(self) -> list[Transformed]:
        return [d for d in self._distributions() if isinstance(d, Transformed)]

    def round_trip(self, x: Any, y: Any, *, random_state: int = 0) -> RoundTrip:
        """The certificate of the flow's inverse, at pairs and at draws from its base.

        Of several flows, that of the worst. See `retrodict.diagnostics.round_trip`. Errors are in
        standard deviations of each parameter over these pairs.

        Args:
            x: causes, as in `fit`.
            y: their effects, as in `fit`.
            random_state: seed of the draws from the base.

        Raises:
            CapabilityError: this solver has no flow to invert.
        """
        self._require_fitted()
        if not self.has_round_trip:
            raise CapabilityError(
                f"A round trip needs a flow; {type(self).__name__} has none.",
                "Nothing has to be inverted here.",
            )
        x_matrix = as_matrix(x, "x", self.parameters_)
        y_matrix = as_matrix(y, "y", self.observables_)
        rng = np.random.default_rng(random_state)
        spread = self._scaling.point_masses.spread(x_matrix.values, rng)
        u, c, _ = self._scaling.forward(spread, y_matrix.values)
        of_each = [
            round_trip(
                flow, u, c, key=jax.random.key(random_state), names=names_of(self.parameters_)
            )
            for flow in self._flows
        ]

        def goodness(one: RoundTrip) -> tuple[bool, float, float]:
            return one.passed, -one.share_not_converged, -one.largest_error

        return min(of_each, key=goodness)

    @property
    def scaling_(self) -> "pandas.DataFrame":
        """What was done to each column before the model saw it, decided from training data."""
        import pandas as pd

        self._require_fitted()
        of_x, of_y = transform_names(self._scaling)
        return pd.DataFrame(
            {
                "variable": names_of(self.parameters_) + names_of(self.observables_),
                "role": ["parameter"] * len(of_x) + ["observable"] * len(of_y),
                "transform": of_x + of_y,
            }
        )

    @property
    def num_parameters_(self) -> int:
        """Trained numbers in the model."""
        self._require_fitted()
        leaves = jax.tree.leaves(eqx.filter(self._model, eqx.is_inexact_array))
        return sum(leaf.size for leaf in leaves)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON-able settings and arrays, enough for `from_state`."""
        self._require_fitted()
        return saved.to_state(self)

    @classmethod
    def from_state(
        cls, state: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> "AbstractTrainedSolver":
        """The estimator that `to_state` described."""
        return saved.from_state(cls, state, arrays)

    def _learn(
        self,
        x: Float[np.ndarray, "rows dim"],
        y: Float[np.ndarray, "rows cond"],
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> None:
        key_build, key_train = jax.random.split(jax.random.key(self.random_state))
        rng = np.random.default_rng(self.random_state)
        held_out, used = self._split(len(x), rng)
        of_training, of_held_out = self._scale(x, y, used, held_out, rng)
        self._architecture = self._chosen_architecture(len(used))
        config = self._chosen_training(len(used))
        result: TrainingResult = train(
            self._build(key_build),
            self._objective(),
            of_training.batch,
            of_held_out.batch,
            key=key_train,
            config=config,
            progress=progress,
            checkpoint=checkpoint,
            validation_loss=self._held_out_objective(),
            mesh=self._mesh(config),
        )
        self._keep(result, of_training, of_held_out)
        self.num_rows_ = len(x)
        self.data_sha256_ = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()

    def _scale(
        self,
        x: Float[np.ndarray, "rows dim"],
        y: Float[np.ndarray, "rows cond"],
        used: Int[np.ndarray, " used"],
        held_out: Int[np.ndarray, " held_out"],
        rng: np.random.Generator,
    ) -> tuple[ScaledPairs, ScaledPairs]:
        """Fits the scaling to the rows that are used; these and the held-out ones, scaled."""
        self._scaling, spread = fit_scaling(
            x[used], y[used], self.parameters_, rng, regress=self._regresses_on_y
        )
        spread_held_out = self._scaling.point_masses.spread(x[held_out], rng)
        return (
            self._scaling.pairs(spread, y[used]),
            self._scaling.pairs(spread_held_out, y[held_out]),
        )

    def _mesh(self, config: TrainingConfig) -> Mesh | None:
        """The devices that train: they share each batch, unless a solver knows better."""
        return self._batch_mesh(config)

    def _batch_mesh(self, config: TrainingConfig) -> Mesh | None:
        return shared_mesh(config.batch_size) if self._shares_batches else None

    def _keep(
        self, result: TrainingResult, of_training: ScaledPairs, of_held_out: ScaledPairs
    ) -> None:
        """Keeps the model, and how its training went."""
        self._model = result.model
        history = result.to_frame()
        if self._loss_is_likelihood:
            # In the user's units: -log p(x | y), not -log p(u | c).
            history["training_loss"] -= of_training.mean_log_det
            history["validation_loss"] -= of_held_out.mean_log_det
        self.history_ = history
        self.outcome_ = result.outcome

    def _held_out(self, num_rows: int) -> Int[np.ndarray, " held_out"]:
        return self._split(num_rows, np.random.default_rng(self.random_state))[0]

    def _split(self, num_rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if not 0 < self.validation_fraction < 1:
            raise ConfigurationError(
                f"`validation_fraction` must lie between 0 and 1; got {self.validation_fraction}.",
                "Use 0.1.",
            )
        order = rng.permutation(num_rows)
        # More than 5,000 rows judge an epoch no better, and are better trained on.
        num_held_out = min(max(1, round(self.validation_fraction * num_rows)), 5_000)
        return order[:num_held_out], order[num_held_out:]

    def _build(self, key: Key) -> PyTree:
        model = self._architecture.build(
            len(self.parameters_), self._scaling.of_y.num_conditions, key=key
        )
        # Training skips a step that did not converge; `Posterior` refuses such rows by count.
        return without_throw(model)

    def __sklearn_is_fitted__(self) -> bool:
        return "_model" in vars(self)
