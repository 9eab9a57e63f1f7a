"""Repair of posteriors: draws and true causes in, intervals that hold what they promise out."""

from retrodict.repair.conformal import ConformalCalibration
from retrodict.repair.region import ConformalRegion
from retrodict.repair.region_coverage import RegionCoverage
from retrodict.repair.summary import CoverageRepair

__all__ = ["ConformalCalibration", "ConformalRegion", "CoverageRepair", "RegionCoverage"]
