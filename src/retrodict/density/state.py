"""Between two rounds of training: the multipliers move, and the penalty where it has to."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from retrodict.density.moment_match import MomentMatch
from retrodict.distributions import Transformed
from retrodict.objectives import AugmentedLagrangian

_PENALTY_GROWTH = 4.0
_SUFFICIENT_DECREASE = 0.5
_CLOSE = 0.1


class State:
    """A flow, how it was judged, and the loss for the round that follows."""

    def __init__(self, loss: AugmentedLagrangian, flow: Transformed, reached: MomentMatch) -> None:
        self.flow = flow
        self.match = reached
        self.loss = _with_metric(loss, reached)

    def advanced(self, flow: Transformed, reached: MomentMatch) -> "State":
        """The state after a round: multipliers moved, the penalty grown where it has to."""
        loss, penalty = self.loss, float(self.loss.penalty)
        step = np.asarray(loss.metric, float) @ (reached.achieved - reached.wanted)
        # Close to the goal the multipliers do the rest, and a larger penalty would only make
        # the noise of training larger.
        enough = max(_SUFFICIENT_DECREASE * self.match.distance, _CLOSE)
        grown = penalty * _PENALTY_GROWTH if reached.distance > enough else penalty
        return State(
            dataclasses.replace(
                loss,
                multipliers=loss.multipliers + jnp.asarray(penalty * step, jnp.float32),
                penalty=jnp.asarray(grown, jnp.float32),
            ),
            flow,
            reached,
        )


def _with_metric(loss: AugmentedLagrangian, reached: MomentMatch) -> AugmentedLagrangian:
    return dataclasses.replace(loss, metric=jnp.asarray(reached.metric, jnp.float32))
