"""A small table of expression, and files that hold it."""

import gzip

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def values():
    """Six samples of eight genes, all different."""
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        np.round(rng.gamma(2, 30, (6, 8)), 2),
        index=[f"sample-{i}" for i in range(6)],
        columns=["TES", "SOX2", "MT-CO1", "KRT5", "ALB", "TP53", "MYC", "GAPDH"],
    )


@pytest.fixture
def write_rnaseqdb(tmp_path):
    """Writes samples as RNAseqDB does: genes x samples, two columns of names, gzip."""

    def write(name, values, entrez=None):
        frame = values.T.reset_index(names="Hugo_Symbol")
        frame.insert(1, "Entrez_Gene_Id", range(len(frame)) if entrez is None else entrez)
        path = tmp_path / "rnaseq" / name
        path.parent.mkdir(exist_ok=True)
        with gzip.open(path, "wt") as file:
            frame.to_csv(file, sep="\t", index=False)
        return path

    return write
