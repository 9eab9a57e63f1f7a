"""`embed`: expression in, a folder with few numbers per sample out, every mistake by its name."""

import json

import numpy as np
import pandas as pd
import pytest

from retrodict import cli, load
from retrodict.cli import judged_embedding
from retrodict.cli.embedding import Settings
from retrodict.cli.split_samples import prepare
from retrodict.expression import ExpressionTable

TINY = ("--max-epochs", "2", "--genes", "12", "--latent-dim", "2")


@pytest.fixture(scope="module", autouse=True)
def _small_forests():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged_embedding, "_NUM_TREES", 5)
        yield


def expression():
    """Two tissues from two sources that overlap in both, thirty genes, as logarithms."""
    rng = np.random.default_rng(6)
    tissue = np.repeat(["liver", "skin"], 40)
    logs = rng.normal(6, 1, (80, 30)) + 3 * (tissue == "skin")[:, None] * (np.arange(30) < 15)
    genes = [f"GENE{i}" for i in range(30)]
    frame = pd.DataFrame(np.exp2(logs).round(3), columns=genes)
    frame.insert(0, "sample", [f"s{i}" for i in range(80)])
    frame = frame.assign(tissue=tissue, source=["GTEx", "TCGA"] * 40, age=np.arange(80))
    return frame.assign(condition="normal")


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    path = tmp_path_factory.mktemp("expression") / "cells.csv"
    expression().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def embedded(cells, tmp_path_factory):
    """A finished embedding; not to be changed."""
    folder = tmp_path_factory.mktemp("embeddings") / "cells"
    words = ("embed", str(cells), "--label", "age", *TINY, "--output", str(folder))
    assert cli.main(words) == 0
    return folder


def test_the_folder_holds_everything(embedded):
    assert sorted(each.name for each in embedded.iterdir()) == [
        "embedding.json", "history.csv", "latents.csv", "metrics.json", "model", "report.html",
    ]  # fmt: skip
    metrics = json.loads((embedded / "metrics.json").read_text())
    assert metrics["num_samples"] == 80
    assert metrics["num_held_out"] == 16
    assert metrics["num_genes"] == 12
    assert set(metrics["agreement"]) == {"tissue", "source"}
    assert set(metrics["source_mixing"]["areas"]) == {"liver", "skin"}
    assert len(pd.read_csv(embedded / "history.csv")) == 3
    assert "tissue" in (embedded / "report.html").read_text()


def test_latent_numbers_are_those_of_the_saved_model(embedded):
    latents = pd.read_csv(embedded / "latents.csv", index_col="sample")
    frame = expression().set_index("sample")
    assert latents.index.tolist() == frame.index.tolist()
    assert latents["tissue"].tolist() == frame["tissue"].tolist()
    assert latents["age"].tolist() == list(range(80))
    model = load(embedded / "model")
    logs = np.log2(frame[list(model.feature_names_in_)] + 1)
    np.testing.assert_allclose(
        model.transform(logs).to_numpy(), latents[["z1", "z2"]], rtol=1e-4, atol=1e-5
    )
    # Two latent numbers are their own map.
    np.testing.assert_allclose(latents[["map_x", "map_y"]], latents[["z1", "z2"]], rtol=1e-6)
    held_out = latents[latents["held_out"]]
    assert held_out["tissue"].value_counts().to_dict() == {"liver": 8, "skin": 8}


def test_samples_of_unknown_label_do_not_count(retrodict, cells, tmp_path):
    unknown = expression()
    unknown.loc[::4, ["tissue", "source"]] = None
    unknown.to_csv(tmp_path / "some.csv", index=False)
    found = retrodict("embed", "some.csv", "--label", "age", "--json", *TINY)
    assert found.code == 0
    held_out = pd.read_csv(tmp_path / "runs" / "embed-some" / "latents.csv").query("held_out")
    known = f"{held_out['tissue'].notna().sum()} held-out samples"
    assert len(held_out) == 16
    assert "name the tissue of" in found.err
    assert known in found.err


def test_only_the_folder_is_said_on_stdout(retrodict, cells):
    found = retrodict("embed", cells, "--label", "age", *TINY, "--condition", "source")
    assert found.code == 0
    assert found.out == "runs/embed-cells\n"
    assert "80 samples x 30 genes" in found.err
    assert "16 held-out rows" in found.err
    again = retrodict("embed", cells, "--label", "age", *TINY)
    assert again.code == 2
    assert "exists already" in again.err
    assert again.out == ""


