"""How many simulations are enough: quality against their number, and what more would bring."""

from retrodict.budget.curve import learning_curve
from retrodict.budget.folder import read_points
from retrodict.budget.point import Point
from retrodict.budget.projection import Projection, project
from retrodict.budget.result import LearningCurve

__all__ = ["LearningCurve", "Point", "Projection", "learning_curve", "project", "read_points"]
