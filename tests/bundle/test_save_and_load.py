"""What is saved comes back the same, and nothing is lost when saving fails."""

import errno
import json
import math
import os
import resource
import signal
import string
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays as array_strategy

from retrodict.bundle import load, read_config, register, save
from retrodict.errors import (
    CapabilityError,
    ConfigurationError,
    NotFittedError,
    OutputExistsError,
    OutputNotWritableError,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
keys = texts.filter(lambda key: key != "$float")  # reserved for infinities, and refused
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
configs = st.dictionaries(
    keys,
    st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    ),
    max_size=4,
)
dtypes = st.sampled_from(["f4", "f8", ">f8", "f2", "i4", "i8", "u1", "?"])
states = st.dictionaries(
    st.text(string.ascii_letters + "./0", min_size=1, max_size=5),
    dtypes.flatmap(lambda t: array_strategy(t, array_shapes(min_dims=0, min_side=0, max_side=3))),
    max_size=4,
)


def assert_same_arrays(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found[name], array)


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(config=configs, arrays=states)
def test_round_trip(tmp_path, fake_estimator, config, arrays):
    save(fake_estimator(config, arrays), tmp_path / "model", overwrite=True)
    loaded = load(tmp_path / "model")
    assert type(loaded) is fake_estimator
    assert loaded.config == config
    assert_same_arrays(loaded.arrays, arrays)


def test_a_whole_estimator(bundle, estimator):
    loaded = load(bundle)
    assert loaded.config == estimator.config
    assert_same_arrays(loaded.arrays, estimator.arrays)
    assert sorted(files(bundle)) == ["config.json", "weights.safetensors"]
    assert [entry.name for entry in bundle.parent.iterdir()] == ["model"]


