"""Simulators that a worker process can import; NumPy only."""

import numpy as np


class AwkwardError(Exception):
    """Cannot be unpickled: its constructor wants more than its arguments hold."""

    def __init__(self, what, where):
        super().__init__(f"{what} at {where}")


def throw(speed, angle):
    return [speed**2 * np.sin(2 * angle) / 9.81, speed * np.sin(angle)]


def throw_row(x):
    return throw(x[0], x[1])


def throw_batch(x):
    return np.stack(throw(x[:, 0], x[:, 1]), axis=1)


def throw_in_wind(x, rng):
    return throw_row(x) + rng.normal(size=2)


def throw_below_nine(x):
    if x[0] > 9:
        raise ArithmeticError("too fast")
    return throw_row(x)


def throw_batch_below_nine(x):
    if (x[:, 0] > 9).any():
        raise ArithmeticError("too fast")
    return throw_batch(x)


def throw_awkwardly(x):
    raise AwkwardError("no throw", x[0])


def throw_to_nowhere(x):
    return [np.nan, 1.0] if x[0] > 9 else throw_row(x)


def throw_too_much(x):
    return [*throw_row(x), 0.0]


def scribble(x):
    x[:] = 0.0
    return [1.0, 2.0]
