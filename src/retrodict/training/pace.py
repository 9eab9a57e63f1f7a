"""Time used, time left, and how many steps make a call of the right length."""

import time

# A Ctrl-C waits for one call, and progress is shown between calls.
_SECONDS_PER_CALL = 0.5
# The rate of a few steps is a poor guess for that of many.
_LARGEST_GROWTH = 10
# What an int32 counts to, with room for the steps already taken.
_MOST_STEPS = 2**30


class Pace:
    """Measures how fast steps go.

    The first call of a run compiles, so it takes one step and is not measured. Nothing here
    touches the arithmetic: steps are cut into calls by it, never changed.

    Attributes:
        seconds_before: used by earlier parts of a resumed run.
    """

    def __init__(self, *, seconds_before: float, most_steps: int) -> None:
        self.seconds_before = seconds_before
        self._most_steps = most_steps
        self._start = time.perf_counter()
        self._next_steps = 1
        self._warm_since: float | None = None
        self._warm_steps = 0

    @property
    def seconds(self) -> float:
        """Wall-clock time of the whole run up to now."""
        return self.seconds_before + time.perf_counter() - self._start

    @property
    def next_steps(self) -> int:
        """How many steps the next call should take."""
        return self._next_steps

    def record(self, num_steps: int, call_seconds: float) -> None:
        """Takes note of a call that took `num_steps` steps."""
        if self._warm_since is None:
            self._warm_since = time.perf_counter()
            self._next_steps = min(_LARGEST_GROWTH, self._most_steps)
            return
        self._warm_steps += num_steps
        affordable = int(_SECONDS_PER_CALL * num_steps / max(call_seconds, 1e-9))
        largest = min(self._most_steps, _LARGEST_GROWTH * max(num_steps, 1))
        # The short last call of an epoch says little, and must not slow down the next.
        self._next_steps = max(1, min(affordable, max(largest, self._next_steps)))
        self._next_steps = min(self._next_steps, self._most_steps)

    def steps_within(self, seconds: float) -> int | None:
        """How many steps go into that time, validation included; None if unknown."""
        if not self._warm_steps or self._warm_since is None:
            return None
        per_step = (time.perf_counter() - self._warm_since) / self._warm_steps
        return int(min(_MOST_STEPS, max(0.0, seconds) / max(per_step, 1e-9)))

    def time_left(self, steps_left: int, max_seconds: float | None) -> float | None:
        """Seconds that the remaining steps will take, validation included; None if unknown."""
        if not self._warm_steps or self._warm_since is None:
            return None
        rate = (time.perf_counter() - self._warm_since) / self._warm_steps
        left = steps_left * rate
        return left if max_seconds is None else max(0.0, min(left, max_seconds - self.seconds))
