"""A tiny estimator with state of every kind."""

import numpy as np
import pytest
from fake_estimator import FakeEstimator

from retrodict.bundle import registry


@pytest.fixture(autouse=True)
def fake_kind(monkeypatch):
    """`FakeEstimator` can be saved, for one test."""
    monkeypatch.setitem(registry._KINDS, "FakeEstimator", "fake_estimator:FakeEstimator")


@pytest.fixture
def fake_estimator():
    """The class."""
    return FakeEstimator


@pytest.fixture
def estimator():
    """One with everything in it that a solver has."""
    config = {
        "architecture": {"name": "SplineCoupling", "num_layers": 8, "dropout": 0.1},
        "variables": [{"name": "Zement µ", "unit": "kg/m³", "lower": 0.0, "upper": float("inf")}],
        "seed": 2**63,
        "early": None,
        "scaled": True,
    }
    arrays = {
        "weight": np.arange(6.0).reshape(2, 3).T,
        "bias": np.array([1.5, -2.0], dtype=np.float32),
        "scale": np.array(3.25),
        "empty": np.zeros((0, 4), dtype=np.float32),
        "steps": np.array(7, dtype=np.int64),
        "mask": np.array([True, False]),
    }
    return FakeEstimator(config, arrays)


@pytest.fixture
def bundle(tmp_path, estimator):
    """A saved bundle."""
    from retrodict.bundle import save

    return save(estimator, tmp_path / "model")
