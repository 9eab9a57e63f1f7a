"""Content for reports: a small calibrated Gaussian problem with awkward names."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from retrodict.diagnostics import (
    TypicalObservations,
    calibration_error,
    posterior_modes,
    posterior_predictive_check,
    posterior_z_scores,
    recovery,
    resimulation_error,
    sensitivity,
    simulation_based_calibration,
)
from retrodict.judgement import verdict
from retrodict.report import MetricHelp, ReportContent
from retrodict.variables import Variable

NUM, DRAWS = 80, 120


def gaussian_content(dim, scale=1.0):
    """x ~ N(0, 1), y = x + N(0, 1), so that x | y ~ N(y/2, 1/2)."""
    rng = np.random.default_rng(dim)
    truth = rng.normal(size=(NUM, dim))
    observations = truth + rng.normal(size=(NUM, dim))
    spread = scale * np.sqrt(0.5)
    draws = observations[:, None] / 2 + spread * rng.normal(size=(NUM, DRAWS, dim))
    exact = observations[:2, None] / 2 + np.sqrt(0.5) * rng.normal(size=(2, 300, dim))
    again = draws[:, :30] + rng.normal(size=(NUM, 30, dim))
    names = [f"cause <i{i}> & co" for i in range(dim)]
    column = {f"y{i}": lambda y, i=i: y[..., i] for i in range(dim)}
    epoch = np.arange(12)
    return ReportContent(
        title="A <b>bold</b> & 'quoted' title",
        description="Find <script>alert(1)</script> from y.",
        parameters=tuple(Variable(name, "kg/m³", "What it <means>", 0.0) for name in names),
        observables=tuple(Variable(f"y{i}", "MPa", upper=5.0) for i in range(dim)),
        history=pd.DataFrame(
            {
                "epoch": epoch,
                "training_loss": [None, *np.exp(-epoch[1:] / 3)],
                "validation_loss": np.exp(-epoch / 3) + 0.1,
                "learning_rate": 1e-3,
                "seconds": epoch * 1.0,
            }
        ),
        outcome="Training went through all its epochs.",
        truth=truth,
        draws=draws,
        observations=observations,
        resimulated=again,
        priors=("normal, mean 0, sd 1",) * dim,
        data="Trained on 400 pairs & tested on 80.",
        exact=exact,
        shown=(0, 1),
        verdict=verdict(draws, truth, observations, names=names),
        calibration=calibration_error(draws, truth, names=names),
        sbc=simulation_based_calibration(draws, truth, names=names),
        z_scores=posterior_z_scores(draws, truth, names=names),
        recovery=recovery(draws, truth, names=names),
        modes=posterior_modes(draws, names=names),
        sensitivity=sensitivity(
            draws, observations, names=names, observable_names=[f"y{i}" for i in range(dim)]
        ),
        misspecification=typical_of(dim).test(observations),
        resimulation_result=resimulation_error(again, observations),
        predictive=posterior_predictive_check(again, observations, column),
        shown_predictive=tuple(
            posterior_predictive_check(
                exact[i] + rng.normal(size=exact[i].shape), observations[i], column
            )
            for i in range(2)
        ),
        unanswered=["The <weather> was not looked at: it rained."],
        metrics={
            "mmd_mean": 0.00432,
            "calibration_error": 0.0056,
            "own <number>": 12345.0,
            "machine": "2 cores <fast>",
        },
        metric_help={
            "mmd_mean": MetricHelp("mismatch", "A <distance>.", at_most=0.004),
            "calibration_error": MetricHelp("error", "Of coverage.", at_most=0.01, percent=True),
        },
        facts={"solver": "ConditionalFlow", "note <1>": "scaled & shifted"},
        commands=("retrodict run 'a < b' --seed 1", "retrodict report runs/x && echo done"),
    )


def typical_of(dim):
    """Learned from the distribution of y, N(0, 2)."""
    seen = np.random.default_rng(100 + dim).normal(scale=np.sqrt(2), size=(400, dim))
    return TypicalObservations().fit(seen, names=[f"y{i}" for i in range(dim)])


@pytest.fixture(scope="session")
def typical():
    return typical_of(2)


@pytest.fixture(scope="session")
def make_content():
    return gaussian_content


@pytest.fixture(scope="session")
def full():
    return gaussian_content(2)


@pytest.fixture(scope="session")
def bare(full):
    return dataclasses.replace(
        full,
        history=full.history.iloc[:0],
        description="",
        outcome="",
        resimulated=None,
        exact=None,
        shown=(),
        verdict=None,
        calibration=None,
        sbc=None,
        recovery=None,
        modes=None,
        sensitivity=None,
        z_scores=None,
        misspecification=None,
        resimulation_result=None,
        predictive=None,
        shown_predictive=(),
        unanswered=(),
        priors=(),
        data="",
        metrics={},
        metric_help={},
        facts={},
        commands=(),
    )
