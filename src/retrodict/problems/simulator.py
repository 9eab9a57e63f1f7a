"""Any NumPy simulator as a problem, run wherever a `concurrent.futures.Executor` runs."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import numpy as np

from retrodict.distributions import Uniform
from retrodict.distributions.base import AbstractDistribution
from retrodict.errors import ConfigurationError, NonFiniteError, ShapeError, SimulationError
from retrodict.problems.base import AbstractProblem, AbstractRowPrior, seed_sequence
from retrodict.problems.marginals import IndependentMarginals
from retrodict.problems.rows import Failure, RowSimulator
from retrodict.problems.valid import described
from retrodict.typing import Float, Key
from retrodict.variables import Variable, default_variables, names_of

_CHUNKS = 64
_LARGEST_CHUNK = 1000
_ROWS_NAMED = 3


class SimulatorProblem(AbstractProblem):
    """A problem made of a Python function and a prior.

    Example:
        >>> from scipy import stats
        >>> def fall(height, gravity):
        ...     return [(2 * height / gravity) ** 0.5]
        >>> problem = SimulatorProblem(
        ...     fall,
        ...     prior={"height": stats.uniform(1, 9), "gravity": stats.norm(9.8, 0.1)},
        ...     observables=["time"],
        ...     by_name=True,
        ... )
        >>> import jax
        >>> x, y = problem.simulations(jax.random.key(0), 100)
        >>> x.shape, y.shape
        ((100, 2), (100, 1))

    Args:
        function: maps the parameters of one simulation, an array of length dim, to its
            observables, an array-like of length cond (or a number where there is one).
        prior: names and frozen `scipy.stats` distributions of independent parameters, or any
            distribution of this package, or an `AbstractRowPrior`.
        observables: names or `Variable`s of the columns of y; or their number.
        parameters: names or `Variable`s of the columns of x, for units and descriptions; by
            default what the prior knows about names and bounds.
        executor: where simulations run, e.g. a `ProcessPoolExecutor`, Dask's
            `client.get_executor()` or `mpi4py.futures.MPIPoolExecutor`; in this process if
            left out. Processes need a function that they can import, and a start method other
            than "fork", which does not go with JAX's threads. The caller shuts it down.
        by_name: parameters are given as keyword arguments by their names.
        batched: the function takes and returns many rows: arrays of shape (rows, dim) and
            (rows, cond), or with `by_name` one array per parameter.
        stochastic: the function takes a keyword argument `rng`, a `numpy.random.Generator`,
            one for each row (or batch), so that results do not depend on the executor.
        diverged: what to do where the function returns NaN or infinity: "raise" an error that
            names the rows, or "exclude" them: y is then NaN there, and a fit leaves these rows
            out, counts them (`num_diverged_`) and warns of what that means. Exceptions are
            raised either way.
        chunk_size: rows sent to the executor at once; the size of batches, too. By default
            a 64th of the rows, at most 1000.
        name: as in reports.
        description: one sentence for people.

    Raises:
        ConfigurationError: a setting makes no sense.
    """

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    parameters: tuple[Variable, ...] = eqx.field(static=True)
    observables: tuple[Variable, ...] = eqx.field(static=True)
    prior: AbstractDistribution | AbstractRowPrior
    simulator: RowSimulator = eqx.field(static=True)
    executor: Executor | None = eqx.field(static=True)
    chunk_size: int | None = eqx.field(static=True)

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        prior: AbstractDistribution | AbstractRowPrior | Mapping[str, Any],
        observables: Sequence[Variable | str] | int,
        parameters: Sequence[Variable | str] | None = None,
        executor: Executor | None = None,
        by_name: bool = False,
        batched: bool = False,
        stochastic: bool = False,
        diverged: str = "raise",
        chunk_size: int | None = None,
        name: str = "simulator",
        description: str = "",
    ) -> None:
        if not callable(function):
            raise ConfigurationError(
                f"A simulator is a function; got {type(function).__name__}.",
                "Pass the function itself, not the result of calling it.",
            )
        if chunk_size is not None and chunk_size < 1:
            raise ConfigurationError(
                f"`chunk_size` is at least 1; got {chunk_size}.",
                "Leave it out for a size by the number of rows.",
            )
        if diverged not in ("raise", "exclude"):
            raise ConfigurationError(
                f'`diverged` is "raise" or "exclude"; got {diverged!r}.',
                "Exclude only where causes whose simulation diverges cannot occur in nature.",
            )
        if isinstance(prior, Mapping):
            prior = IndependentMarginals(prior)
        self.prior = prior
        self.parameters = _parameters(prior, parameters)
        if isinstance(observables, int):
            observables = default_variables("y", observables)
        self.observables = _variables(observables)
        if not self.observables:
            raise ConfigurationError(
                "A simulator has at least one observable; none was named.",
                'Write for example `observables=["range", "time"]`.',
            )
        self.name, self.description = name, description
        self.executor, self.chunk_size = executor, chunk_size
        self.simulator = RowSimulator(
            function=function,
            parameters=tuple(names_of(self.parameters)),
            num_observables=len(self.observables),
            by_name=by_name,
            batched=batched,
            stochastic=stochastic,
            may_diverge=diverged == "exclude",
        )

    def simulations(
        self, key: Key, num: int
    ) -> tuple[Float[np.ndarray, "num dim"], Float[np.ndarray, "num cond"]]:
        key_x, key_y = jax.random.split(key)
        x = self.sample_prior(key_x, num)
        return x, self.simulate_rows(key_y, x)

    def simulate_rows(
        self, key: Key, x: Float[np.ndarray, "num dim"]
    ) -> Float[np.ndarray, "num cond"]:
        """One simulated y for each given row of x.

        Args:
            key: seeds one NumPy stream for each row (or batch).
            x: parameters, one row per simulation.

        Raises:
            ShapeError: `x` has another number of columns than there are parameters.
            NonFiniteError: `x` holds NaN or infinity.
            SimulationError: the function raised, or returned the wrong shape, or NaN or
                infinity without `diverged="exclude"`. It names the first rows that did it; what
                was raised is its cause.
        """
        if x.shape[1] != len(self.parameters):
            raise ShapeError(
                f"Expected {len(self.parameters)} parameters "
                f"({', '.join(names_of(self.parameters))}); got {x.shape[1]} columns.",
                "One row per simulation, one column per parameter.",
            )
        bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
        if bad.size:
            raise NonFiniteError(
                f"{bad.size} of {len(x)} rows of parameters hold NaN or infinity; "
                f"first rows: {bad[:5].tolist()}.",
                "Remove them, or look for where they come from.",
            )
        y = np.empty((len(x), len(self.observables)))
        entropy = seed_sequence(key).entropy
        # By the number of rows alone: the number of workers must not change the results.
        size = self.chunk_size or min(_LARGEST_CHUNK, -(-len(x) // _CHUNKS)) or 1
        starts = range(0, len(x), size)
        if self.executor is None:
            for start in starts:
                rows = slice(start, start + size)
                self._keep(self.simulator(x[rows], start, entropy, portable=False), rows, x, y)
            return y

        # Exceptions that come from another process are pickled on the way.
        portable = not isinstance(self.executor, ThreadPoolExecutor)
        futures: list[tuple[slice, Future[Any]]] = []
        try:
            for start in starts:
                rows = slice(start, start + size)
                future = self.executor.submit(self.simulator, x[rows], start, entropy, portable)
                futures.append((rows, future))
            for rows, future in futures:
                self._keep(future.result(), rows, x, y)
        except SimulationError:
            raise
        except BrokenExecutor as error:
            raise SimulationError(
                f"The executor broke down while simulating {len(x)} rows: {error}",
                "A worker died, often by lack of memory or a crash in compiled code. Run a "
                "few rows without an executor to see; a script that starts processes needs "
                '`if __name__ == "__main__":`.',
            ) from error
        except Exception as error:
            raise SimulationError(
                f"The executor could not run the simulator: {type(error).__name__}: {error}",
                "Workers import the function by name: define it at the top level of a module, "
                "not as a lambda or inside another function.",
            ) from error
        finally:
            for _, future in futures:
                future.cancel()
        return y

    def _keep(
        self,
        answer: tuple[np.ndarray | None, list[Failure]],
        rows: slice,
        x: np.ndarray,
        y: np.ndarray,
    ) -> None:
        """Put the result of a chunk in its place, or say which rows failed and why."""
        result, failures = answer
        if result is not None:
            y[rows] = result
            return
        failed = "; ".join(
            f"row {failure.row} ({described(self.parameters, x[failure.row])}) {failure.what}"
            for failure in failures[:_ROWS_NAMED]
        )
        raise SimulationError(
            f"The simulator must return {len(self.observables)} finite numbers for each row of "
            f"{len(x)}; it failed first at: {failed}.",
            "Call it with these values to see why; if the prior reaches where the simulator "
            'is not defined, narrow the prior. `diverged="exclude"` leaves out rows of NaN or '
            "infinity.",
        ) from failures[0].exception


def _variables(columns: Sequence[Variable | str]) -> tuple[Variable, ...]:
    return tuple(Variable(column) if isinstance(column, str) else column for column in columns)


def _parameters(
    prior: AbstractDistribution | AbstractRowPrior, given: Sequence[Variable | str] | None
) -> tuple[Variable, ...]:
    """The columns of x, as given or as the prior knows them, with the prior's bounds."""
    if isinstance(prior, AbstractRowPrior):
        known = prior.parameters
    elif len(prior.shape) != 1 or prior.cond_shape is not None:
        raise ConfigurationError(
            f"A prior is an unconditional distribution of one vector; got shape {prior.shape} "
            f"and condition {prior.cond_shape}.",
            "Even a single parameter is a vector: give the prior arrays of length 1.",
        )
    elif isinstance(prior, Uniform):
        bounds = zip(np.asarray(prior.lower), np.asarray(prior.upper), strict=True)
        known = tuple(
            Variable(f"x{i}", lower=float(lower), upper=float(upper))
            for i, (lower, upper) in enumerate(bounds, start=1)
        )
    else:
        known = default_variables("x", prior.shape[0])
    if given is None:
        return known
    if len(given) != len(known):
        raise ConfigurationError(
            f"The prior has {len(known)} parameters; {len(given)} were named.",
            "Name each column of the prior, in its order.",
        )
    if isinstance(prior, IndependentMarginals):
        named = [column if isinstance(column, str) else column.name for column in given]
        if named != names_of(known):
            raise ConfigurationError(
                f"The prior names its parameters {names_of(known)}; got {named}.",
                "Use the same names in the same order, or leave `parameters` out.",
            )
    return tuple(
        Variable(column, lower=prior_column.lower, upper=prior_column.upper)
        if isinstance(column, str)
        else column
        for column, prior_column in zip(given, known, strict=True)
    )
