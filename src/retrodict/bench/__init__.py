"""Benchmarks of the field: our posteriors beside those that others have published."""

from retrodict.bench.engine import BenchInterrupted, sbibm
from retrodict.bench.published import Published
from retrodict.bench.result import Bench
from retrodict.bench.row import Row
from retrodict.bench.settings import Settings
from retrodict.bench.summary import Summary

__all__ = ["Bench", "BenchInterrupted", "Published", "Row", "Settings", "Summary", "sbibm"]
