"""Everything that could have produced an observation, with probabilities."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float

from retrodict.errors import CapabilityError, ConfigurationError, ShapeError
from retrodict.problems.base import AbstractProblem
from retrodict.repair import ConformalCalibration
from retrodict.solvers.refinement import AbstractRefinementMethod, Refinement, refine
from retrodict.solvers.repaired import RepairedDraws
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.solvers.summary import described
from retrodict.tables import as_matrix
from retrodict.variables import Variable, names_of

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_QUANTILES = {"q2.5": 0.025, "q16": 0.16, "median": 0.5, "q84": 0.84, "q97.5": 0.975}


class Posterior:
    """p(x | y) for one observation or for a batch of them.

    Results of one observation have no observation axis; those of a batch have it first.

    Attributes:
        parameters: the columns of x.
        observables: the columns of y.
        observations: y in the user's units, shape (observations, cond).
        is_single: whether one observation was given on its own.
        refinement: how it was made from a trained posterior by `refine`; None if it was not.
    """

    def __init__(
        self,
        sampler: AbstractPosteriorSampler,
        observations: Float[np.ndarray, "observations cond"],
        *,
        is_single: bool,
        parameters: Sequence[Variable],
        observables: Sequence[Variable],
        random_state: int = 0,
        refinement: Refinement | None = None,
    ) -> None:
        self._sampler = sampler
        self._random_state = random_state
        self.observations = observations
        self.is_single = is_single
        self.parameters = tuple(parameters)
        self.observables = tuple(observables)
        self.refinement = refinement

    def __repr__(self) -> str:
        names = ", ".join(names_of(self.parameters))
        num = len(self.observations)
        return f"Posterior of {names} for {num} observation{'s' if num != 1 else ''}"

    def sample(
        self, num_draws: int = 1000, *, random_state: int | None = None
    ) -> Float[np.ndarray, "*observations draws dim"]:
        """Independent draws of x, in the user's units and within the bounds.

        Draw i of an observation does not depend, up to rounding, on how many are asked for. A
        refined posterior gives those draws that it has, in random order (weighted ones
        resampled in proportion to their weights), and no more of them.

        Args:
            num_draws: per observation.
            random_state: seed; the estimator's by default, so that calls repeat themselves.

        Returns:
            Shape (num_draws, dim) for one observation, else (observations, num_draws, dim).

        Raises:
            ConfigurationError: fewer than one draw, or more than a refined posterior has.
        """
        if num_draws < 1:
            raise ConfigurationError(
                f"`num_draws` must be at least 1; got {num_draws}.", "1,000 is a good start."
            )
        key = jax.random.key(self._random_state if random_state is None else random_state)
        x = self._sampler.sample(key, num_draws)
        return x[0] if self.is_single else x

    def log_prob(self, x: Any) -> Float[np.ndarray, "*batch"]:
        """log p(x | y) in nats, per unit volume of x in the user's units.

        Exact, with one exception: where x has entries at a point mass (a bound at which a
        good part of the training rows lay), it is the logarithm of probability times
        density, approximated by the middle of the strip that stands for the point.

        Args:
            x: for one observation shape (dim,) or (num, dim); for a batch (observations, dim),
                one for each, or (observations, num, dim). A DataFrame for (num, dim).

        Returns:
            Shape of `x` without its last axis; -inf outside the bounds.

        Raises:
            ShapeError: another shape.
            CapabilityError: the solver gives draws only.
        """
        values, shape = self._causes(x)
        return self._sampler.log_prob(values).reshape(shape)

    def mode(self) -> Float[np.ndarray, "*observations dim"]:
        """The most probable x: the best of 1,000 draws, improved by BFGS.

        The density is per unit volume of x in the user's units, so the mode depends on them,
        as every mode does. Of several modes the highest one found is returned.

        Raises:
            CapabilityError: the solver gives draws only.
        """
        x = self._sampler.mode(jax.random.key(self._random_state))
        return x[0] if self.is_single else x

    def refine(
        self,
        problem: AbstractProblem,
        method: str | AbstractRefinementMethod = "importance",
        *,
        num_draws: int = 10_000,
        random_state: int | None = None,
        allow_unusable: bool = False,
    ) -> "Posterior":
        """The exact posterior, with this one as proposal, where the likelihood is known.

        - "importance": weighted draws, the evidence p(y), and Pareto's k, which tells whether
          weights can be trusted.
        - "sir": draws that weigh the same, resampled from many weighted ones.
        - "independent-metropolis": Markov chains that propose draws of this posterior.
        - "nuts": Hamiltonian chains in the latent space of the flow (needs BlackJAX).

        Args:
            problem: prior and likelihood, of the same parameters and observables.
            method: one of these names, or a method with settings of your own, e.g.
                `ImportanceSampling(prior_share=0.05)`; see `retrodict.solvers.refinement`.
            num_draws: per observation.
            random_state: seed; the estimator's by default.
            allow_unusable: return draws that cannot be relied on too, to look at them;
                `refinement` then tells which.

        Returns:
            A posterior whose `refinement` says how well that went.

        Raises:
            CapabilityError: no likelihood, no density, or a parameter with a point mass.
            ConfigurationError: the problem is another one, or a setting makes no sense.
            NonFiniteError: prior or likelihood are NaN or +inf at some x.
            RefinementError: the draws cannot be used, with which, why, and what to do.
        """
        if self.refinement is not None:
            raise ConfigurationError(
                "This posterior is refined already.",
                "Refine the posterior that the solver's `retrodict` gave.",
            )
        seed = self._random_state if random_state is None else random_state
        sampler, refinement = refine(
            self._sampler,
            problem,
            self.observations,
            method=method,
            parameters=self.parameters,
            observables=self.observables,
            num_draws=num_draws,
            key=jax.random.key(seed),
            allow_unusable=allow_unusable,
        )
        return Posterior(
            sampler,
            self.observations,
            is_single=self.is_single,
            parameters=self.parameters,
            observables=self.observables,
            random_state=seed,
            refinement=refinement,
        )

    def calibrate(
        self, truth: Any, *, num_draws: int = 300, groups: Any = None, **settings: Any
    ) -> ConformalCalibration:
        """What repairs posteriors like these, learned from the causes of these observations.

        See `retrodict.repair.ConformalCalibration`, which this fits to draws, with the names and
        bounds of the parameters.

        Args:
            truth: the cause of each observation, (observations, dim), array or DataFrame; none
                that the solver was trained on.
            num_draws: of each observation.
            groups: label of each observation, for which coverage shall hold by itself.
            settings: of the calibration, e.g. `levels=[0.5, 0.8]` or `tails="together"`.

        Raises:
            DataError: as `ConformalCalibration.fit`, e.g. for too few observations.
        """
        calibration = ConformalCalibration(
            lower=[variable.lower for variable in self.parameters],
            upper=[variable.upper for variable in self.parameters],
            names=names_of(self.parameters),
            **settings,
        )
        causes = as_matrix(truth, "truth", _unbounded(self.parameters)).values
        return calibration.fit(self._batch(num_draws), causes, groups)

    def repaired(self, calibration: ConformalCalibration, groups: Any = None) -> "Posterior":
        """This posterior with draws that a calibration has moved.

        `summary()` then has columns `low80`, `high80` and so on: the ends of intervals that
        carry the calibration's guarantee.

        Args:
            calibration: fitted, to draws of the same solver for other observations.
            groups: label of each observation, where the calibration had them.

        Raises:
            NotFittedError: the calibration has not learned anything yet.
            ConfigurationError: it is of other parameters.
        """
        calibration.require_parameters(names_of(self.parameters))
        return Posterior(
            RepairedDraws(self._sampler, calibration, groups),
            self.observations,
            is_single=self.is_single,
            parameters=self.parameters,
            observables=self.observables,
            random_state=self._random_state,
            refinement=self.refinement,
        )

    def summary(self, num_draws: int = 4000) -> "pandas.DataFrame":
        """Mean, standard deviation and quantiles of each parameter.

        Further columns come from what the draws are made by, e.g. `ess` and `r_hat` of chains.

        Args:
            num_draws: to make for it; a refined posterior takes all those that it has, with
                their weights.

        Returns:
            One row per parameter; for a batch one per observation and parameter.
        """
        import pandas as pd

        key = jax.random.key(self._random_state)
        draws = self._sampler.draws_for_summary(key, num_draws)
        columns: dict[str, Any] = described(draws, _QUANTILES)
        columns |= self._sampler.summary_columns(key)
        names = names_of(self.parameters)
        index = pd.MultiIndex.from_product(
            [range(len(self.observations)), names], names=["observation", "parameter"]
        )
        frame = pd.DataFrame({name: column.ravel() for name, column in columns.items()}, index)
        frame["unit"] = [variable.unit for variable in self.parameters] * len(self.observations)
        return frame.droplevel("observation") if self.is_single else frame

    def to_dataframe(self, num_draws: int = 1000) -> "pandas.DataFrame":
        """Draws as a table: one column per parameter.

        For a batch the first column, `observation`, counts the observations from 0.
        """
        import pandas as pd

        draws = self._batch(num_draws)
        frame = pd.DataFrame(draws.reshape(-1, draws.shape[-1]), columns=names_of(self.parameters))
        if not self.is_single:
            frame.insert(0, "observation", np.repeat(np.arange(len(draws)), num_draws))
        return frame

    def to_inference_data(self, num_draws: int = 1000) -> Any:
        """Draws as ArviZ InferenceData: one chain, a variable per parameter.

        Raises:
            CapabilityError: ArviZ is not installed.
        """
        try:
            import arviz
        except ImportError as error:
            raise CapabilityError(
                "`to_inference_data` needs ArviZ, which is not installed.",
                "Install it with `pip install 'retrodict[arviz]'`.",
            ) from error
        draws = self._batch(num_draws)
        if self.is_single:
            posterior = {name: draws[:, :, i] for i, name in enumerate(names_of(self.parameters))}
            return arviz.from_dict(posterior=posterior)
        # ArviZ wants (chain, draw, *shape): the observations are the shape.
        by_draw = np.swapaxes(draws, 0, 1)[None]
        names = names_of(self.parameters)
        return arviz.from_dict(
            posterior={name: by_draw[..., i] for i, name in enumerate(names)},
            dims={name: ["observation"] for name in names},
        )

    def _batch(self, num_draws: int) -> np.ndarray:
        draws = self.sample(num_draws)
        return draws[None] if self.is_single else draws

    def _causes(self, x: Any) -> tuple[np.ndarray, tuple[int, ...]]:
        """x as (observations, num, dim), and the shape of the answer."""
        num_observations, dim = len(self.observations), len(self.parameters)
        ndim, shape = np.ndim(x), np.shape(x)
        rows = x if ndim == 2 else np.reshape(x, (-1, shape[-1] if ndim else 1))
        values = as_matrix(rows, "x", _unbounded(self.parameters)).values.reshape(shape)
        expected = {
            True: f"({dim},) or (num, {dim})",
            False: f"({num_observations}, {dim}) or ({num_observations}, num, {dim})",
        }
        if self.is_single and ndim in (1, 2):
            return values.reshape(1, -1, dim), values.shape[:-1]
        if not self.is_single and ndim in (2, 3) and len(values) == num_observations:
            return values.reshape(num_observations, -1, dim), values.shape[:-1]
        raise ShapeError(
            f"`x` must have shape {expected[self.is_single]}; got {np.shape(x)}.",
            "The last axis holds the parameters: " + ", ".join(names_of(self.parameters)) + ".",
        )


def _unbounded(parameters: Sequence[Variable]) -> list[Variable]:
    """The same names without bounds: a density may be asked for anywhere."""
    return [Variable(variable.name) for variable in parameters]
