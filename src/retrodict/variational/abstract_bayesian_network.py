"""What regression and classification by networks with uncertain weights have in common."""

import abc
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Bool, Float

from retrodict.errors import ConfigurationError
from retrodict.objectives import (
    PredictiveError,
    PredictiveLikelihood,
    WeightedLikelihood,
)
from retrodict.training import Progress, TrainingConfig
from retrodict.training.step import Loss
from retrodict.typing import Key
from retrodict.variational.bayesian_model import BayesianModel
from retrodict.variational.last_layer import LastLayer
from retrodict.variational.members import Members
from retrodict.variational.scale import Scale
from retrodict.variational.tabular import AbstractTabularNetwork

METHODS = ("ensemble", "variational", "dropout", "laplace", "none")
_NUM_MEMBERS = 5
_NUM_STEPS = 10_000
_FEWEST_PASSES = 20
_NUM_VALIDATION_DRAWS = 8
# Between two looks at held-out rows; fewer cost more than they tell.
_STEPS_BETWEEN_LOOKS = 100


class AbstractBayesianNetwork(AbstractTabularNetwork):
    """Trains the networks of one method, and keeps rows aside to judge them by."""

    _likelihood: ClassVar[str]

    method: str
    hidden: Any
    activation: str
    num_members: int | None
    prior_sd: float | str
    kl: str
    num_train_draws: int
    num_draws: int
    dropout: float
    _model: BayesianModel

    @property
    @abc.abstractmethod
    def _num_targets(self) -> int:
        """Outputs that the likelihood needs, without those of its noise."""

    @property
    def _is_heteroscedastic(self) -> bool:
        return False

    @property
    def _noise_sds(self) -> tuple[float, ...] | None:
        """Of the scaled targets, where it is not learned."""
        return None

    def _learn(
        self,
        values: Float[np.ndarray, "rows dim"],
        targets: Float[np.ndarray, "rows targets"],
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> Bool[np.ndarray, "rows members"]:
        """Trains on rows and their scaled targets; returns which rows were held out from whom."""
        self._check_settings()
        held_out = self._held_out(len(values))
        uses_all = not held_out.any()
        self._scale = Scale.fit(values, "standardise")
        u = self._scale.forward(values)
        key_build, key_train = jr.split(jr.key(self.random_state))
        model = self._built(values.shape[1], key_build)
        weight = _weights(~held_out)
        rows = (u, targets.astype(np.float32), weight)
        loss = WeightedLikelihood(
            jnp.asarray(float((~held_out).sum(axis=0).mean())),
            self.num_train_draws,
            self.kl == "sampled",
        )
        judged = rows
        judge: Loss = loss
        if not uses_all:
            aside = held_out.any(axis=1)
            judged = (u[aside], rows[1][aside], _weights(held_out[aside]))
            judge = self._judge(model.members)
        used = np.flatnonzero(weight.any(axis=1))
        config, passes = _in_longer_epochs(self._config(len(used)), len(used))
        used = np.tile(used, passes)
        result = self._trained(
            model.members,
            loss,
            tuple(column[used] for column in rows),
            judged,
            key=key_train,
            config=config,
            validation_loss=judge,
            progress=progress,
            checkpoint=checkpoint,
        )
        model = eqx.tree_at(lambda model: model.members, model, result.model)
        if self.method == "laplace":
            model = model.with_last_layer(u, rows[1], (~held_out).astype(float))
        self._model = model
        self.history_ = result.to_frame()
        self.outcome_ = result.outcome
        self.num_rows_ = len(values)
        return held_out

    def _judge(self, members: Members) -> Loss:
        """What is small where held-out rows are predicted well."""
        num_draws = _NUM_VALIDATION_DRAWS if members.is_random else 1
        # Of noise that is the same everywhere the held-out rows themselves will tell the size:
        # the network that explains most is not the one whose own estimate is best.
        if self._likelihood == "gaussian" and not self._is_heteroscedastic:
            return PredictiveError(num_draws)
        return PredictiveLikelihood(num_draws)

    def _held_out(self, num_rows: int) -> Bool[np.ndarray, "rows members"]:
        """Rows that each network does not learn from.

        A lone network keeps a share aside; of several each keeps its own part aside, so that
        together they learn from all rows and are judged by all. The evidence lower bound needs
        no rows to be judged by.
        """
        members = self._num_networks
        none = np.zeros((num_rows, members), bool)
        if self.method == "variational":
            return none
        aside, used = self._split(num_rows)
        if members == 1:
            none[aside] = True
            return none
        order = np.concatenate([aside, used])
        none[order, np.arange(num_rows) % members] = True
        return none

    @property
    def _num_networks(self) -> int:
        if self.num_members is not None:
            return self.num_members
        return _NUM_MEMBERS if self.method == "ensemble" else 1

    def _config(self, num_rows: int) -> TrainingConfig:
        batch_size = min(num_rows, self.batch_size or (32 if num_rows < 2_000 else 128))
        passes = max(_FEWEST_PASSES, -(-_NUM_STEPS // (num_rows // batch_size)))
        default_rate = 1e-2 if self.method == "variational" else 3e-3
        return TrainingConfig(
            batch_size=batch_size,
            learning_rate=self.learning_rate or default_rate,
            max_epochs=self.max_epochs or passes,
            patience=self.patience,
            # The bound cannot be overfitted, and is known by draws alone.
            keep_last=self.method == "variational",
        )

    def _built(self, dim: int, key: Key) -> BayesianModel:
        sizes = [dim, *self.hidden, self._num_targets]
        members = Members(
            sizes,
            self._num_networks,
            method=self.method,
            likelihood=self._likelihood,
            activation=self.activation,
            dropout=self.dropout,
            prior_sd=self.prior_sd,
            weight_decay=self.weight_decay,
            noise_sd=self._noise_sds,
            is_heteroscedastic=self._is_heteroscedastic,
            key=key,
        )
        last_layer = None
        if self.method == "laplace":
            last_layer = LastLayer.empty(
                self._num_networks,
                sizes[-2] + 1,
                self._num_targets,
                joint=self._likelihood == "categorical",
            )
        return BayesianModel(members, last_layer, jnp.ones(self._num_targets))

    def _check_settings(self) -> None:
        if self.method not in METHODS:
            raise ConfigurationError(
                f"Unknown method {self.method!r}.", f"Use one of {', '.join(METHODS)}."
            )
        if self.kl not in ("analytic", "sampled"):
            raise ConfigurationError(
                f"`kl` is 'analytic' or 'sampled'; got {self.kl!r}.", 'Use "analytic".'
            )
        if self.method == "none" and self._num_networks != 1:
            raise ConfigurationError(
                f"Several plain networks are an ensemble; got num_members={self.num_members}.",
                'Use method="ensemble".',
            )
        if self.method == "ensemble" and self._num_networks < 2:
            raise ConfigurationError(
                f"An ensemble has at least 2 members; got {self.num_members}.",
                'Use method="none" for a single network.',
            )
        if self.method == "dropout" and not 0 < self.dropout < 1:
            raise ConfigurationError(
                f"Dropout that is to tell uncertainty lies between 0 and 1; got {self.dropout}.",
                "Use 0.1.",
            )
        for name in ("num_train_draws", "num_draws", "num_members"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigurationError(f"`{name}` is at least 1; got {value}.", "Leave it out.")
        if not self.weight_decay >= 0:
            raise ConfigurationError(
                f"`weight_decay` is at least 0; got {self.weight_decay}.", "Leave it out."
            )


def _weights(is_used: Bool[np.ndarray, "rows members"]) -> Float[np.ndarray, "rows members"]:
    """How much each row counts for each network: mean 1."""
    share = is_used.mean(axis=0)
    return (is_used / np.where(share > 0, share, 1)).astype(np.float32)


def _in_longer_epochs(config: TrainingConfig, num_rows: int) -> tuple[TrainingConfig, int]:
    """The same training in epochs of several passes over small tables, and how many those are."""
    steps = num_rows // config.batch_size
    passes = min(-(-_STEPS_BETWEEN_LOOKS // steps), config.max_epochs)
    return replace(
        config,
        max_epochs=-(-config.max_epochs // passes),
        patience=None if config.patience is None else -(-config.patience // passes),
    ), passes
