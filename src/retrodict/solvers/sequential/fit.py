"""Round after round: simulate where the posterior of one observation still may be, and train."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float

from retrodict.errors import (
    CapabilityError,
    ConfigurationError,
    ShapeError,
    TooFewRowsError,
    TruncationWarning,
    warn,
)
from retrodict.problems.base import AbstractProblem
from retrodict.problems.valid import has_diverged, tell_diverged
from retrodict.solvers.sequential.one_observation import OneObservation
from retrodict.solvers.sequential.region import NUM_DRAWS, Region, inside_all
from retrodict.solvers.sequential.stored_round import load_round, run_fingerprint, save_round
from retrodict.solvers.sequential.truncated_prior import (
    Proposals,
    ShareKept,
    draw_from_truncated_prior,
)
from retrodict.solvers.sequential.truncation_check import (
    TruncationCheck,
    held_out_coverage,
    some_rows,
)
from retrodict.tables import as_matrix, check_observation
from retrodict.training import Outcome, Progress
from retrodict.typing import Key
from retrodict.variables import names_of

if TYPE_CHECKING:
    from retrodict.solvers.base import AbstractSolver

FEWEST_PER_ROUND = 200
_LARGEST_TRUNCATION = 0.1
# Of the draws that tell the region, those that are looked for outside of the earlier ones.
_NUM_LOOKED_FOR = NUM_DRAWS // 3
# And those that chains may start at, and that tell how much of it all regions hold.
_NUM_FOUND = 2_048


def fit_sequentially(
    solver: "AbstractSolver",
    problem: AbstractProblem,
    observation: Any,
    *,
    num_simulations: int,
    num_rounds: int,
    truncation: float,
    progress: Progress | None,
    checkpoint: Path | None,
) -> OneObservation:
    """Truncated sequential neural posterior estimation (Deistler et al. 2022, arXiv:2210.04815).

    Round 1 draws causes from the prior. Every other one draws them from the prior restricted to
    the region that holds all but a share `truncation` of what the last network takes for the
    posterior of the observation, within all earlier regions. A prior that is cut and otherwise
    unchanged gives the same posterior inside, so that networks are trained by plain maximum
    likelihood.

    Regions are nested: inside the last one the causes of all rounds together are distributed as
    the prior, up to a factor, so that training on all pairs leaves the posterior of the
    observation as it is. Outside, where the prior is seen less often than it should be, that
    posterior has next to nothing.

    Args:
        solver: is fitted; with a density, and held-out rows.
        problem: prior and simulator.
        observation: y, as `retrodict` takes one.
        num_simulations: over all rounds.
        num_rounds: how many.
        truncation: share of the posterior that a round may cut off.
        progress: is told of the training of each round.
        checkpoint: path that files of single rounds are named after.

    Returns:
        The observation and what became of the rounds.
    """
    run = _Run(solver, problem, observation, num_simulations, num_rounds, truncation, checkpoint)
    for number in range(1, num_rounds + 1):
        run.round(number, progress)
        if vars(solver).get("outcome_") is Outcome.INTERRUPTED:
            break
    return run.finished()


class _Run:
    """All rounds up to now."""

    def __init__(
        self,
        solver: "AbstractSolver",
        problem: AbstractProblem,
        observation: Any,
        num_simulations: int,
        num_rounds: int,
        truncation: float,
        checkpoint: Path | None,
    ) -> None:
        self.solver, self.problem, self.truncation = solver, problem, truncation
        self.y_observed = _single(observation, problem)
        self.sizes = _sizes(num_simulations, num_rounds)
        _require_settings(solver, truncation)
        self.checkpoint = checkpoint
        self.fingerprint = run_fingerprint(solver, problem, self.y_observed, self.sizes, truncation)
        self.regions: list[Region] = []
        # Pairs of all rounds.
        self.x = np.empty((0, len(problem.parameters)))
        self.y = np.empty((0, len(problem.observables)))
        self.kept = ShareKept()
        # Draws of the last network's posterior.
        self.found = self.x
        self.num_diverged = 0
        self.seen: Any = None
        self.is_odd = False
        self.rows: list[dict[str, Any]] = []

    def round(self, number: int, progress: Progress | None) -> None:
        """Simulates, trains, and finds the next region."""
        started = time.perf_counter()
        key = jax.random.fold_in(jax.random.key(self.solver.random_state), number)
        key_simulate, key_region, key_check = jax.random.split(key, 3)
        share_before = self.rows[-1]["prior_share"] if self.rows else 1.0
        proposals, num_diverged = self._simulated(number, key_simulate)
        self._train(number, progress)
        sampler = self.solver._sampler(self.y_observed[None])
        if not sampler.has_density:
            raise _needs_density(self.solver)
        draws = sampler.sample(key_region, NUM_DRAWS)[0]
        inside = inside_all(self.regions, draws[:_NUM_LOOKED_FOR])
        held_out = some_rows(self.solver._held_out(len(self.x)))
        found = held_out_coverage(
            self.solver._sampler(self.y[held_out]), self.x[held_out], key_check
        )
        num_rows = len(self.x)
        if number < len(self.sizes):
            region = Region.of_highest_density(sampler, draws, self.truncation)
            self._truncate(region, len(proposals.x) - num_diverged)
            self.found = draws[:_NUM_FOUND]
        self.rows.append(
            {
                "round": number,
                "num_simulations": len(proposals.x),
                "num_diverged": num_diverged,
                "share_kept": proposals.share / share_before,
                "prior_share": proposals.share,
                "prior_share_se": proposals.share_se,
                "drawn_by": proposals.drawn_by,
                "acceptance": proposals.acceptance,
                "num_rows": num_rows,
                "held_out_loss": found.loss,
                "share_outside": float(1 - inside.mean()),
                "share_missed": found.share_missed,
                "p_value": found.p_value,
                "seconds": time.perf_counter() - started,
            }
        )

    def finished(self) -> OneObservation:
        """The outcome; warns where it is not to be trusted."""
        import pandas as pd

        self.solver.num_diverged_ = self.num_diverged
        rounds = pd.DataFrame(self.rows)
        check = TruncationCheck.of(rounds)
        if not check.passed:
            warn(TruncationWarning(str(check)))
        return OneObservation(self.y_observed, rounds)

    def _simulated(self, number: int, key: Key) -> tuple[Proposals, int]:
        """Adds the pairs of a new round, from the prior inside all regions."""
        path = self._path(f"round{number}")
        num, problem = self.sizes[number - 1], self.problem
        shape = (num, self.x.shape[1], self.y.shape[1])
        stored = path and load_round(path, *shape, self.fingerprint)
        if stored:
            proposals, y = stored
        else:
            key_prior, key_y = jax.random.split(key)
            earlier = self.x[inside_all(self.regions, self.x)] if self.regions else self.x
            proposals = draw_from_truncated_prior(
                problem,
                self.regions,
                earlier,
                self.found,
                self.kept,
                num,
                key_prior,
                is_odd=self.is_odd,
            )
            y = np.asarray(problem.simulate_rows(key_y, proposals.x), float)
            if path:
                save_round(path, proposals, y, self.fingerprint)
        diverged = has_diverged(y)
        tell_diverged(problem, proposals.x[diverged], num)
        self.num_diverged += int(diverged.sum())
        self.kept = ShareKept(proposals.share, proposals.share_se / proposals.share)
        self.x = np.concatenate([self.x, proposals.x[~diverged]])
        self.y = np.concatenate([self.y, y[~diverged]])
        return proposals, int(diverged.sum())

    def _train(self, number: int, progress: Progress | None) -> None:
        problem, solver = self.problem, self.solver
        solver._fit(
            as_matrix(self.x, "x", problem.parameters),
            as_matrix(self.y, "y", problem.observables),
            problem.parameters,
            problem.observables,
            progress,
            self._path(f"round{number}.training"),
            allow_constant_y=True,
            seen=self.seen,
        )
        if self.seen is not None:
            return
        # Those of the prior: what is odd about an observation is odd compared with them.
        self.seen = solver._training_observations
        odd = self.seen.warning(self.y_observed[None], names_of(problem.observables))
        if odd is not None:
            self.is_odd = True
            warn(odd)

    def _truncate(self, region: Region, num_new: int) -> None:
        """One more region; so many pairs at the end are new."""
        inside = region.contains(self.x[-num_new:])
        self.kept = self.kept.times(int(inside.sum()), num_new)
        self.regions.append(region)

    def _path(self, ending: str) -> Path | None:
        given = self.checkpoint
        return given and given.with_name(f"{given.name}.{ending}")


def _single(observation: Any, problem: AbstractProblem) -> Float[np.ndarray, " cond"]:
    values, _ = check_observation(observation, problem.observables)
    if len(values) != 1:
        raise ShapeError(
            f"Sequential inference is for one observation; got {len(values)}.",
            "Fit once for each, or leave `observation` out to fit for all at once.",
        )
    return values[0]


def _sizes(num_simulations: int, num_rounds: int) -> list[int]:
    """Simulations of each round, as equal as can be."""
    if num_rounds < 1:
        raise ConfigurationError(
            f"`num_rounds` must be at least 1; got {num_rounds}.",
            "Use 5; a single round is a fit without truncation.",
        )
    each, more = divmod(num_simulations, num_rounds)
    if each < FEWEST_PER_ROUND:
        raise TooFewRowsError(
            f"A round takes at least {FEWEST_PER_ROUND} simulations; {num_simulations:,} in "
            f"{num_rounds} rounds leave {each} to each.",
            "`num_simulations` counts all rounds together: raise it, or use fewer rounds.",
        )
    return [each + (i < more) for i in range(num_rounds)]


def _require_settings(solver: "AbstractSolver", truncation: float) -> None:
    if not 0 < truncation <= _LARGEST_TRUNCATION:
        raise ConfigurationError(
            f"`truncation` is a share of the posterior above 0 and at most {_LARGEST_TRUNCATION}; "
            f"got {truncation}.",
            "Use 1e-4.",
        )
    if not solver._has_density:
        raise _needs_density(solver)


def _needs_density(solver: "AbstractSolver") -> CapabilityError:
    return CapabilityError(
        "Truncated proposals need a network with a density, which tells where the posterior is; "
        f"{type(solver).__name__} has none.",
        "Use e.g. `ConditionalFlow`, `FlowMatching` or an `Ensemble` of them.",
    )
