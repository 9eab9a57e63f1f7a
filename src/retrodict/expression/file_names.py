"""Tissue, source and condition of samples from the names of their files (Wang et al. 2018).

Files of RNAseqDB (doi:10.1038/sdata.2018.61) are called
`<tissue or TCGA project>-rsem-fpkm-<gtex, tcga (normal) or tcga-t (tumour)>.txt.gz`.
"""

import re

# Colon and rectum are one tissue here: their expression cannot be told apart (Cancer Genome
# Atlas Network 2012, doi:10.1038/nature11252), and RNAseqDB normalises both together.
_COLON_AND_RECTUM = "colon and rectum"
_TISSUE_OF_PROJECT = {
    "blca": "bladder",
    "brca": "breast",
    "cesc": "cervix",
    "chol": "bile duct",
    "coad": _COLON_AND_RECTUM,
    "esca": "oesophagus",
    "hnsc": "head and neck",
    "kich": "kidney",
    "kirc": "kidney",
    "kirp": "kidney",
    "lihc": "liver",
    "luad": "lung",
    "lusc": "lung",
    "prad": "prostate",
    "read": _COLON_AND_RECTUM,
    "stad": "stomach",
    "thca": "thyroid",
    "ucec": "uterus",
    "ucs": "uterus",
}
_TISSUE_IN_GTEX = {
    "colon": _COLON_AND_RECTUM,
    "esophagus_gas": "oesophagus",
    "esophagus_muc": "oesophagus",
    "esophagus_mus": "oesophagus",
}
_NAME = re.compile(r"(?P<first>[a-z_]+)-rsem-fpkm-(?P<source>gtex|tcga-t|tcga)\.txt(\.gz)?")


def labels_of_file(name: str) -> dict[str, str] | None:
    """What the name of a file says about all samples in it; None if it is no such name.

    Returns:
        "tissue", "source" (GTEx or TCGA), "condition" (normal or tumour) and "cohort" (GTEx or
        the project, e.g. TCGA-KIRC).
    """
    parts = _NAME.fullmatch(name.lower())
    if parts is None:
        return None
    first, source = parts["first"], parts["source"]
    if source == "gtex":
        tissue = _TISSUE_IN_GTEX.get(first, first.replace("_", " "))
        return {"tissue": tissue, "source": "GTEx", "condition": "normal", "cohort": "GTEx"}
    return {
        "tissue": _TISSUE_OF_PROJECT.get(first, first),
        "source": "TCGA",
        "condition": "tumour" if source == "tcga-t" else "normal",
        "cohort": f"TCGA-{first.upper()}",
    }
