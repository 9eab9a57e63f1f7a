"""Inversion by optimisation: train a forward network, then search causes that fit."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from retrodict.errors import ConfigurationError, NotConvergedWarning, warn
from retrodict.networks import ForwardNetwork, ResidualMLP
from retrodict.objectives import mean_squared_error
from retrodict.solvers.defaults import default_forward_settings, default_forward_training
from retrodict.solvers.gradient_search import GradientSearch, SearchEnd, search_from_many
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.solvers.scaling import Scaling
from retrodict.solvers.solutions import Solutions, find_solutions
from retrodict.solvers.surrogate import AbstractForwardSolver
from retrodict.training import TrainingConfig
from retrodict.training.step import Loss
from retrodict.typing import Array, Key

# Nearer to its data than this no network in single precision comes.
_LEAST_NOISE_SD = 1e-4


class GradientInversion(AbstractForwardSolver):
    """Learns y from x, then searches for each observation the causes that predict it.

    A residual network f is trained by least squares on scaled causes u and effects c. For an
    observation, u is improved by gradients of f from many starts drawn from the prior, all
    starts of all observations at once, until it fits:

        minimise |f(u) - c|^2 / (2 noise_sd^2)   [+ |u|^2 / 2, the prior, if `with_prior`]

    (the classical way to invert a network, e.g. Ren et al. 2020, arXiv:2009.12919).

    **Its draws are no honest posterior.** `retrodict(y).sample(n)` gives the ends of n searches.
    They fit the observation, but nothing makes their density that of p(x | y): without the prior
    each is the fitting cause that its start slid to; with it all collapse onto the most probable
    causes. It is here as the rival of methods that learn the posterior; `solutions` says what it
    finds, and how much of an exact posterior that covers.

    Args:
        width, depth: of the forward network: width of its layers, number of residual blocks;
            None for the width takes what suits the number of rows.
        with_prior: whether u is also drawn to the mean of the prior, as N(0, I) draws it: then
            solutions are maxima of an approximate posterior.
        noise_sd: of scaled observations around f; None takes the root mean squared error of f
            on held-out rows. Without the prior it only sets the unit of the loss.
        max_steps: after which a search is given up.
        tolerance: a search has converged when its step is shorter than this, in prior standard
            deviations.
        max_epochs, batch_size, learning_rate, patience, weight_decay: of the training, see
            `retrodict.training.TrainingConfig`; None takes what suits the number of rows.
        max_seconds: training stops after this time with the best model so far.
        validation_fraction: share of the rows on which the best epoch is chosen.
        random_state: seed of everything.

    Attributes:
        parameters_, observables_: the columns of x and y.
        history_: one row per epoch; losses are mean squared errors of scaled observables.
        outcome_: how training ended.
        scaling_: what was done to each column.
        num_parameters_: trained numbers.
        num_rows_: training and validation rows.
        n_features_in_: columns of y.
    """

    _loss_is_likelihood: ClassVar[bool] = False

    def __init__(
        self,
        width: int | None = None,
        depth: int = 2,
        *,
        with_prior: bool = False,
        noise_sd: float | None = None,
        max_steps: int = 300,
        tolerance: float = 1e-3,
        max_epochs: int | None = None,
        max_seconds: float | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        patience: int | None = None,
        weight_decay: float | None = None,
        validation_fraction: float = 0.1,
        random_state: int = 0,
    ) -> None:
        self.width = width
        self.depth = depth
        self.with_prior = with_prior
        self.noise_sd = noise_sd
        self.max_steps = max_steps
        self.tolerance = tolerance
        self.max_epochs = max_epochs
        self.max_seconds = max_seconds
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def solutions(
        self,
        y: Any,
        *,
        num_starts: int = 1000,
        radius: float = 0.1,
        random_state: int | None = None,
    ) -> Solutions:
        """The distinct causes that searches from many starts end at, and how often each.

        Args:
            y: one observation or a batch, as for `retrodict`.
            num_starts: for each observation.
            radius: within which two ends are the same solution, in prior standard deviations.
            random_state: seed of the starts; the estimator's by default, which are then those
                of `retrodict(y).sample(num_starts)`.

        Returns:
            Solutions with their losses and shares of the starts, and the share of searches that
            did not converge; `coverage(exact_draws)` compares them with an exact posterior.

        Warns:
            MisspecificationWarning: as in `retrodict`.

        Raises:
            NotFittedError: before `fit`.
            DataError: wrong length or names, NaN.
            ConfigurationError: no start, or a radius that is not positive.
        """
        self._require_fitted()
        if num_starts < 1 or not radius > 0:
            raise ConfigurationError(
                f"Expected at least one start and a positive radius; got num_starts={num_starts}, "
                f"radius={radius}.",
                "1,000 starts and a radius of 0.1 are a good beginning.",
            )
        sampler = self._sampler(self.retrodict(y).observations)
        seed = self.random_state if random_state is None else random_state
        ends = sampler.search(jax.random.key(seed), num_starts)
        return find_solutions(
            ends,
            sampler.condition,
            radius=radius,
            scaling=self._scaling,
            parameters=self.parameters_,
        )

    @staticmethod
    def _forward(model: ResidualMLP, u: Float[Array, " dim"]) -> Float[Array, " cond"]:
        return model(u)

    def _objective(self) -> Loss:
        return mean_squared_error

    def _distribution(self) -> GradientSearch:
        noise_sd = self.noise_sd
        if noise_sd is None:
            held_out = float(np.sqrt(self.history_["validation_loss"].min()))
            noise_sd = max(held_out, _LEAST_NOISE_SD)
        return GradientSearch(
            network=self._model,
            noise_sd=jnp.asarray(noise_sd, jnp.float32),
            with_prior=self.with_prior,
            max_steps=self.max_steps,
            tolerance=self.tolerance,
            shape=(len(self.parameters_),),
            cond_shape=(len(self.observables_),),
        )

    def _sampler(self, y: Float[np.ndarray, "observations cond"]) -> "SearchEnds":
        return SearchEnds(self._distribution(), self._scaling, y)

    def _chosen_architecture(self, num_rows: int) -> ForwardNetwork:
        self._require_search_settings()
        width = default_forward_settings(num_rows)["width"] if self.width is None else self.width
        return ForwardNetwork(width, self.depth)

    @classmethod
    def _restored_architecture(cls, description: dict[str, Any]) -> ForwardNetwork:
        return ForwardNetwork(**{k: v for k, v in description.items() if k != "name"})

    def _chosen_training(self, num_rows: int) -> TrainingConfig:
        return default_forward_training(
            num_rows,
            max_epochs=self.max_epochs,
            max_seconds=self.max_seconds,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            weight_decay=self.weight_decay,
        )

    def _require_search_settings(self) -> None:
        for name in ("width", "depth", "max_steps", "tolerance", "noise_sd"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError(
                    f"`{name}` must be positive; got {value!r}.", "Leave it out for its default."
                )


class SearchEnds(AbstractPosteriorSampler):
    """The ends of searches in place of draws, in the user's units.

    Args:
        search: on scaled causes, for scaled observations.
        scaling: of both.
        y: observations in the user's units.
    """

    def __init__(
        self, search: GradientSearch, scaling: Scaling, y: Float[np.ndarray, "observations cond"]
    ) -> None:
        self.distribution = search
        self.scaling = scaling
        self.condition = scaling.condition(y)

    def search(self, key: Key, num_starts: int) -> SearchEnd:
        """Searches from `num_starts` starts for each observation, in scaled units."""
        return search_from_many(self.distribution, key, self.condition, num_starts)

    def sample(self, key: Key, num_draws: int) -> Float[np.ndarray, "observations draws dim"]:
        """The ends of `num_draws` searches; those that were given up are there as they are.

        Warns:
            NotConvergedWarning: with how many were given up.
        """
        u, _, has_converged = map(np.asarray, self.search(key, num_draws))
        num_given_up = int((~has_converged).sum())
        if num_given_up:
            warn(
                NotConvergedWarning(
                    f"{num_given_up:,} of {has_converged.size:,} searches had not converged after "
                    f"{self.distribution.max_steps} steps; their last points are among the draws. "
                    "Allow more `max_steps` or a larger `tolerance`."
                )
            )
        c = np.repeat(self.condition, num_draws, axis=0)
        return self.scaling.inverse(u.reshape(len(c), -1), c).reshape(u.shape)
