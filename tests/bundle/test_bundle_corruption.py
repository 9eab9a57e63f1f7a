"""Whatever happened to the files, loading says it by name."""

import hashlib
import json

import numpy as np
import pytest
import safetensors.numpy

from retrodict.bundle import load
from retrodict.bundle.canonical import checksum
from retrodict.errors import BundleCorruptedError, BundleNotFoundError, BundleVersionError


def edit(bundle, change, sign):
    """Change the parsed `config.json`; with `sign`, the checksum is made to fit."""
    path = bundle / "config.json"
    document = json.loads(path.read_text("utf-8"))
    change(document)
    if sign:
        document.pop("checksum", None)
        document["checksum"] = checksum(document)
    path.write_text(json.dumps(document), "utf-8")


def exchange_weights(bundle, arrays):
    """Other weights, with the hash made to fit."""
    data = safetensors.numpy.save(arrays)
    (bundle / "weights.safetensors").write_bytes(data)
    edit(bundle, lambda doc: doc.update(weights_sha256=hashlib.sha256(data).hexdigest()), sign=True)


def test_no_bundle_at_all(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleNotFoundError, match="does not exist"):
        load(tmp_path / "nowhere")
    with pytest.raises(BundleNotFoundError, match="not a folder"):
        load(tmp_path / "file")
    with pytest.raises(BundleNotFoundError, match=r"has no config\.json"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["{}", "[]", "3", '{"format": "sbi"}', '{"model_type": "bert"}'])
def test_the_config_of_something_else(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BundleNotFoundError, match="not written by retrodict"):
        load(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_truncated_config(bundle, share):
    text = (bundle / "config.json").read_bytes()
    (bundle / "config.json").write_bytes(text[: int(len(text.strip()) * share)])
    with pytest.raises(BundleCorruptedError, match="not JSON"):
        load(bundle)


@pytest.mark.parametrize(
    "text", [b"\xff\xfe\x00", b'{"format": NaN}', b"[" * 100_000, b'{"format": ' + b"9" * 5000]
)
def test_a_damaged_config(bundle, text):
    (bundle / "config.json").write_bytes(text)
    with pytest.raises(BundleCorruptedError):
        load(bundle)


def test_a_config_reformatted_by_an_editor_is_still_whole(bundle, estimator):
    edit(bundle, lambda document: None, sign=False)
    assert load(bundle).config == estimator.config


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["estimator"].update(seed=1),
        lambda document: document["estimator"]["variables"][0].update(lower=-1.0),
        lambda document: document.update(created="yesterday"),
        lambda document: document.update(note="mine"),
        lambda document: document.update(checksum="0" * 64),
        lambda document: document.pop("checksum"),
        lambda document: document.pop("arrays"),
        lambda document: document["arrays"].pop("bias"),
    ],
)
def test_a_config_edited_by_hand(bundle, change):
    edit(bundle, change, sign=False)
    with pytest.raises(BundleCorruptedError, match="edited by hand") as caught:
        load(bundle)
    assert "Save the model again" in caught.value.hint


def test_a_newer_schema_comes_before_the_checksum(bundle):
    def change(document):
        document.update(schema_version=2, versions={"retrodict": "9.9"}, new_field=[])

    edit(bundle, change, sign=False)
    (bundle / "weights.safetensors").unlink()
    with pytest.raises(BundleVersionError, match=r"schema version 2 .*retrodict 9\.9") as caught:
        load(bundle)
    assert "Upgrade" in caught.value.hint


@pytest.mark.parametrize("schema", [None, "1", 0, -1, 1.0, True])
def test_a_schema_that_is_none(bundle, schema):
    edit(bundle, lambda document: document.update(schema_version=schema), sign=True)
    with pytest.raises(BundleCorruptedError, match="schema version"):
        load(bundle)


def test_an_unknown_kind(bundle):
    edit(bundle, lambda document: document.update(kind="QuantumFlow"), sign=True)
    with pytest.raises(BundleVersionError, match="kind `QuantumFlow`"):
        load(bundle)


@pytest.mark.parametrize("field", ["kind", "estimator", "arrays", "weights_sha256", "versions"])
def test_fields_that_are_missing_though_signed(bundle, field):
    edit(bundle, lambda document: document.pop(field), sign=True)
    with pytest.raises(BundleCorruptedError, match=f"`{field}` in"):
        load(bundle)


def test_a_number_that_is_none_though_signed(bundle):
    edit(bundle, lambda doc: doc["estimator"].update(a={"$float": "many"}), sign=True)
    with pytest.raises(BundleCorruptedError, match="many"):
        load(bundle)


def test_missing_weights(bundle):
    (bundle / "weights.safetensors").unlink()
    with pytest.raises(BundleCorruptedError, match="cannot be read: No such file"):
        load(bundle)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.99])
def test_truncated_weights(bundle, share):
    path = bundle / "weights.safetensors"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(BundleCorruptedError, match="truncated"):
        load(bundle)


def test_one_flipped_bit(bundle):
    path = bundle / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleCorruptedError, match="not the file that was saved"):
        load(bundle)


def test_weights_that_are_no_safetensors_though_signed(bundle):
    data = b"something else"
    (bundle / "weights.safetensors").write_bytes(data)
    edit(bundle, lambda doc: doc.update(weights_sha256=hashlib.sha256(data).hexdigest()), sign=True)
    with pytest.raises(BundleCorruptedError, match="not a safetensors file"):
        load(bundle)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("bias"),
        lambda arrays: arrays.update(bias=arrays["bias"].astype(np.float64)),
        lambda arrays: arrays.update(bias=np.zeros(3, np.float32)),
        lambda arrays: arrays.update(another=np.zeros(3)),
    ],
)
def test_weights_other_than_listed(bundle, estimator, change):
    arrays = {name: np.array(array, order="C") for name, array in estimator.arrays.items()}
    change(arrays)
    exchange_weights(bundle, arrays)
    with pytest.raises(BundleCorruptedError, match="are not those that"):
        load(bundle)


def test_the_same_weights_exchanged_and_signed_load(bundle, estimator):
    arrays = {name: np.array(array, order="C") for name, array in estimator.arrays.items()}
    exchange_weights(bundle, arrays)
    assert load(bundle).arrays["bias"].tolist() == [1.5, -2.0]
