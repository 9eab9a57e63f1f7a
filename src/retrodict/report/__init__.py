"""Results as one HTML file that opens anywhere, offline."""

from retrodict.report.content import MetricHelp, ReportContent
from retrodict.report.embedding import EmbeddingContent, render_embedding, write_embedding
from retrodict.report.render import render, write

__all__ = [
    "EmbeddingContent",
    "MetricHelp",
    "ReportContent",
    "render",
    "render_embedding",
    "write",
    "write_embedding",
]
