"""Can these posteriors be believed? Every test together, one answer, reasons and remedies."""

from retrodict.judgement.evidence import Evidence
from retrodict.judgement.trust import Trust
from retrodict.judgement.verdict import Verdict, verdict

__all__ = ["Evidence", "Trust", "Verdict", "verdict"]
