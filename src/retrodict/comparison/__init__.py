"""Solvers side by side: the same simulations, the same measures, one table."""

from retrodict.comparison.engine import ComparisonInterrupted, compare
from retrodict.comparison.judge import Budget
from retrodict.comparison.methods import get_method, usual_methods
from retrodict.comparison.published import PUBLISHED, Published, published
from retrodict.comparison.result import Comparison
from retrodict.comparison.row import Row

__all__ = [
    "PUBLISHED",
    "Budget",
    "Comparison",
    "ComparisonInterrupted",
    "Published",
    "Row",
    "compare",
    "get_method",
    "published",
    "usual_methods",
]
