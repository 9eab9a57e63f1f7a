"""Expression from every format, either way round, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from retrodict.errors import (
    ColumnNotFoundError,
    ConfigurationError,
    DataError,
    NonFiniteError,
    NotNumericError,
    OutOfBoundsError,
    ShapeError,
    TableFormatError,
)
from retrodict.expression import ExpressionTable, read_expression
from retrodict.expression.file_names import labels_of_file


def same(found, expected):
    assert_frame_equal(found, expected.astype(float), check_names=False)


def test_files_of_wang_et_al_are_joined_on_common_genes_and_labelled_by_their_names(
    values, write_rnaseqdb
):
    write_rnaseqdb("kidney-rsem-fpkm-gtex.txt.gz", values.iloc[:2])
    write_rnaseqdb("kirc-rsem-fpkm-tcga.txt.gz", values.iloc[2:4].drop(columns="ALB"))
    folder = write_rnaseqdb(
        "read-rsem-fpkm-tcga-t.txt.gz", values.iloc[4:].iloc[:, ::-1].drop(columns="TES")
    ).parent
    table = read_expression(folder)
    same(table.values, values.drop(columns=["ALB", "TES"]))
    assert table.num_genes_left_out == 2
    expected = pd.DataFrame(
        {
            "tissue": ["kidney"] * 4 + ["colon and rectum"] * 2,
            "source": ["GTEx"] * 2 + ["TCGA"] * 4,
            "condition": ["normal"] * 4 + ["tumour"] * 2,
            "cohort": ["GTEx"] * 2 + ["TCGA-KIRC"] * 2 + ["TCGA-READ"] * 2,
        },
        index=values.index,
    )
    assert_frame_equal(table.labels, expected)
    assert "6 samples x 6 genes (2 genes that some files lack" in str(table)
    for paths in (str(folder / "*.gz"), sorted(folder.iterdir())):
        same(read_expression(paths).values, table.values)


@pytest.mark.parametrize(
    ("name", "tissue", "source", "condition"),
    [
        ("bladder-rsem-fpkm-gtex.txt.gz", "bladder", "GTEx", "normal"),
        ("blca-rsem-fpkm-tcga.txt.gz", "bladder", "TCGA", "normal"),
        ("chol-rsem-fpkm-tcga-t.txt.gz", "bile duct", "TCGA", "tumour"),
        ("colon-rsem-fpkm-gtex.txt.gz", "colon and rectum", "GTEx", "normal"),
        ("esophagus_gas-rsem-fpkm-gtex.txt", "oesophagus", "GTEx", "normal"),
        ("hnsc-rsem-fpkm-tcga.txt.gz", "head and neck", "TCGA", "normal"),
    ],
)
def test_a_file_name_says_where_samples_are_from(name, tissue, source, condition):
    said = labels_of_file(name)
    assert (said["tissue"], said["source"], said["condition"]) == (tissue, source, condition)


def test_another_file_name_says_nothing():
    assert labels_of_file("kidney-fpkm-gtex.txt.gz") is None


def with_labels(values):
    frame = values.reset_index(names="sample")
    frame.insert(3, "cell type", list("aabbcc"))
    frame["age"] = range(6)
    return frame


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".parquet"])
def test_samples_x_genes_is_the_rule_with_text_as_labels(values, suffix, tmp_path):
    path = tmp_path / f"table{suffix}"
    frame = with_labels(values)
    if suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, sep="\t" if suffix == ".tsv" else ",", index=False)
    table = read_expression(path, label_columns=["age"])
    same(table.values, values)
    assert table.labels.columns.tolist() == ["cell type", "age"]
    assert table.labels["cell type"].tolist() == list("aabbcc")
    assert table.labels.index.tolist() == values.index.tolist()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_genes_x_samples_has_to_be_said(values, suffix, tmp_path):
    path = tmp_path / f"table{suffix}"
    frame = values.T.reset_index(names="gene")
    frame.insert(1, "description", "a gene")
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    same(read_expression(path, orientation="genes-x-samples").values, values)
    turned = read_expression(path)
    assert turned.values.shape == (8, 6)
    assert turned.labels.columns.tolist() == ["description"]


def test_without_names_samples_are_counted(values, tmp_path):
    path = tmp_path / "table.csv"
    values.to_csv(path, index=False)
    assert read_expression(path).values.index.tolist() == list("012345")


def test_several_tables_are_labelled_by_file(values, tmp_path):
    for name, rows in (("first", slice(0, 2)), ("second", slice(2, 6))):
        values.iloc[rows].reset_index(names="sample").to_csv(tmp_path / f"{name}.csv", index=False)
    table = read_expression(tmp_path)
    assert table.labels["file"].tolist() == ["first"] * 2 + ["second"] * 4


def test_labels_of_a_file_of_their_own_are_matched_by_name(values, tmp_path):
    values.reset_index(names="sample").to_csv(tmp_path / "table.csv", index=False)
    labels = pd.DataFrame({"batch": list("uvwxyz")}, index=values.index[::-1])
    labels.reset_index(names="who").to_csv(tmp_path / "labels.csv", index=False)
    table = read_expression(tmp_path / "table.csv", labels=tmp_path / "labels.csv")
    assert table.labels["batch"].tolist() == list("zyxwvu")
    assert table.label("batch").tolist() == list("zyxwvu")
    with pytest.raises(ColumnNotFoundError, match="no label `bach`") as caught:
        table.label("bach")
    assert "`batch`" in caught.value.hint
    with pytest.raises(DataError, match=r"2 of 6 samples have no labels.*sample-0, sample-1"):
        table.with_labels(labels.iloc[:4])
    with pytest.raises(DataError, match="sample-5"):
        table.with_labels(pd.concat([labels, labels.iloc[:1]]))


@pytest.fixture
def repeated(values):
    """TES twice more, at other places."""
    more = values[["TES", "TES"]].to_numpy() * [2.0, 5.0]
    frame = values.copy()
    frame.insert(3, "TES", more[:, 0], allow_duplicates=True)
    frame.insert(7, "TES", more[:, 1], allow_duplicates=True)
    return frame


@pytest.mark.parametrize("by_gene", [True, False])
def test_duplicated_genes_are_refused_or_merged(values, repeated, by_gene, tmp_path):
    path = tmp_path / "table.csv"
    if by_gene:
        repeated.T.reset_index(names="Hugo_Symbol").to_csv(path, index=False)
    else:
        repeated.reset_index(names="sample").to_csv(path, index=False)
    with pytest.raises(DataError, match=r"1 symbols occur more than once, the first are TES\."):
        read_expression(path)
    for duplicates, factor in (("sum", 8), ("mean", 8 / 3), ("first", 1)):
        table = read_expression(path, duplicates=duplicates)
        same(table.values, values.assign(TES=values["TES"] * factor))
    with pytest.raises(ConfigurationError, match="refuse, sum, mean, first; got 'last'"):
        read_expression(path, duplicates="last")


@pytest.mark.parametrize("by_gene", [True, False])
@pytest.mark.parametrize(
    ("entry", "error", "said"),
    [
        ("", NonFiniteError, "1 NaN or infinite"),
        ("inf", NonFiniteError, "1 NaN or infinite"),
        ("-0.5", OutOfBoundsError, "1 negative"),
        ("low", NotNumericError, "1 that are not: low"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(
    values, by_gene, entry, error, said, tmp_path
):
    path = tmp_path / "table.csv"
    text = values.astype(str)
    text.iloc[4, 5] = entry
    turned = text.T.reset_index(names="Hugo_Symbol") if by_gene else text.reset_index(names="s")
    turned.to_csv(path, index=False)
    with pytest.raises(error, match=said) as caught:
        read_expression(path)
    place = "gene TP53, sample sample-4" if by_gene else "sample sample-4, gene TP53"
    assert place in caught.value.message
    assert "table.csv" in caught.value.message


def test_files_without_a_common_gene_are_refused(values, tmp_path):
    values.iloc[:3].reset_index(names="sample").to_csv(tmp_path / "a.csv", index=False)
    other = values.iloc[3:].rename(columns=lambda name: f"ENSG-{name}")
    other.reset_index(names="sample").to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(DataError, match=r"no gene in common.*TES in a.csv, ENSG-TES in b.csv"):
        read_expression(tmp_path)


def test_the_same_sample_in_two_files_is_refused(values, tmp_path):
    for name in ("a", "b"):
        values.reset_index(names="sample").to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(DataError, match=r"6 samples occur more than once.*sample-0"):
        read_expression(tmp_path)


def test_orientations_that_the_file_contradicts_are_refused(values, write_rnaseqdb, tmp_path):
    path = write_rnaseqdb("kidney-rsem-fpkm-gtex.txt.gz", values)
    with pytest.raises(ConfigurationError, match="one row per gene"):
        read_expression(path, orientation="samples-x-genes")
    with pytest.raises(ConfigurationError, match="got 'sideways'"):
        read_expression(path, orientation="sideways")
    with pytest.raises(ConfigurationError, match="none is a label"):
        read_expression(path, label_columns=["age"])
    with pytest.raises(ConfigurationError, match="Only h5ad files have layers"):
        read_expression(path, layer="counts")
    numbers = tmp_path / "numbers.csv"
    values.to_csv(numbers, index=False)
    with pytest.raises(TableFormatError, match="`TES`, should hold the symbols"):
        read_expression(numbers, orientation="genes-x-samples")


def test_a_gene_without_a_symbol_is_refused(values, tmp_path):
    frame = values.T.reset_index(names="Hugo_Symbol")
    frame.loc[2, "Hugo_Symbol"] = ""
    frame.to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(TableFormatError, match=r"1 rows .*no gene symbol, the first is row 2"):
        read_expression(tmp_path / "table.csv")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.csv", None, "There is no file"),
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"sample,TES\n", "no rows below its header"),
        ("cut.txt.gz", b"\x1f\x8b\x08\x00", "cannot be decompressed"),
        ("page.csv", b"<html></html>", "looks like HTML"),
    ],
)
def test_files_that_are_no_tables_are_refused(name, content, said, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TableFormatError, match=said):
        read_expression(path)


def test_no_files_are_refused(tmp_path):
    with pytest.raises(TableFormatError, match="no table in the folder"):
        read_expression(tmp_path)
    with pytest.raises(TableFormatError, match="No file is called like"):
        read_expression(tmp_path / "*.gz")
    with pytest.raises(TableFormatError, match="no file to read"):
        read_expression([])


def test_a_table_made_by_hand_is_checked(values):
    labels = pd.DataFrame(index=values.index)
    with pytest.raises(OutOfBoundsError, match="48 negative values"):
        ExpressionTable(-values - 1, labels)
    with pytest.raises(ShapeError, match="other samples"):
        ExpressionTable(values, labels.iloc[::-1])
    with pytest.raises(ShapeError, match=r"\(6, 0\)"):
        ExpressionTable(values.iloc[:, :0], labels)
    with pytest.raises(DataError, match="1 genes occur more than once"):
        ExpressionTable(pd.concat([values, values[["ALB"]]], axis=1), labels)
    part = ExpressionTable(values, labels).select_samples(np.array([4, 1]))
    assert part.values.index.tolist() == ["sample-4", "sample-1"]