def test_other_labels_come_from_a_file(retrodict, cells, tmp_path):
    plain = expression().drop(columns=["tissue", "source", "age", "condition"])
    plain.to_csv(tmp_path / "plain.csv", index=False)
    names = pd.DataFrame({"sample": plain["sample"], "batch": ["u", "v"] * 40})
    names.to_csv(tmp_path / "batches.csv", index=False)
    found = retrodict("embed", "plain.csv", "--label", "batches.csv", "--json", "--logged", *TINY)
    assert found.code == 0
    metrics = json.loads(found.out)
    assert set(metrics["agreement"]) == {"batch"}
    assert metrics["source_mixing"] is None


def test_an_embedding_goes_on_where_it_stopped(retrodict, cells, embedded, copied):
    run = copied(embedded)
    words = ("embed", cells, "--label", "age", *TINY, "--output", run, "--resume")
    before = pd.read_csv(run / "latents.csv")
    (run / "report.html").unlink()
    assert retrodict(*words).code == 0
    pd.testing.assert_frame_equal(pd.read_csv(run / "latents.csv"), before, rtol=1e-5)
    other = retrodict(*words, "--seed", "3")
    assert other.code == 2
    assert "started with other settings (seed)" in other.err
    (run / "embedding.json").write_text("{}")
    assert "damaged" in retrodict(*words).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--label", "aeg"], "no column called `aeg`"),
        (["--label", "age", "--condition", "batch"], "no label `batch`"),
        (["--label", "age", "--held-out", "0.05"], "4 of 80 samples would be held out"),
        (["--label", "age", "--duplicates", "last"], "refuse, sum, mean, first"),
        (["--orientation", "genes-x-samples"], "1 genes occur"),
        (["--resume", "--output", "nowhere", "--label", "age"], "no embedding in `nowhere`"),
    ],
)
def test_mistakes_are_named(retrodict, cells, words, said):
    found = retrodict("embed", cells, *words)
    if said == "1 genes occur":
        # With one row per gene the columns of text are dropped, and the table is of thirty samples.
        assert "of 31 samples would be held out" in found.err
        return
    assert found.code == 2
    assert said in found.err
    assert "hint:" in found.err
    assert found.out == ""


def table_of(labels):
    index = [f"s{i}" for i in range(len(labels))]
    values = np.random.default_rng(1).gamma(2, 9, (len(labels), 25))
    genes = [f"GENE{i}" for i in range(25)]
    return ExpressionTable(pd.DataFrame(values, index=index, columns=genes), labels.set_axis(index))


def prepared(table, **changed):
    settings = {"num_genes": 5, "held_out": 0.2, "condition": None, "logged": False, "seed": 0}
    return prepare(table, **{**settings, **changed})


def test_genes_are_chosen_by_training_samples_alone():
    table = table_of(pd.DataFrame({"kind": ["a", "b"] * 40}))
    first = prepared(table)
    spoiled = table.values.copy()
    spoiled.loc[first.is_held_out] *= 1000
    again = prepared(ExpressionTable(spoiled, table.labels))
    assert again.genes == first.genes
    np.testing.assert_array_equal(again.is_held_out, first.is_held_out)
    assert first.main_label == "kind"
    assert prepared(table, seed=1).is_held_out.tolist() != first.is_held_out.tolist()


def test_a_class_of_one_sample_does_not_stop_the_split():
    table = table_of(pd.DataFrame({"kind": ["a"] * 79 + ["b"]}))
    assert prepared(table).is_held_out.sum() == 16


def test_logarithms_are_taken_once():
    table = table_of(pd.DataFrame({"kind": ["a", "b"] * 40}))
    logged = prepared(table, logged=True, num_genes=25)
    raw = prepared(table, num_genes=25)
    np.testing.assert_array_equal(logged.values, table.values)
    np.testing.assert_allclose(raw.values, np.log2(table.values + 1))


def test_the_settings_are_those_of_the_command(embedded):
    record = json.loads((embedded / "embedding.json").read_text())
    assert set(record["settings"]) == set(Settings.__dataclass_fields__)
    assert record["settings"]["latent_dim"] == 2
