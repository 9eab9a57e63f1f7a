"""What holds for all pictures: they draw without warnings and leave nothing behind."""

import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from retrodict import plots
from retrodict.diagnostics import (
    TypicalObservations,
    calibration_error,
    posterior_modes,
    posterior_predictive_check,
    posterior_z_scores,
    sensitivity,
    simulation_based_calibration,
    tarp,
    witness,
)
from retrodict.dynamics import LogisticMap
from retrodict.errors import NonFiniteError, ShapeError
from retrodict.variational import FeatureInfluence


def history():
    epoch = np.arange(30)
    loss = np.exp(-epoch / 5)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "training_loss": [None, *loss[1:]],
            "validation_loss": loss + 0.1,
            "learning_rate": 1e-3 * (1 - epoch / 30),
            "seconds": epoch * 0.5,
        }
    )


def arms_of(draws):
    steps = np.stack([np.cos(draws[..., :1]), np.sin(draws[..., :1])], axis=-1)
    return np.cumsum(np.repeat(steps, 3, axis=1), axis=1)


PICTURES = {
    "arms": lambda d, t, v: plots.arms({"one": arms_of(d[0]), "other": arms_of(d[1])}, [1, 1]),
    "training_curve": lambda d, t, v: plots.training_curve(history()),
    "calibration_curve": lambda d, t, v: plots.calibration_curve(
        calibration_error(d, t, names=[x.name for x in v])
    ),
    "cobweb": lambda d, t, v: plots.cobweb(LogisticMap(3.2), 0.1, 20),
    "coverage_curve": lambda d, t, v: plots.coverage_curve(tarp(d, t)),
    "ecdf_difference": lambda d, t, v: plots.ecdf_difference(
        simulation_based_calibration(d, t, names=[x.name for x in v])
    ),
    "predictive_check": lambda d, t, v: plots.predictive_check(
        posterior_predictive_check(d, t, {"largest": lambda y: y.max(axis=-1)}), "largest"
    ),
    "rank_histogram": lambda d, t, v: plots.rank_histogram(
        simulation_based_calibration(d, t, names=[x.name for x in v])
    ),
    "misspecification": lambda d, t, v: plots.misspecification(
        TypicalObservations().fit(d.reshape(-1, len(v)), names=[x.name for x in v]).test(t + 1)
    ),
    "modes": lambda d, t, v: plots.modes(posterior_modes(d[:, :100]), d[:, :100], v),
    "quality_against_budget": lambda d, t, v: plots.quality_against_budget(
        {"one": {"ours": [[1e3, 0.7]], "theirs": [[1e3, 0.8], [1e4, 0.6]]}}, highlighted="ours"
    ),
    "recovery": lambda d, t, v: plots.recovery(d, t, v),
    "pairs": lambda d, t, v: plots.pairs(d[0], v, truth=t[0], reference=d[1]),
    "posterior_multiples": lambda d, t, v: plots.posterior_multiples(
        {"one": d[0], "other": d[1]}, v, reference=d[0]
    ),
    "feature_influence": lambda d, t, v: plots.feature_influence(
        FeatureInfluence(d[0, :3], np.ones((3, len(v))), tuple(x.name for x in v)), unit="kg"
    ),
    "latent_map": lambda d, t, v: plots.latent_map(t[:, [0, -1]], ["liver", "skin"] * 30),
    "latent_use": lambda d, t, v: plots.latent_use(d[0, 0] ** 2),
    "learning_curve": lambda d, t, v: plots.learning_curve(
        [500, 1000, 2000],
        [0.08, 0.05, 0.04],
        [0.03] * 3,
        log_score=[-1, 0, 0.5],
        wanted=0.02,
        projected=9000,
    ),
    "trade_off": lambda d, t, v: plots.trade_off([1, 20, 30], [0.1, -1e-5, 0.101], ["a", "b", "c"]),
    "reconstruction": lambda d, t, v: plots.reconstruction(
        t, t + 0.1, {"network": t[0], "PCA": t[1]}, unit="kg"
    ),
    "resimulation": lambda d, t, v: plots.resimulation(d, t, v),
    "sensitivity": lambda d, t, v: plots.sensitivity(sensitivity(d[:, :20], t)),
    "marginals": lambda d, t, v: plots.marginals(d[0], v, truth=t[0], reference=d[1]),
    "witness": lambda d, t, v: plots.witness(witness(d[0], d[1]), v),
    "z_score_contraction": lambda d, t, v: plots.z_score_contraction(
        posterior_z_scores(d, t, names=[x.name for x in v])
    ),
}


def test_every_public_picture_is_listed_here():
    assert set(PICTURES) | {"to_png", "to_svg"} == set(plots.__all__)


@pytest.mark.parametrize("name", PICTURES)
def test_it_draws_labelled_axes_and_leaves_matplotlib_as_it_was(name, draws, truth, variables):
    plt.figure()
    before = dict(mpl.rcParams)
    try:
        figure = PICTURES[name](draws, truth, variables)
        png = plots.to_png(figure, dpi=50)
        assert dict(mpl.rcParams) == before
        assert len(plt.get_fignums()) == 1
    finally:
        plt.close("all")
    assert isinstance(figure, Figure)
    assert png.startswith(b"\x89PNG")
    x_labels = [ax.get_xlabel() for ax in figure.axes]
    y_labels = [ax.get_ylabel() for ax in figure.axes]
    assert any(x_labels)
    assert any(y_labels)
    if name in {"recovery", "marginals", "pairs"} and len(variables) > 1:
        # The dollar sign is kept from opening a formula, and the unit stands in the label.
        assert any(
            r"cause \$1" in label and "[kg/m3]" in label.replace("\n", " ") for label in x_labels
        )


@pytest.mark.parametrize("name", ["recovery", "resimulation"])
@pytest.mark.parametrize("dim", [2], indirect=True)
def test_shapes_that_do_not_agree_are_refused(name, draws, truth, variables):
    with pytest.raises(ShapeError, match=r"observations=(59|60).*got \((59|60), "):
        PICTURES[name](draws, truth[:59], variables)
    with pytest.raises(ShapeError, match=r"(dim|cond)=1"):
        PICTURES[name](draws, truth, variables[:1])


@pytest.mark.parametrize("name", ["recovery", "resimulation", "pairs", "marginals"])
@pytest.mark.parametrize("dim", [2], indirect=True)
def test_nan_is_refused_with_its_place(name, draws, truth, variables):
    draws[0, 3, 1] = np.nan
    with pytest.raises(NonFiniteError, match=r"holds 1 NaN.*3, 1\)"):
        PICTURES[name](draws, truth, variables)


@pytest.mark.parametrize("dim", [2], indirect=True)
def test_the_same_figure_gives_the_same_svg(draws, truth, variables):
    first, second = (plots.to_svg(PICTURES["pairs"](draws, truth, variables)) for _ in range(2))
    assert first == second
    assert b"http" not in first.replace(b"http://www.w3.org", b"").replace(
        b"http://purl.org", b""
    ).replace(b"http://creativecommons.org", b"")


@pytest.mark.parametrize("dim", [1], indirect=True)
def test_a_users_own_settings_do_not_change_the_picture(draws, truth, variables):
    usual = plots.to_png(plots.pairs(draws[0], variables), dpi=50)
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30, "savefig.dpi": 17}):
        assert plots.to_png(plots.pairs(draws[0], variables), dpi=50) == usual


def test_matplotlib_is_imported_only_when_something_is_drawn():
    code = "import retrodict.plots, retrodict.report, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
