"""Logarithms and the choice of genes: the published rule, and scikit-learn's conventions."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from retrodict.errors import (
    ConfigurationError,
    NonFiniteError,
    NotFittedError,
    OutOfBoundsError,
)
from retrodict.expression import (
    ExpressionTable,
    LogTransform,
    VariableGenes,
    select_variable_genes,
)
from retrodict.expression.variable_genes import normalised_dispersion


@parametrize_with_checks(
    [LogTransform(), VariableGenes(2)],
    expected_failed_checks=lambda _: {
        "check_do_not_raise_errors_in_init_or_set_params": "annotated types are checked in tests"
    },
)
def test_they_are_scikit_learn_transformers(estimator, check):
    check(estimator)


@pytest.fixture
def logs(rng):
    """Four hundred genes whose variance grows with their mean; every fortieth varies more."""
    mean = rng.uniform(1, 12, 400)
    sd = 0.2 * mean
    sd[::40] *= 2.5
    return pd.DataFrame(
        np.abs(rng.normal(mean, sd, (150, 400))), columns=[f"gene-{i}" for i in range(400)]
    )


def scanpy_cell_ranger(values):
    """The formula of scanpy's `highly_variable_genes(flavor="cell_ranger")`, by pandas alone."""
    frame = pd.DataFrame({"mean": values.mean(axis=0), "var": values.var(axis=0, ddof=1)})
    frame["dispersion"] = frame["var"] / frame["mean"]
    edges = np.r_[-np.inf, np.percentile(frame["mean"], np.arange(10, 105, 5)), np.inf]
    grouped = frame.groupby(pd.cut(frame["mean"], edges), observed=True)["dispersion"]
    median = grouped.transform("median")
    mad = grouped.transform(lambda d: (d - d.median()).abs().median() / 0.6744897501960817)
    return ((frame["dispersion"] - median) / mad).to_numpy()


def test_dispersion_is_normalised_as_published(logs):
    values = logs.to_numpy()
    assert_allclose(normalised_dispersion(values), scanpy_cell_ranger(values), rtol=1e-10)


def test_genes_that_vary_more_than_others_of_their_mean_are_found(logs):
    chosen = VariableGenes(10).fit(logs)
    assert_array_equal(chosen.get_support(indices=True), np.arange(0, 400, 40))
    # Not those of the largest variance, which are those of the largest mean.
    assert set(np.argsort(-logs.var().to_numpy())[:10]) != set(range(0, 400, 40))
    assert chosen.transform(logs).columns.tolist() == [f"gene-{i}" for i in range(0, 400, 40)]
    assert chosen.get_feature_names_out().tolist() == [f"gene-{i}" for i in range(0, 400, 40)]


def test_genes_that_do_not_vary_come_last(rng):
    values = np.full((20, 30), 4.0)
    values[:, [3, 17]] += rng.normal(0, 0.3, (20, 2))
    values[:, 5] = 0
    assert_array_equal(VariableGenes(2).fit(values).get_support(indices=True), [3, 17])
    assert np.isfinite(normalised_dispersion(values)).all()


def test_what_comes_in_comes_out(logs):
    genes = VariableGenes(7).fit(logs)
    assert isinstance(genes.transform(logs), pd.DataFrame)
    plain = VariableGenes(7).fit(logs.to_numpy())
    assert_array_equal(plain.transform(logs.to_numpy()), genes.transform(logs))
    sparsely = plain.transform(sparse.csr_matrix(logs))
    assert sparse.issparse(sparsely)
    assert_array_equal(sparsely.toarray(), genes.transform(logs))
    assert VariableGenes(1000).fit(logs).transform(logs).shape == (150, 400)


def test_logarithms_are_to_base_two_and_come_back(values):
    transform = LogTransform().fit(values)
    assert_allclose(transform.transform(values), np.log1p(values) / np.log(2))
    assert_frame_equal(transform.inverse_transform(transform.transform(values)), values)
    assert transform.transform(values * 0).to_numpy().max() == 0
    half = LogTransform(0.5).fit(values.to_numpy())
    assert_allclose(half.transform(values.to_numpy()), np.log2(values.to_numpy() + 0.5))


def test_a_pipeline_chooses_by_training_samples_alone(logs):
    pipeline = make_pipeline(LogTransform(), VariableGenes(5))
    linear = np.exp2(logs) - 1
    linear[linear < 0] = 0
    out = clone(pipeline).fit(linear).transform(linear.iloc[:3])
    assert out.shape == (3, 5)
    expected = VariableGenes(5).fit(np.log2(linear + 1)).get_feature_names_out()
    assert out.columns.tolist() == expected.tolist()


def test_a_table_keeps_its_labels(logs):
    table = ExpressionTable(np.exp2(logs), pd.DataFrame({"batch": ["u"] * 150}, index=logs.index))
    chosen = select_variable_genes(table, 12)
    expected = VariableGenes(12).fit(np.log2(table.values + 1)).get_feature_names_out()
    assert chosen.values.columns.tolist() == expected.tolist()
    assert chosen.values.iloc[3, 4] == table.values.loc[3, expected[4]]
    assert chosen.labels is table.labels


def test_bad_input_is_refused(logs):
    for transformer in (LogTransform(), VariableGenes(3)):
        with pytest.raises(NotFittedError, match="has not learned anything"):
            transformer.transform(logs)
        with pytest.raises(OutOfBoundsError, match=r"1 of them.*row 2, column 3: -1"):
            transformer.fit(with_entry(logs, -1.0).to_numpy())
        with pytest.raises(OutOfBoundsError, match=r"1 negative.*sample 2, gene gene-3"):
            transformer.fit(with_entry(logs, -1.0))
        with pytest.raises(NonFiniteError, match="1 NaN"):
            transformer.fit(with_entry(logs, np.nan))
    with pytest.raises(ConfigurationError, match="At least one gene"):
        VariableGenes(0).fit(logs)
    with pytest.raises(ConfigurationError, match="`pseudocount` is positive"):
        LogTransform(0).fit(logs)


def with_entry(logs, entry):
    changed = logs.copy()
    changed.iloc[2, 3] = entry
    return changed
