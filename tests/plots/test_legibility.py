"""Every text of a picture lies inside it, and none upon another, however long the names are."""

import matplotlib.text
import numpy as np
import pandas as pd
import pytest

from retrodict import plots
from retrodict.diagnostics import (
    PosteriorModes,
    calibration_error,
    posterior_predictive_check,
    posterior_z_scores,
    simulation_based_calibration,
    witness,
)
from retrodict.variables import Variable

NAMES = [
    ("thermal conductivity of the outer wall", "W/(m K)"),
    ("radial_velocity_dispersion_outer", "km/s"),
    ("age", ""),
    ("density in units that nobody can remember", "1e-12 erg / (cm2 s Angstrom)"),
    ("x", "day"),
]
SCALES = [1e-4, 3e5, 1.0, 1e9, 0.1]
OFFSETS = [0.0, 0.0, 1.0, 1e9, 2459012.3]


def variables(dim):
    return [Variable(f"{name} {i + 1}", unit) for i, (name, unit) in enumerate(NAMES[:dim])]


def drawn(dim):
    """Draws and truth, of many orders of magnitude and far from zero."""
    rng = np.random.default_rng(5)
    truth = rng.normal(size=(60, dim))
    draws = truth[:, None] + 0.5 * rng.normal(size=(60, 150, dim))
    return tuple(SCALES[:dim] * values + OFFSETS[:dim] for values in (draws, truth))


def in_two_modes(draws):
    """One posterior of two modes, and what `posterior_modes` would say, without its search."""
    near = draws[0]
    both = np.concatenate([near, near + 6 * near.std(axis=0)])
    dim = near.shape[1]
    found = PosteriorModes(
        num_modes=np.array([2]),
        weights=np.array([[0.5, 0.5]]),
        locations=np.stack([near.mean(axis=0), both.max(axis=0)])[None],
        labels=np.repeat([[0, 1]], len(near), axis=1),
        used=np.arange(len(both)),
        prominences=np.array([[np.inf, 2.0]]),
        prominences_by_chance=np.array([1.0]),
        min_weight=0.05,
        names=tuple(f"x{i}" for i in range(dim)),
    )
    return found, both


def named(diagnostic, d, t, v):
    return diagnostic(d, t, names=[variable.name for variable in v])


PICTURES = {
    "calibration_curve": lambda d, t, v: plots.calibration_curve(named(calibration_error, d, t, v)),
    "ecdf_difference": lambda d, t, v: plots.ecdf_difference(
        named(simulation_based_calibration, d, t, v)
    ),
    "rank_histogram": lambda d, t, v: plots.rank_histogram(
        named(simulation_based_calibration, d, t, v)
    ),
    "z_score_contraction": lambda d, t, v: plots.z_score_contraction(
        named(posterior_z_scores, d, t, v)
    ),
    "recovery": lambda d, t, v: plots.recovery(d, t, v),
    "pairs": lambda d, t, v: plots.pairs(d[0], v, truth=t[0], reference=d[0]),
    "marginals": lambda d, t, v: plots.marginals(d[0], v, truth=t[0], reference=d[1]),
    "resimulation": lambda d, t, v: plots.resimulation(d, t, v),
    "one re-simulated": lambda d, t, v: plots.resimulation(d[:1], t[:1], v),
    "posterior_multiples": lambda d, t, v: plots.posterior_multiples(
        {"a spline coupling flow of twelve blocks": d[0], "ABC": d[0], "MAF": d[0]}, v
    ),
    "witness": lambda d, t, v: plots.witness(witness(d[0], d[0] + d[0].std(axis=0)), v),
    "predictive_check": lambda d, t, v: plots.predictive_check(
        posterior_predictive_check(
            d[:3], t[:3], {"the largest of all of them": lambda y: y.max(axis=-1)}
        ),
        "the largest of all of them",
    ),
    "modes": lambda d, t, v: plots.modes(*in_two_modes(d), v),
    "learning_curve": lambda d, t, v: plots.learning_curve(
        [500, 2100], [0.1, 0.05], [0.03, 0.02], log_score=[0.1, 0.2], wanted=0.01, projected=9e3
    ),
    "quality_against_budget": lambda d, t, v: plots.quality_against_budget(
        {
            task: {
                "ours": [[1e3, 0.7], [1e5, 0.505]],
                "another method": [[1e3, 0.8], [1e5, 0.505]],
                "third": [[1e3, 1.0], [1e5, 0.51]],
                "of one": [[1e3, 0.9]],
            }
            for task in ["a task with a long name of its own", "b", "c", "d"]
        },
        highlighted="ours",
    ),
    "one panel of quality": lambda d, t, v: plots.quality_against_budget(
        {"one": {"ours": [[500, 0.6]]}}, highlighted="ours"
    ),
    "trade_off": lambda d, t, v: plots.trade_off(
        [1e-3, 10, 3e4], [0.012, 0.013, 0.02], ["a method with a long name", "b", "c"]
    ),
    "training_curve": lambda d, t, v: plots.training_curve(
        pd.DataFrame(
            {
                "epoch": [0, 1, 2],
                "training_loss": [3.0, 2, 1],
                "validation_loss": [3.0, 2, 1],
                "learning_rate": [1e-3, 1e-3, 0],
            }
        )
    ),
}
HAS_VARIABLES = [name for name in PICTURES if name not in {
    "predictive_check", "learning_curve", "quality_against_budget", "one panel of quality",
    "trade_off", "training_curve",
}]  # fmt: skip
CASES = [(name, 5) for name in PICTURES] + [(name, dim) for name in HAS_VARIABLES for dim in (1, 2)]


