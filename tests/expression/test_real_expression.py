"""Four files of RNAseqDB, few genes, little training: what the benchmark shows, in small."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from retrodict import VariationalAutoencoder, compare_with_pca, read_expression
from retrodict.expression import LogTransform, VariableGenes, label_agreement

FILES = (
    "bladder-rsem-fpkm-gtex.txt.gz",
    "blca-rsem-fpkm-tcga.txt.gz",
    "kirp-rsem-fpkm-tcga.txt.gz",
    "lihc-rsem-fpkm-tcga.txt.gz",
)


@pytest.fixture(scope="module")
def table(data_folder):
    files = [data_folder / "rnaseq" / name for name in FILES]
    if not all(file.is_file() for file in files):
        pytest.skip("the data folder has no rnaseq/")
    return read_expression(files)


def test_tissues_and_sources_are_named(table):
    assert table.num_samples == 105
    counts = table.labels.groupby(["tissue", "source"]).size().to_dict()
    assert counts == {
        ("bladder", "GTEx"): 11,
        ("bladder", "TCGA"): 17,
        ("kidney", "TCGA"): 29,
        ("liver", "TCGA"): 48,
    }
    assert not {"Entrez_Gene_Id", "Hugo_Symbol"} & set(table.values.columns)


def test_one_number_keeps_more_than_one_component_and_tells_tissues_apart(table):
    is_held_out = np.arange(table.num_samples) % 4 == 0
    genes = make_pipeline(LogTransform(), VariableGenes(100))
    train = genes.fit_transform(table.values[~is_held_out])
    test = genes.transform(table.values[is_held_out])
    model = VariationalAutoencoder(
        1, encoder=(32,), activation="silu", max_epochs=40, learning_rate=2e-2, batch_size=35
    ).fit(train)
    assert compare_with_pca(model, train, test).passed
    tissue = table.labels["tissue"]
    agreement = label_agreement(
        model.transform(train), tissue[~is_held_out], model.transform(test), tissue[is_held_out]
    )
    assert agreement.accuracy >= 0.9
