"""Gene expression: tables of samples by genes, what is known of the samples, which genes vary."""

from retrodict.expression.label_agreement import LabelAgreement, label_agreement
from retrodict.expression.log_transform import LogTransform
from retrodict.expression.read import read_expression
from retrodict.expression.sample_labels import read_labels
from retrodict.expression.source_mixing import SourceMixing, source_mixing
from retrodict.expression.table import ExpressionTable
from retrodict.expression.variable_genes import VariableGenes, select_variable_genes

__all__ = [
    "ExpressionTable",
    "LabelAgreement",
    "LogTransform",
    "SourceMixing",
    "VariableGenes",
    "label_agreement",
    "read_expression",
    "read_labels",
    "select_variable_genes",
    "source_mixing",
]
