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


def test_many_observations_are_thinned_and_said_so():
    assert "1000 of 1100 observations drawn." in (
        z_score_contraction(result_of(2, num_observations=1100)).get_supxlabel()
    )


def test_of_many_parameters_the_wrong_ones_come_first():
    widths = np.ones(40)
    widths[[39, 30]] = 0.3, 3
    result = result_of(40, widths=widths)
    figure = z_score_contraction(result)
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == ["x40", "x31"]
    np.testing.assert_array_equal(figure.axes[0].lines[-1].get_xdata(), result.contractions[:, 39])
    assert figure.axes[0].texts[0].get_text() == "overconfident"
    assert "Not shown: 16 of 40, nearer to an exact posterior" in figure.get_supxlabel()