def texts(figure):
    """What each visible text says, and its box on the canvas."""
    figure.draw_without_rendering()
    hidden = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            hidden |= {
                label
                for tick in (*axis.majorTicks, *axis.minorTicks)
                for label in (tick.label1, tick.label2)
                if not low <= tick.get_loc() <= high
            }
    return [
        (text.get_text(), text.get_window_extent())
        for text in figure.findobj(matplotlib.text.Text)
        if text.get_visible() and text.get_text().strip() and text not in hidden
    ]


def overlapping(found):
    return [
        (one, other)
        for i, (one, box) in enumerate(found)
        for other, other_box in found[i + 1 :]
        if min(box.x1, other_box.x1) - max(box.x0, other_box.x0) > 1
        and min(box.y1, other_box.y1) - max(box.y0, other_box.y0) > 1
    ]


@pytest.mark.parametrize(("name", "dim"), CASES)
def test_texts_are_apart_and_on_the_canvas(name, dim):
    figure = PICTURES[name](*drawn(dim), variables(dim))
    found = texts(figure)
    assert found
    assert overlapping(found) == []
    width, height = figure.bbox.width, figure.bbox.height
    outside = [
        text for text, box in found if min(box.x0, box.y0, width - box.x1, height - box.y1) < -3
    ]
    assert outside == []


@pytest.mark.parametrize(("name", "inches"), [("pairs", (11.6, 11.6)), ("recovery", (8.2, 20.5))])
def test_with_forty_parameters_a_picture_is_still_a_picture(name, inches, rng):
    draws, truth = rng.normal(size=(60, 100, 40)), rng.normal(size=(60, 40))
    many = [Variable(f"parameter number {i}", "kg/m3") for i in range(40)]
    assert (PICTURES[name](draws, truth, many).get_size_inches() < inches).all()


def test_numbers_of_simulations_are_written_out():
    figure = PICTURES["learning_curve"](None, None, None)
    figure.draw_without_rendering()
    panel = figure.axes[1]
    assert [label.get_text() for label in panel.get_xticklabels(which="minor")] == []
    assert {"500", "1,000", "2,000"} <= {label.get_text() for label in panel.get_xticklabels()}


def test_overlaps_and_hidden_labels_are_told_apart():
    from matplotlib.figure import Figure

    figure = Figure()
    ax = figure.add_subplot()
    ax.set_xlim(0.1, 0.9)
    figure.text(0.5, 0.95, "one")
    assert overlapping(texts(figure)) == []
    figure.text(0.5, 0.955, "two")
    assert overlapping(texts(figure)) == [("one", "two")]
