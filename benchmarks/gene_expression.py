"""The variational autoencoder on real gene expression: what it keeps, tells and recognises.

    RETRODICT_DATA=... python benchmarks/gene_expression.py \
        --output benchmarks/results/gene_expression.json

The 25 matrices of Wang et al. 2018 (doi:10.1038/sdata.2018.61), with the defaults of
`retrodict embed`. These were chosen by reconstruction and by neighbours on a fifth of the training
samples of split 0, among 4 to 32 latent numbers, 1,000 and 2,000 genes, three rules for choosing
them, six networks and two kinds of decoder noise; the held-out samples of split 0 took no part in
it, some of those of the other splits were validation samples then.

Per split (another fifth of the samples held out, by tissue):

- R^2 of held-out samples, beside PCA with as many dimensions;
- share of held-out samples whose tissue their 5 nearest training samples name;
- area under the ROC curve of a random forest that tells GTEx from TCGA among normal samples of
  one tissue, from genes, from principal components and from latent numbers;
- with one tissue left out of training, the area under the ROC curve of `score_samples` that
  tells its samples from held-out samples of the others, tissue by tissue.

Normal samples beside a cholangiocarcinoma are liver, and so the label "bile duct" of nine samples
names what the tumour came from: leaving out liver leaves liver in training, and both are left
out together.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from machine import described
from retrodict import VariationalAutoencoder, read_expression
from retrodict.cli.judged_embedding import judge
from retrodict.cli.split_samples import prepare

LATENT_DIM, NUM_GENES, HELD_OUT = 10, 2000, 0.2
# Splits that every tissue is left out of in turn.
NUM_LEFT_OUT = 2
NETWORK = {"encoder": (256, 128), "activation": "silu", "learning_rate": 2e-3, "max_epochs": 300}
LEFT_OUT = {
    "breast": ["breast"],
    "colon and rectum": ["colon and rectum"],
    "head and neck": ["head and neck"],
    "kidney": ["kidney"],
    "liver and bile duct": ["liver", "bile duct"],
    "lung": ["lung"],
    "prostate": ["prostate"],
    "stomach": ["stomach"],
    "thyroid": ["thyroid"],
    "uterus": ["uterus"],
}


def prepared_by(table, seed):
    return prepare(
        table,
        num_genes=NUM_GENES,
        held_out=HELD_OUT,
        condition=None,
        logged=False,
        seed=seed,
    )


def fitted(prepared, seed):
    return VariationalAutoencoder(LATENT_DIM, random_state=seed, **NETWORK).fit(prepared.train)


def judged(table, seed):
    started = time.perf_counter()
    prepared = prepared_by(table, seed)
    found = judge(fitted(prepared, seed), prepared, seed=seed)
    metrics = found.metrics()
    mixing = metrics["source_mixing"]
    return {
        "seed": seed,
        "r_squared": metrics["comparison_with_pca"]["r_squared"],
        "r_squared_of_pca": metrics["comparison_with_pca"]["r_squared_of_pca"],
        "tissue_accuracy": metrics["agreement"]["tissue"]["latent"]["accuracy"],
        "tissue_accuracy_of_pca": metrics["agreement"]["tissue"]["pca"]["accuracy"],
        "active_units": metrics["active_units"],
        "source_areas": mixing["areas"],
        "source_means": mixing["means"],
        "seconds": round(time.perf_counter() - started, 1),
    }


def recognised(table, tissues, seed):
    """Area under the ROC curve of samples of left-out tissues against held-out ones of others."""
    is_left_out = table.labels["tissue"].isin(tissues).to_numpy()
    prepared = prepared_by(table.select_samples(np.flatnonzero(~is_left_out)), seed)
    model = fitted(prepared, seed)
    strange = np.log2(table.values.loc[is_left_out, prepared.genes] + 1)
    usual_scores, strange_scores = (
        model.score_samples(rows, num_samples=50) for rows in (prepared.test, strange)
    )
    truth = np.repeat([0, 1], [len(usual_scores), len(strange_scores)])
    return float(roc_auc_score(truth, -np.concatenate([usual_scores, strange_scores])))


def show(splits, recognition):
    print("| split | R² | R² of PCA | tissue by 5 neighbours | with PCA | source from genes | PCA "
          "| latent numbers |")  # fmt: skip
    print("|" + "---|" * 8)
    for one in splits:
        means = one["source_means"]
        print(
            f"| {one['seed']} | {one['r_squared']:.3f} | {one['r_squared_of_pca']:.3f} "
            f"| {one['tissue_accuracy']:.3f} | {one['tissue_accuracy_of_pca']:.3f} "
            f"| {means['genes']:.2f} | {means['PCA']:.2f} | {means['latent numbers']:.2f} |"
        )
    print(
        "\n| left out | "
        + " | ".join(f"split {one['seed']}" for one in splits[:NUM_LEFT_OUT])
        + " |"
    )
    print("|" + "---|" * (1 + min(NUM_LEFT_OUT, len(splits))))
    for name, areas in recognition.items():
        print(f"| {name} | " + " | ".join(f"{area:.3f}" for area in areas) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", help="write the numbers to this file")
    arguments = parser.parse_args()
    folder = os.environ.get("RETRODICT_DATA")
    if folder is None:
        sys.exit("error: RETRODICT_DATA is not set; it names the folder with rnaseq/ in it")
    table = read_expression(Path(folder) / "rnaseq")
    print(table, flush=True)
    seeds = range(arguments.seeds)
    splits = []
    for seed in seeds:
        splits.append(judged(table, seed))
        print(json.dumps(splits[-1]), flush=True)
    recognition = {}
    for name, tissues in LEFT_OUT.items():
        recognition[name] = [recognised(table, tissues, seed) for seed in seeds[:NUM_LEFT_OUT]]
        print(name, recognition[name], flush=True)
    show(splits, recognition)
    numbers = described("python benchmarks/gene_expression.py")
    numbers |= {
        "settings": {"latent_dim": LATENT_DIM, "num_genes": NUM_GENES, **NETWORK},
        "splits": splits,
        "left_out_areas": recognition,
    }
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
