"""Exact draws by rejection, in rounds of many proposals, inside a compiled program."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.typing import Array, Bool, Float, Int, Key

_FEWEST_PROPOSALS = 512
_MOST_ROUNDS = 10_000
_Proposals = tuple[Float[Array, "proposals dim"], Bool[Array, " proposals"]]


def accepted_draws(
    propose: Callable[[Key, int], _Proposals], key: Key, num_draws: int
) -> Float[Array, "{num_draws} dim"]:
    """The first proposals that are accepted.

    Args:
        propose: draws so many proposals and says which of them are accepted.
        key: each round has one split off it.
        num_draws: how many accepted proposals are wanted.

    Returns:
        The draws; those that 10,000 rounds of proposals could not fill are NaN.
    """
    num_proposals = max(num_draws, _FEWEST_PROPOSALS)
    State = tuple[Int[Array, ""], Int[Array, ""], Float[Array, "draws dim"]]

    def unfinished(state: State) -> Bool[Array, ""]:
        num_rounds, num_accepted, _ = state
        return (num_accepted < num_draws) & (num_rounds < _MOST_ROUNDS)

    def another_round(state: State) -> State:
        num_rounds, num_accepted, draws = state
        x, fits = propose(jr.fold_in(key, num_rounds), num_proposals)
        # Each accepted proposal goes to the next free place, the others and any surplus nowhere.
        places = jnp.where(fits, num_accepted + jnp.cumsum(fits) - 1, num_draws)
        draws = draws.at[places].set(x, mode="drop")
        return num_rounds + 1, num_accepted + fits.sum(), draws

    x, _ = jax.eval_shape(lambda key: propose(key, num_proposals), key)
    nothing = jnp.full((num_draws, *x.shape[1:]), jnp.nan, x.dtype)
    start = (jnp.asarray(0), jnp.asarray(0), nothing)
    return jax.lax.while_loop(unfinished, another_round, start)[2]
