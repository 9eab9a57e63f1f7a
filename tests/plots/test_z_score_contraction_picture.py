import numpy as np
import pytest

from retrodict.diagnostics import posterior_z_scores
from retrodict.plots import z_score_contraction


def result_of(dim, *, num_observations=60, widths=1.0):
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(num_observations, dim))
    observed = truth + 0.5 * rng.normal(size=truth.shape)
    noise = rng.normal(size=(num_observations, 50, dim))
    return posterior_z_scores(0.8 * observed[:, None] + np.sqrt(0.2) * widths * noise, truth)


@pytest.mark.parametrize("dim", [1, 2, 12])
def test_each_dot_is_an_observation(dim):
    result = result_of(dim)
    figure = z_score_contraction(result)
    assert len(figure.axes) == dim
    for j, ax in enumerate(figure.axes):
        dots = ax.lines[-1]
        np.testing.assert_array_equal(dots.get_xdata(), result.contractions[:, j])
        np.testing.assert_allclose(dots.get_ydata(), result.z_scores[:, j])
        low, high = ax.get_ylim()
        assert low < result.z_scores.min()
        assert result.z_scores.max() < high


def test_readings_stand_in_the_panels_and_far_scores_at_the_edge():
    result = result_of(2, widths=np.array([1.0, 0.05]))
    figure = z_score_contraction(result)
    assert figure.axes[0].texts[0].get_text() == "well determined"
    assert figure.axes[1].texts[0].get_text() == "overconfident"
    assert np.abs(figure.axes[1].lines[-1].get_ydata()).max() == 12
    beyond = int((np.abs(result.z_scores) > 12).sum())
    assert beyond > 0
    assert f"{beyond} z-scores beyond 12 drawn at the edge" in figure.get_supxlabel()


def test_many_observations_and_parameters_are_thinned_and_said_so():
    note = z_score_contraction(result_of(26, num_observations=1100)).get_supxlabel()
    assert "1000 of 1100 observations drawn." in note
    assert "Not shown: 2 of 26 (x25, x26)" in note
