"""Several networks of one kind, trained from different seeds, as one posterior."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import clone

from retrodict.errors import CapabilityError, ConfigurationError
from retrodict.problems.base import AbstractProblem
from retrodict.solvers.base import AbstractSolver
from retrodict.solvers.conditional_flow import ConditionalFlow
from retrodict.solvers.mixed_sampler import MixedSampler
from retrodict.solvers.registry import SOLVERS, get_solver
from retrodict.solvers.sequential import OneObservation
from retrodict.solvers.stacking import cautious_stacking_weights, mixture_log_density
from retrodict.solvers.trained import AbstractTrainedSolver
from retrodict.tables import Matrix
from retrodict.training import Outcome, Progress

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

WEIGHTINGS = ("stacking", "equal")
_MOST_HELD_OUT = 5_000


class Ensemble(AbstractSolver):
    """A mixture of networks that differ in their seeds (Lakshminarayanan et al. 2017).

        q(x | y) = sum_k w_k q_k(x | y)

    (deep ensembles, arXiv:1612.01474). Networks trained on the same few rows disagree most where
    the rows say least; each is too sure there in its own way, their mixture less so (Hermans et
    al. 2022, arXiv:2110.06581). Weights are equal, or those that maximise the mean log-density of
    rows kept from all members, drawn towards equal ones unless these rows are clear
    (`cautious_stacking_weights`): a member that went astray is left out, and chance chooses none.

    Members are trained one after another. Their seeds, which also decide the rows each keeps for
    validation, follow from `random_state`; that of `solver` is not used.

    Args:
        solver: what to train several times, or its name (see `retrodict.solvers.SOLVERS`).
        num_members: how many times.
        weighting: "stacking", which needs members with a density, or "equal".
        held_out_fraction: share of the rows kept from all members for the weights, 5,000 at most;
            with equal weights none is kept.
        random_state: seed of everything.

    Attributes:
        members_: the fitted solvers.
        weights_: of the members, summing to one.
        log_scores_: mean log-density of the rows kept, by each member; None with equal weights.
        log_score_: the same by the mixture.
        history_: one row per member and epoch.
        outcome_: how the training of the last member ended. After Ctrl-C the ensemble consists of
            the members trained by then.
        parameters_, observables_: the columns of x and y.
        num_rows_: rows given.
        n_features_in_: columns of y.
    """

    def __init__(
        self,
        solver: AbstractSolver | str,
        num_members: int = 5,
        *,
        weighting: str = "stacking",
        held_out_fraction: float = 0.1,
        random_state: int = 0,
    ) -> None:
        self.solver = solver
        self.num_members = num_members
        self.weighting = weighting
        self.held_out_fraction = held_out_fraction
        self.random_state = random_state

    def check_settings(self) -> None:
        self._template().check_settings()
        if self.num_members < 1:
            raise ConfigurationError(
                f"An ensemble has at least one member; got {self.num_members}.", "Use 5."
            )
        if self.weighting not in WEIGHTINGS:
            raise ConfigurationError(
                f"Unknown weighting {self.weighting!r}.", 'Use "stacking" or "equal".'
            )
        if not 0 < self.held_out_fraction < 1:
            raise ConfigurationError(
                f"`held_out_fraction` must lie between 0 and 1; got {self.held_out_fraction}.",
                "Use 0.1.",
            )

    def fit_problem(
        self,
        problem: AbstractProblem,
        *,
        num_simulations: int = 10_000,
        observation: Any = None,
        num_rounds: int = 5,
        truncation: float = 1e-4,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> "Ensemble":
        """As for a single network, see `AbstractTrainedSolver.fit_problem`, but never online."""
        if observation is None:
            return super().fit_problem(
                problem, num_simulations=num_simulations, progress=progress, checkpoint=checkpoint
            )
        return self._fit_for_one(
            problem,
            observation,
            num_simulations=num_simulations,
            num_rounds=num_rounds,
            truncation=truncation,
            progress=progress,
            checkpoint=checkpoint,
        )

    @property
    def history_(self) -> "pandas.DataFrame":
        """The members' histories below each other; `member` counts them from 0."""
        import pandas as pd

        self._require_fitted()
        histories = dict(enumerate(member.history_ for member in self.members_))
        return pd.concat(histories, names=["member"]).reset_index("member").reset_index(drop=True)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON-able settings and arrays, enough for `from_state`."""
        self._require_fitted()
        # Members have seen the same observations, which are kept once.
        seen = self._training_observations.to_arrays()
        states, arrays = [], seen | {"weights": self.weights_}
        for i, member in enumerate(self.members_):
            state, of_member = member.to_state()
            states.append(state)
            arrays |= {
                f"member.{i}.{name}": array for name, array in of_member.items() if name not in seen
            }
        settings = self.get_params(deep=False)
        solver = settings.pop("solver")
        return {
            "hyperparameters": settings,
            "solver": solver if isinstance(solver, str) else None,
            "solver_random_state": None if isinstance(solver, str) else solver.random_state,
            "kind": type(self.members_[0]).__name__,
            "members": states,
            "log_scores": None if self.log_scores_ is None else self.log_scores_.tolist(),
            "log_score": self.log_score_,
            "num_rows": self.num_rows_,
            "num_diverged": self.num_diverged_,
            "one_observation": self._one_observation and self._one_observation.to_state(),
        }, arrays

    @classmethod
    def from_state(cls, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> "Ensemble":
        """The estimator that `to_state` described."""
        kind = {kind.__name__: kind for kind in _trainable()}[state["kind"]]
        members = []
        for i, of_member in enumerate(state["members"]):
            prefix = f"member.{i}."
            own = {
                name.removeprefix(prefix): array
                for name, array in arrays.items()
                if name.startswith(prefix)
            }
            # What is kept once lacks a prefix, and is looked up by its own name.
            members.append(kind.from_state(of_member, arrays | own))
        solver = state["solver"]
        if solver is None:
            solver = clone(members[0]).set_params(random_state=state["solver_random_state"])
        ensemble = cls(solver, **state["hyperparameters"])
        scores = state["log_scores"]
        ensemble._keep(
            members,
            arrays["weights"],
            None if scores is None else np.array(scores),
            state["log_score"],
        )
        ensemble.num_rows_ = state["num_rows"]
        ensemble.num_diverged_ = state.get("num_diverged", 0)
        ensemble._one_observation = OneObservation.from_state(state.get("one_observation"))
        ensemble._training_observations = members[0]._training_observations
        ensemble.parameters_ = members[0].parameters_
        ensemble.observables_ = members[0].observables_
        ensemble.n_features_in_ = members[0].n_features_in_
        return ensemble

    def _learn(
        self,
        x: Float[np.ndarray, "rows dim"],
        y: Float[np.ndarray, "rows cond"],
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> None:
        self.check_settings()
        held_out, used = self._split(len(x))
        members: list[AbstractTrainedSolver] = []
        seeds = np.random.SeedSequence(self.random_state).generate_state(self.num_members)
        for i, seed in enumerate(seeds.tolist()):
            member = clone(self._template()).set_params(random_state=seed)
            if isinstance(member, ConditionalFlow) and member.num_members is None:
                member.num_members = 1  # Several flows are what this ensemble is for.
            member._fit(
                Matrix(x[used]),
                Matrix(y[used]),
                self.parameters_,
                self.observables_,
                progress,
                checkpoint and checkpoint.with_name(f"{checkpoint.name}.{i}"),
                # Rows have been checked; what is left of them after a split may be constant.
                allow_constant_y=True,
                seen=self._training_observations,
            )
            self._require_density(member, y[:1])
            members.append(member)
            if member.outcome_ is Outcome.INTERRUPTED:
                break
        weights = np.full(len(members), 1 / len(members))
        if self.weighting == "equal":
            self._keep(members, weights, None, None)
        else:
            of_each = [_log_density(member, x[held_out], y[held_out]) for member in members]
            log_densities = np.stack(of_each, axis=1)
            weights = cautious_stacking_weights(log_densities)
            mixed = mixture_log_density(log_densities, weights)
            self._keep(members, weights, log_densities.mean(axis=0), float(mixed.mean()))
        self.num_rows_ = len(x)

    def _keep(
        self,
        members: list[AbstractTrainedSolver],
        weights: Float[np.ndarray, " members"],
        log_scores: Float[np.ndarray, " members"] | None,
        log_score: float | None,
    ) -> None:
        self.members_ = members
        self.weights_ = weights
        self.log_scores_ = log_scores
        self.log_score_ = log_score
        self.outcome_ = members[-1].outcome_

    def _sampler(self, y: Float[np.ndarray, "observations cond"]) -> MixedSampler:
        members = [member._sampler(y) for member in self.members_]
        return MixedSampler(members, self.weights_, len(y))

    def _held_out(self, num_rows: int) -> Int[np.ndarray, " held_out"]:
        return self._split(num_rows)[0]

    def _split(self, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
        order = np.random.default_rng(self.random_state).permutation(num_rows)
        if self.weighting == "equal":
            return order[:0], order
        num_held_out = min(max(1, round(self.held_out_fraction * num_rows)), _MOST_HELD_OUT)
        return order[:num_held_out], order[num_held_out:]

    def _template(self) -> AbstractTrainedSolver:
        solver = get_solver(self.solver) if isinstance(self.solver, str) else self.solver
        if not isinstance(solver, AbstractTrainedSolver):
            raise ConfigurationError(
                f"Members of an ensemble are networks; got {type(solver).__name__}, which a seed "
                "does not change.",
                f"Use one of {', '.join(kind.__name__ for kind in _trainable())}.",
            )
        return solver

    def _require_density(
        self, member: AbstractTrainedSolver, y: Float[np.ndarray, "1 cond"]
    ) -> None:
        if self.weighting == "stacking" and not member._sampler(y).has_density:
            raise CapabilityError(
                f"Stacking needs members with a density; {type(member).__name__} gives draws only.",
                'Use `weighting="equal"`, or members with a density, e.g. `ConditionalFlow`.',
            )

    def __sklearn_is_fitted__(self) -> bool:
        return "members_" in vars(self)


def _log_density(
    member: AbstractTrainedSolver,
    x: Float[np.ndarray, "rows dim"],
    y: Float[np.ndarray, "rows cond"],
) -> Float[np.ndarray, " rows"]:
    return member._sampler(y).log_prob(x[:, None])[:, 0]


def _trainable() -> list[type[AbstractTrainedSolver]]:
    return [kind for kind in SOLVERS.values() if issubclass(kind, AbstractTrainedSolver)]
