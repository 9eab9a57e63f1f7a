"""A posterior known in closed form, and the ways of being wrong about it."""

from collections.abc import Callable

import numpy as np
import pytest

LIES = [
    pytest.param({"width": 0.7}, id="overconfident"),
    pytest.param({"width": 1.4}, id="underconfident"),
    pytest.param({"shift": 1.0}, id="shifted"),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `lie` runs once for each."""
    if "lie" in metafunc.fixturenames:
        metafunc.parametrize("lie", LIES)


@pytest.fixture
def gaussian_posterior() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """(draws, truth) of x ~ N(0, 1), y ~ N(x, .5^2), with posterior N(.8 y, .2).

    `width` multiplies the posterior's standard deviation, `shift` is in units of it.
    """

    def draw(
        seed: int,
        *,
        width: float = 1.0,
        shift: float = 0.0,
        num_observations: int = 300,
        num_draws: int = 99,
        dim: int = 2,
    ) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=(num_observations, dim))
        observed = truth + 0.5 * rng.normal(size=truth.shape)
        noise = rng.normal(size=(num_observations, num_draws, dim))
        return 0.8 * observed[:, None] + np.sqrt(0.2) * (shift + width * noise), truth

    return draw
