"""Training on simulations that are made as they are needed, inside the compiled loop.

Stored simulations are seen again and again until their noise is learned by heart; fresh ones
estimate the expected loss itself, so that longer training is never worse. A pilot of stored
simulations is still needed: the scaling is fitted to it, and what is typical of observations.
"""

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.bijections import AbstractBijection
from retrodict.errors import (
    CapabilityError,
    ConfigurationError,
    DivergedSimulationsWarning,
    TrainingError,
    warn,
)
from retrodict.problems.base import AbstractJaxProblem, AbstractProblem
from retrodict.problems.valid import valid_simulations
from retrodict.solvers.observation_scaling import ObservationScaling
from retrodict.solvers.point_masses import PointMasses, spread_one
from retrodict.solvers.scaling import Scaling
from retrodict.tables import as_matrix
from retrodict.training import Outcome, Progress, TrainingConfig, train_online
from retrodict.typing import Array, Float, Key
from retrodict.variables import names_of

if TYPE_CHECKING:
    from retrodict.solvers.trained import AbstractTrainedSolver

NUM_PILOT = 10_000
NUM_HELD_OUT = 5_000
STEPS_PER_EPOCH = 500
# Fresh simulations are like more stored ones than any rule of defaults tells apart.
_AS_MANY_ROWS = 1_000_000
# In standard deviations of a scaled column. A column of moderate size loses a millionth; one that
# loses a thousandth has lost it in a simulator of single precision already.
_MOST_ROUNDING = 1e-3
_ROUNDING_QUANTILE = 0.99
# Below that a model is hardly what it was made as, whatever the schedule.
_FEWEST_STEPS = 100


@dataclass(frozen=True)
class Length:
    """How long to train online: by exactly one of these.

    Attributes:
        num_simulations: to train on, cut to whole batches.
        max_steps: batches.
        max_seconds: of everything: pilot, compilation and training.
        max_epochs: of 500 steps.
    """

    num_simulations: int | None = None
    max_steps: int | None = None
    max_seconds: float | None = None
    max_epochs: int | None = None

    def __post_init__(self) -> None:
        given = [name for name, value in vars(self).items() if value is not None]
        if len(given) != 1:
            raise ConfigurationError(
                "Online training needs exactly one limit: `max_seconds`, `max_steps`, "
                "`num_simulations` or the solver's `max_epochs`; got "
                f"{' and '.join(given) or 'none'}.",
                "Use `max_seconds=60` for a time, `max_steps=10_000` for a repeatable result.",
            )

    def of(self, config: TrainingConfig, seconds_used: float) -> TrainingConfig:
        """The settings with this length.

        Args:
            config: of the training.
            seconds_used: before training.

        Raises:
            ConfigurationError: less than one batch.
        """
        if self.max_seconds is not None:
            timed = replace(config, max_seconds=self.max_seconds, anneal_by_time=True)
            # Where nothing is left, training ends at its first look at the clock.
            return replace(timed, max_seconds=max(self.max_seconds - seconds_used, 1e-3))
        max_steps = self.max_steps
        if self.max_epochs is not None:
            max_steps = self.max_epochs * STEPS_PER_EPOCH
        elif self.num_simulations is not None:
            max_steps = self.num_simulations // config.batch_size
            if not max_steps:
                raise ConfigurationError(
                    f"Online training takes batches of {config.batch_size} simulations; got "
                    f"num_simulations={self.num_simulations}, not enough for one.",
                    "Ask for a hundred thousand or more, or train on stored simulations.",
                )
        return replace(config, max_seconds=None, max_steps=max_steps)


def learn_online(
    solver: "AbstractTrainedSolver",
    problem: AbstractProblem,
    length: Length,
    progress: Progress | None,
    checkpoint: Path | None,
) -> None:
    """Trains a solver on fresh simulations of a problem.

    Args:
        solver: is fitted.
        problem: with prior and simulator in JAX.
        length: how long.
        progress: as in `fit`.
        checkpoint: as in `fit`.

    Warns:
        DivergedSimulationsWarning: some simulations ended in NaN or infinity, and were left out.

    Raises:
        CapabilityError: the simulator is not JAX, or single precision cannot hold its columns.
        SimulationError: more than a tenth of the pilot ended in NaN or infinity.
        TrainingError: the time was over before there was training to speak of.
    """
    started = time.perf_counter()
    if not isinstance(problem, AbstractJaxProblem):
        raise CapabilityError(
            "Online training simulates inside its compiled loop, which takes a simulator and a "
            f"prior in JAX; `{problem.name}` has them in NumPy ({type(problem).__name__}).",
            "Train on stored simulations, `fit_problem(problem, num_simulations=100_000)`, or "
            "write the simulator with `jax.numpy` as a subclass of `AbstractJaxProblem`.",
        )
    config = training_online(solver)
    length.of(config, 0.0)
    key_pilot, key_build, key_train = jax.random.split(jax.random.key(solver.random_state), 3)
    x, y, num_diverged = valid_simulations(problem, key_pilot, NUM_PILOT + NUM_HELD_OUT)
    x_matrix, y_matrix = (
        as_matrix(x, "x", problem.parameters),
        as_matrix(y, "y", problem.observables),
    )
    solver._look_at(
        x_matrix, y_matrix, problem.parameters, problem.observables, allow_constant_y=True
    )
    x, y = x_matrix.values, y_matrix.values
    # Pilot rows are independent: the first of them are as good a choice as any.
    held_out, used = np.arange(NUM_HELD_OUT), np.arange(NUM_HELD_OUT, len(x))
    rng = np.random.default_rng(solver.random_state)
    of_pilot, of_held_out = solver._scale(x, y, used, held_out, rng)
    simulation = ScaledSimulation.of(problem, solver._scaling)
    simulation.require_precision(solver._scaling, x, y)
    solver._architecture = solver._chosen_architecture(_AS_MANY_ROWS)
    seconds_before = time.perf_counter() - started
    config = length.of(config, seconds_before)
    result = train_online(
        solver._build(key_build),
        solver._objective(),
        simulation,
        of_held_out.batch,
        key=key_train,
        config=config,
        steps_per_epoch=STEPS_PER_EPOCH,
        progress=progress,
        checkpoint=checkpoint,
        validation_loss=solver._held_out_objective(),
        # Devices that share members would each simulate the whole batch.
        mesh=solver._batch_mesh(config),
    )
    if result.outcome is Outcome.TIME_OUT and result.num_steps < _FEWEST_STEPS:
        raise TrainingError(
            f"`max_seconds={length.max_seconds:g}` left time for {result.num_steps} steps of "
            f"training; {_FEWEST_STEPS} are the least. Simulating the pilot took "
            f"{seconds_before:.1f} s, compiling most of the other {result.seconds:.1f} s.",
            "Give it a minute more, or a number of steps instead: `max_steps=5_000`.",
        )
    solver._keep(result, of_pilot, of_held_out)
    num_trained = result.num_steps * config.batch_size
    solver.num_rows_ = len(x) + num_trained - result.num_left_out
    solver.num_diverged_ = num_diverged + result.num_left_out
    solver.data_sha256_ = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()
    if result.num_left_out:
        warn(
            DivergedSimulationsWarning(
                f"{result.num_left_out:,} of {num_trained:,} simulations of `{problem.name}` "
                "during training ended in NaN or infinity and were left out: the posterior answers "
                "for causes whose simulation ends. `num_diverged_` counts them."
            )
        )