def test_values_of_numpy_and_jax(tmp_path, fake_estimator):
    config = {"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True), "d": (1, 2)}
    arrays = {"half": jnp.ones(2, jnp.float16), "jax": jnp.arange(3.0), "np": np.float32(2.0)}
    loaded = load(save(fake_estimator(config, arrays), tmp_path / "model"))
    assert loaded.config == {"a": 0.5, "b": 3, "c": True, "d": [1, 2]}
    assert_same_arrays(loaded.arrays, {name: np.asarray(array) for name, array in arrays.items()})


def test_nan_survives_and_the_file_is_strict_json(tmp_path, fake_estimator):
    folder = save(fake_estimator({"a": [math.nan, -math.inf]}, {}), tmp_path / "model")
    loaded = load(folder).config["a"]
    assert math.isnan(loaded[0])
    assert loaded[1] == -math.inf

    def refuse(name):
        raise AssertionError(name)

    document = json.loads((folder / "config.json").read_text("utf-8"), parse_constant=refuse)
    assert document["estimator"] == {"a": [{"$float": "nan"}, {"$float": "-inf"}]}


def test_the_config_tells_what_it_is(bundle):
    document = read_config(bundle)
    assert document["format"] == "retrodict"
    assert document["schema_version"] == 1
    assert document["kind"] == "FakeEstimator"
    assert set(document["versions"]) == {"retrodict", "jax", "equinox", "numpy", "python"}
    assert document["versions"]["numpy"] == np.__version__
    assert document["created"].endswith("+00:00")
    assert document["arrays"]["weight"] == {"shape": [3, 2], "dtype": "float64"}
    assert document["arrays"]["scale"] == {"shape": [], "dtype": "float64"}
    assert document["estimator"]["variables"][0]["upper"] == math.inf
    assert "Zement µ" in (bundle / "config.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("config", "arrays", "message"),
    [
        ({"a": {"b": [1, object()]}}, {}, r"estimator\.a\.b\[1\].*object"),
        ({"a": np.ones(2)}, {}, r"estimator\.a.*ndarray"),
        ({1: 2}, {}, "Keys in JSON"),
        ({"$float": "inf"}, {}, "Keys in JSON"),
        ({"a": "\ud800"}, {}, r"estimator\.a"),
        ({}, {"w": np.array(["text"])}, "`w`"),
        ({}, {"w": np.array([{}], dtype=object)}, "`w`"),
        ({}, {"w": np.zeros(1, dtype=[("a", float)])}, "`w`"),
        ({}, {"w": np.zeros(1, dtype=complex)}, "`w`"),
        ({}, {"w": jnp.ones(1, jnp.bfloat16)}, "`w` has type bfloat16"),
        ({}, {"__metadata__": np.ones(1)}, "__metadata__"),
    ],
)
def test_state_that_files_cannot_hold(tmp_path, fake_estimator, config, arrays, message):
    with pytest.raises(ConfigurationError, match=message):
        save(fake_estimator(config, arrays), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_classes_that_are_not_registered(tmp_path, fake_estimator):
    class Child(fake_estimator):
        pass

    class FakeEstimator(fake_estimator):
        pass

    for stranger in (Child({}, {}), FakeEstimator({}, {}), object()):
        with pytest.raises(CapabilityError, match="can be saved"):
            save(stranger, tmp_path / "model")
    with pytest.raises(NotFittedError):
        save(fake_estimator(), tmp_path / "model")
    with pytest.raises(CapabilityError, match="already registered"):
        register("ConditionalFlow", "somewhere:Else")
    assert not list(tmp_path.iterdir())


def test_an_existing_bundle_is_kept_unless_asked(bundle, fake_estimator):
    before = files(bundle)
    with pytest.raises(OutputExistsError, match="exists already"):
        save(fake_estimator({}, {}), bundle)
    assert files(bundle) == before
    save(fake_estimator({"new": 1}, {}), bundle, overwrite=True)
    assert load(bundle).config == {"new": 1}
    assert [entry.name for entry in bundle.parent.iterdir()] == ["model"]


def test_what_is_not_a_bundle_is_never_replaced(tmp_path, bundle, estimator):
    (bundle / "notes.txt").write_text("precious")
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for place in ("model", "file", "file/model"):
        with pytest.raises(OutputNotWritableError):
            save(estimator, tmp_path / place, overwrite=True)
    assert (bundle / "notes.txt").read_text() == "precious"
    assert (tmp_path / "file").read_text() == "precious"


def test_parents_are_made_and_links_are_followed(tmp_path, estimator):
    assert load(save(estimator, tmp_path / "a" / "b")).config == estimator.config
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    save(estimator, tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert load(tmp_path / "link").config == estimator.config


def full_disk(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_bundle(bundle, fake_estimator, monkeypatch):
    before = files(bundle)
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OutputNotWritableError, match="No space left on device") as caught:
        save(fake_estimator({}, {}), bundle, overwrite=True)
    assert "free space" in caught.value.hint
    assert files(bundle) == before
    assert [entry.name for entry in bundle.parent.iterdir()] == ["model"]


def test_weights_cut_in_the_middle_leave_nothing(tmp_path, fake_estimator):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputNotWritableError):
            save(fake_estimator({}, {"w": np.ones(50_000)}), tmp_path / "model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [full_disk, KeyboardInterrupt])
def test_a_failed_rename_gives_the_old_bundle_its_name_back(
    bundle, fake_estimator, monkeypatch, error
):
    before, rename = files(bundle), Path.rename

    def failing(self, target):
        if (self / "config.json").is_file() and Path(target).name == "model" and fail.pop():
            if error is KeyboardInterrupt:
                raise KeyboardInterrupt
            full_disk()
        return rename(self, target)

    fail = [False, True]  # popped from the right: the new bundle's rename fails, the old one's not
    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises((OutputNotWritableError, KeyboardInterrupt)):
        save(fake_estimator({}, {}), bundle, overwrite=True)
    assert files(bundle) == before
    assert [entry.name for entry in bundle.parent.iterdir()] == ["model"]


def test_ctrl_c_while_writing_leaves_nothing(tmp_path, estimator, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(estimator, tmp_path / "model")
    assert not list(tmp_path.iterdir())
