"""Which transform a column asks for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from retrodict.bijections import PowerTransform, choose_transforms
from retrodict.errors import ConfigurationError, ConstantColumnError, NonFiniteError

NUM_ROWS = 500

COLUMNS = {
    "normal": (lambda rng: rng.normal(3, 2, NUM_ROWS), "identity"),
    "normal far from zero": (lambda rng: rng.normal(1e3, 1.0, NUM_ROWS), "identity"),
    "uniform": (lambda rng: rng.uniform(0, 1, NUM_ROWS), "identity"),
    "binary": (lambda rng: rng.integers(0, 2, NUM_ROWS).astype(float), "identity"),
    "lognormal over decades": (lambda rng: np.exp(rng.normal(1, 3, NUM_ROWS)), "log"),
    "negated lognormal": (lambda rng: -np.exp(rng.normal(0, 1.5, NUM_ROWS)), "asinh"),
    "skewed counts with zeros": (
        lambda rng: rng.negative_binomial(0.5, 0.01, NUM_ROWS).astype(float),
        "asinh",
    ),
    "Cauchy": (lambda rng: rng.standard_cauchy(NUM_ROWS), "asinh"),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", COLUMNS)
def test_each_column_gets_what_it_asks_for(name, seed):
    draw, kind = COLUMNS[name]
    transform = choose_transforms(draw(np.random.default_rng(seed))[:, None])
    assert transform.kinds == (kind,)


def test_the_score_that_chooses_is_the_density():
    """The gain over the identity that the docstring promises, by the map's own log-determinant."""
    rng = np.random.default_rng(0)
    column = rng.negative_binomial(0.5, 0.01, NUM_ROWS).astype(float)[:, None]

    def score(transform):
        with jax.enable_x64(True):
            z, log_det = jax.vmap(transform.forward_and_log_det)(jnp.asarray(column))
        z = np.asarray(z)
        return float(
            (scipy.stats.norm.logpdf(z, z.mean(), z.std())[:, 0] + np.asarray(log_det)).mean()
        )

    chosen = choose_transforms(column)
    assert score(chosen) > score(PowerTransform(["identity"])) + 0.1
    for scale in np.quantile(column[column > 0], [0.1, 0.25, 0.5, 0.75]):
        assert score(chosen) >= score(PowerTransform(["asinh"], [scale])) - 1e-9


def test_names_are_for_people():
    transform = PowerTransform(["identity", "log", "asinh"], [1.0, 1.0, 2.5])
    assert transform.names == ("identity", "log", "asinh(x / 2.5)")


def test_the_logarithm_has_no_density_below_zero():
    transform = PowerTransform(["log", "identity"])
    for value in (0.0, -1.0):
        z, log_det = transform.forward_and_log_det(jnp.array([value, 1.0]))
        assert log_det == -np.inf
        assert np.isfinite(z).all()


def test_nan_stays_nan():
    transform = PowerTransform(["identity", "log", "asinh"])
    for step in (transform.forward_and_log_det, transform.inverse_and_log_det):
        assert np.isnan(step(jnp.full(3, jnp.nan))[0]).all()


def test_asinh_is_numpys():
    with jax.enable_x64(True):
        z = PowerTransform(["asinh", "asinh"], [0.5, 2.0]).forward(jnp.array([-3.0, 1e3]))
    assert_allclose(z, np.arcsinh([-6.0, 500.0]))


@pytest.mark.parametrize("arguments", [(["sqrt"],), (["log"], [0.0]), (["asinh"], [1.0, 2.0])])
def test_impossible_settings_are_refused(arguments):
    with pytest.raises(ConfigurationError):
        PowerTransform(*arguments)


def test_columns_that_cannot_be_fitted_are_refused():
    with pytest.raises(ConstantColumnError, match="Column 1"):
        choose_transforms(np.array([[1.0, 2.0], [3.0, 2.0]]))
    with pytest.raises(NonFiniteError, match="row 1, column 0"):
        choose_transforms(np.array([[1.0, 2.0], [np.nan, 3.0]]))