def training_online(solver: "AbstractTrainedSolver") -> TrainingConfig:
    """How to train on fresh simulations, but for how long.

    As on more stored rows than any rule tells apart, without what guards against learning them
    by heart: no weight decay, and no early end unless the user asks for it.
    """
    config = solver._chosen_training(_AS_MANY_ROWS)
    return replace(config, weight_decay=solver.weight_decay or 0.0, patience=solver.patience)


class ScaledSimulation(eqx.Module):
    """One simulated pair as training takes it: (u, c), scaled in the precision of JAX.

    Attributes:
        problem: prior and simulator.
        of_x, of_y: as of the scaling.
        point_masses: of the scaling.
    """

    problem: AbstractJaxProblem
    of_x: AbstractBijection
    of_y: ObservationScaling
    point_masses: PointMasses = eqx.field(static=True)

    @classmethod
    def of(cls, problem: AbstractJaxProblem, scaling: Scaling) -> "ScaledSimulation":
        """Simulations of a problem, scaled."""
        # A scaling is in double precision, which JAX may not work in here.
        of_x, of_y = jax.tree.map(
            lambda leaf: jnp.asarray(np.asarray(leaf), float), (scaling.of_x, scaling.of_y)
        )
        return cls(problem, of_x, of_y, scaling.point_masses)

    def __call__(self, key: Key) -> tuple[Float[Array, " dim"], Float[Array, " cond"]]:
        """u and c of a fresh simulation."""
        key_pair, key_spread = jax.random.split(key)
        x, y = self.problem.simulation(key_pair)
        if self.point_masses.any:
            x = spread_one(self.point_masses, x, jax.random.uniform(key_spread, x.shape, x.dtype))
        return self.scaled(x, y)

    def scaled(
        self, spread: Float[Array, " dim"], y: Float[Array, " observables"]
    ) -> tuple[Float[Array, " dim"], Float[Array, " cond"]]:
        """u and c of a spread value x~ and its observation."""
        c = self.of_y.forward(y)
        return self.of_x.forward(spread, c).astype(jnp.float32), c.astype(jnp.float32)

    def require_precision(
        self,
        scaling: Scaling,
        x: Float[np.ndarray, "rows dim"],
        y: Float[np.ndarray, "rows observables"],
    ) -> None:
        """Refuses columns whose digits are lost when they are scaled in this precision.

        Args:
            scaling: the same in double precision.
            x: a sample of causes.
            y: their observations.

        Raises:
            CapabilityError: a column moves by a thousandth of its standard deviation or more.
        """
        spread = scaling.point_masses.centre(x)
        exact = np.hstack(scaling.forward(spread, y)[:2])
        found = np.hstack(_scaled_rows(self, jnp.asarray(spread, float), jnp.asarray(y, float)))
        moved = np.quantile(np.abs(found - exact), _ROUNDING_QUANTILE, axis=0)
        if (moved > _MOST_ROUNDING).any():
            names = names_of(self.problem.parameters) + names_of(self.problem.observables)
            worst = int(np.argmax(moved))
            raise CapabilityError(
                "Online training scales simulations in single precision, and rounding moves "
                f"`{names[worst]}` by {moved[worst]:.2g} of its scaled standard deviation; "
                f"{_MOST_ROUNDING:g} is allowed.",
                "Let the simulator measure it from a reference value, so that it is not large "
                "beside its variation, or train on stored simulations: "
                "`fit_problem(problem, num_simulations=100_000)`.",
            )


@eqx.filter_jit
def _scaled_rows(
    simulation: ScaledSimulation, x: Float[Array, "rows dim"], y: Float[Array, "rows observables"]
) -> tuple[Float[Array, "rows dim"], Float[Array, "rows cond"]]:
    return jax.vmap(simulation.scaled)(x, y)
