"""Results as one HTML file that opens anywhere, offline."""

from retrodict.report.content import MetricHelp, ReportContent
from retrodict.report.render import render, write

__all__ = ["MetricHelp", "ReportContent", "render", "write"]
