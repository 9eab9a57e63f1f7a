"""Approximate Bayesian computation by rejection: the reference that trains nothing."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from retrodict.errors import ConfigurationError
from retrodict.solvers.accepted import Accepted, AcceptedDraws, nearest, regression_adjusted
from retrodict.solvers.base import AbstractSolver
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.solvers.scaling import Scaling, fit_scaling
from retrodict.solvers.training_observations import TrainingObservations
from retrodict.tables import check_observation
from retrodict.training import Progress
from retrodict.variables import Variable, names_of

_FEWEST_PER_OBSERVABLE = 10


class RejectionABC(AbstractSolver):
    """Answers y with the causes of those simulations whose effects came nearest to it.

    Rejection sampling (Pritchard et al. 1999, doi:10.1093/oxfordjournals.molbev.a026091) with
    a fixed share of accepted simulations. Distances are Euclidean, between observables that
    were transformed as the other solvers do it (identity, log or asinh) and standardised, so
    that no unit weighs more than another. The draws are those of

        p(x | ||c(y') - c(y)|| <= radius),

    which is p(x | y) only as the radius goes to zero: a finite one makes the posterior too
    wide, the more so the more observables there are. `radius` says how large it is.

    The local-linear adjustment (Beaumont et al. 2002, doi:10.1093/genetics/162.4.2025) moves
    each accepted x to where a regression on c expects it at the observation,

        u <- u - B (c(y') - c(y)),

    with u the scaled x on the real line, so that no draw leaves the bounds, and with weights
    1 - (distance / radius)^2 (Epanechnikov) in the regression and among the draws. It corrects
    width and location where x depends on y nearly linearly within the radius. Where one y has
    distinct causes it moves each of them by their common slope, which blurs them.

    Without adjustment the first `num_accepted` draws are the accepted simulations, each once,
    in random order; further ones are resampled with replacement. With adjustment all draws
    are resampled with replacement, by weight.

    Args:
        acceptance: share of the simulations to accept.
        num_accepted: number of simulations to accept, instead of `acceptance`. With neither,
            3 sqrt(simulations), but at least ten per observable: a table ten times as long
            gives three times as many draws from a third of the share.
        adjustment: "linear" or "none". Of both, with 30 to 1,000 accepted of 1e4 and 1e5
            simulations, the defaults have the best or nearly the best energy score of held-out
            simulations on three problems (`benchmarks/rejection_abc.py`); "none" is nearer to the
            exact posterior where that has thin, curved modes.
        random_state: seed of everything.

    Attributes:
        parameters_, observables_: the columns of x and y.
        num_rows_: simulations in the table.
        num_accepted_: simulations accepted for each observation.
        n_features_in_: columns of y.
    """

    def __init__(
        self,
        *,
        acceptance: float | None = None,
        num_accepted: int | None = None,
        adjustment: str = "linear",
        random_state: int = 0,
    ) -> None:
        self.acceptance = acceptance
        self.num_accepted = num_accepted
        self.adjustment = adjustment
        self.random_state = random_state

    def check_settings(self) -> None:
        if self.acceptance is not None and self.num_accepted is not None:
            raise ConfigurationError(
                "Expected `acceptance` or `num_accepted`; got both.", "Leave one of them out."
            )
        if self.acceptance is not None and not 0 < self.acceptance <= 1:
            raise ConfigurationError(
                f"`acceptance` must lie in (0, 1]; got {self.acceptance}.", "Try 0.01."
            )
        if self.num_accepted is not None and self.num_accepted < 1:
            raise ConfigurationError(
                f"`num_accepted` must be at least 1; got {self.num_accepted}.", "Try 1000."
            )
        if self.adjustment not in ("none", "linear"):
            raise ConfigurationError(
                f"Unknown adjustment {self.adjustment!r}.", 'Use "none" or "linear".'
            )

    def radius(self, y: Any) -> Float[np.ndarray, "*observations"]:
        """Distance of the farthest accepted simulation of each observation.

        In standard deviations of the transformed observables over the simulations: at 0.1 the
        posterior blurs the observation little, at 1 it is hardly narrower than the prior.

        Args:
            y: as in `retrodict`.

        Returns:
            One number for one observation, else shape (observations,).

        Raises:
            NotFittedError: before `fit`.
            DataError: wrong length or names, NaN.
        """
        self._require_fitted()
        values, is_single = check_observation(y, self.observables_)
        found = self._nearest(values).radius
        return found.reshape(()) if is_single else found

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON-able settings and arrays, enough for `from_state`: the table of simulations."""
        self._require_fitted()
        scaling, arrays = self._scaling.to_state()
        state = {
            "hyperparameters": self.get_params(deep=False),
            "parameters": [asdict(variable) for variable in self.parameters_],
            "observables": [asdict(variable) for variable in self.observables_],
            "scaling": scaling,
            "num_diverged": self.num_diverged_,
        }
        kept = self._training_observations.to_arrays()
        return state, arrays | kept | {"x": self._x, "y": self._y}

    @classmethod
    def from_state(cls, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> "RejectionABC":
        """The estimator that `to_state` described."""
        solver = cls(**state["hyperparameters"])
        solver.parameters_ = tuple(Variable(**variable) for variable in state["parameters"])
        solver.observables_ = tuple(Variable(**variable) for variable in state["observables"])
        solver.n_features_in_ = len(solver.observables_)
        solver.num_diverged_ = state.get("num_diverged", 0)
        scaling = Scaling.from_state(state["scaling"], arrays)
        spread = scaling.point_masses.spread(
            arrays["x"], np.random.default_rng(solver.random_state)
        )
        solver._keep(arrays["x"], arrays["y"], scaling, spread)
        names = names_of(solver.observables_)
        solver._training_observations = TrainingObservations.from_arrays(arrays, names)
        return solver

    def _learn(
        self,
        x: Float[np.ndarray, "rows dim"],
        y: Float[np.ndarray, "rows cond"],
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> None:
        del progress, checkpoint
        self.check_settings()
        rng = np.random.default_rng(self.random_state)
        scaling, spread = fit_scaling(x, y, self.parameters_, rng, regress=False)
        self._keep(x, y, scaling, spread)

    def _keep(
        self,
        x: Float[np.ndarray, "rows dim"],
        y: Float[np.ndarray, "rows cond"],
        scaling: Scaling,
        spread: Float[np.ndarray, "rows dim"],
    ) -> None:
        from scipy.spatial import KDTree

        self.num_rows_ = len(x)
        self.num_accepted_ = self._chosen_num_accepted(len(x))
        self._x, self._y, self._scaling = x, y, scaling
        self._u, c, _ = scaling.forward(spread, y)
        self._tree = KDTree(c)

    def _chosen_num_accepted(self, num_rows: int) -> int:
        if self.num_accepted is not None:
            wanted = self.num_accepted
        elif self.acceptance is not None:
            wanted = max(1, round(self.acceptance * num_rows))
        else:
            fewest = _FEWEST_PER_OBSERVABLE * (len(self.observables_) + 1)
            wanted = min(num_rows, max(fewest, round(3 * num_rows**0.5)))
        if wanted > num_rows:
            raise ConfigurationError(
                f"`num_accepted` is {wanted:,}, but there are {num_rows:,} simulations only.",
                "Accept fewer, or simulate more.",
            )
        fewest = len(self.observables_) + 2
        if self.adjustment == "linear" and wanted < fewest:
            raise ConfigurationError(
                f"A linear regression on {len(self.observables_)} observables needs at least "
                f"{fewest} accepted simulations; got {wanted}.",
                'Accept more of them, or use `adjustment="none"`.',
            )
        return wanted

    def _nearest(self, y: Float[np.ndarray, "observations cond"]) -> Accepted:
        return nearest(self._tree, self._scaling.condition(y), self.num_accepted_)

    def _sampler(self, y: Float[np.ndarray, "observations cond"]) -> AbstractPosteriorSampler:
        accepted = self._nearest(y)
        if self.adjustment == "none":
            return AcceptedDraws(self._x[accepted.rows], weights=None)
        c = self._scaling.condition(y)
        u = regression_adjusted(self._u, self._tree.data, c, accepted)
        flat = self._scaling.inverse(
            u.reshape(-1, u.shape[-1]), np.repeat(c, self.num_accepted_, axis=0)
        )
        return AcceptedDraws(flat.reshape(u.shape), weights=accepted.weights)

    def __sklearn_is_fitted__(self) -> bool:
        return "_tree" in vars(self)
