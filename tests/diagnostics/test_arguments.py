import subprocess
import sys

import numpy as np
import pytest

import retrodict.diagnostics
from retrodict.diagnostics import (
    c2st,
    calibration_error,
    mmd,
    mmd_per_observation,
    recovery,
    resimulation_error,
    simulation_based_calibration,
)
from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    NonFiniteError,
    NotNumericError,
    ShapeError,
    TooFewRowsError,
)

OF_DRAWS_AND_TRUTH = [calibration_error, simulation_based_calibration, recovery]
PAIRS = {
    calibration_error: ((60, 30, 2), (60, 2)),
    simulation_based_calibration: ((60, 30, 2), (60, 2)),
    recovery: ((60, 30, 2), (60, 2)),
    resimulation_error: ((60, 30, 2), (60, 2)),
    mmd: ((60, 2), (50, 2)),
    mmd_per_observation: ((60, 30, 2), (60, 20, 2)),
    c2st: ((60, 2), (60, 2)),
}


@pytest.fixture(params=PAIRS, ids=lambda diagnostic: diagnostic.__name__)
def diagnostic(request):
    return request.param


@pytest.fixture
def pair(diagnostic, rng):
    return [rng.normal(size=shape) for shape in PAIRS[diagnostic]]


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_values_are_refused_with_count_and_rows(diagnostic, pair, position, value):
    pair[position][[4, 9]] = value
    count = int((~np.isfinite(pair[position])).sum())
    with pytest.raises(NonFiniteError, match=rf"{count} NaN or infinite .* 2 of .* \[4, 9\]"):
        diagnostic(*pair)


@pytest.mark.parametrize("position", [0, 1])
def test_missing_axis_is_refused(diagnostic, pair, position):
    pair[position] = pair[position][0]
    with pytest.raises(ShapeError, match="axes"):
        diagnostic(*pair)


def test_other_number_of_columns_is_refused(diagnostic, pair):
    pair[1] = pair[1][..., :1]
    with pytest.raises(ShapeError):
        diagnostic(*pair)


def test_empty_arrays_are_refused(diagnostic, pair):
    pair[0] = pair[0][:0]
    with pytest.raises(ShapeError, match="empty"):
        diagnostic(*pair)


def test_text_is_refused(diagnostic, pair):
    pair[0] = pair[0].astype(str)
    with pytest.raises(NotNumericError, match="real numbers"):
        diagnostic(*pair)


@pytest.mark.parametrize("diagnostic", OF_DRAWS_AND_TRUTH, indirect=True)
class TestDrawsAndTruth:
    def test_too_few_observations(self, diagnostic, pair):
        with pytest.raises(TooFewRowsError, match="got 19"):
            diagnostic(pair[0][:19], pair[1][:19])

    def test_too_few_draws(self, diagnostic, pair):
        with pytest.raises(TooFewRowsError, match="got 5"):
            diagnostic(pair[0][:, :5], pair[1])

    def test_point_estimates(self, diagnostic, pair):
        pair[0][..., 1] = pair[0][:, :1, 1]
        with pytest.raises(ConstantColumnError, match=r"\[1\].*point estimate"):
            diagnostic(*pair)

    def test_another_number_of_observations(self, diagnostic, pair):
        with pytest.raises(ShapeError, match=r"\(60, 2\); got \(59, 2\)"):
            diagnostic(pair[0], pair[1][:-1])

    def test_another_number_of_names(self, diagnostic, pair):
        with pytest.raises(ConfigurationError, match="2 parameter names; got 1"):
            diagnostic(*pair, names=["only"])


@pytest.mark.parametrize("diagnostic", [mmd, mmd_per_observation], indirect=True)
def test_a_single_draw_has_no_unbiased_mmd(diagnostic, pair):
    with pytest.raises(TooFewRowsError, match="at least 2"):
        diagnostic(pair[0], pair[1][..., :1, :])


def test_everything_public_is_exported():
    assert all(getattr(retrodict.diagnostics, name) for name in retrodict.diagnostics.__all__)


def test_import_leaves_the_classifiers_alone():
    code = "import sys, retrodict.diagnostics; print('sklearn.neural_network' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
