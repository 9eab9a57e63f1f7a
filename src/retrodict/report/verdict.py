"""The answer a report opens with: can these posteriors be trusted?"""

from dataclasses import dataclass

from retrodict.diagnostics.simulation_based_calibration import SimulationBasedCalibration
from retrodict.report.content import ReportContent


@dataclass(frozen=True)
class Verdict:
    """One word, one sentence, and the tone they are shown in (`good`, `bad`, `unknown`)."""

    word: str
    sentence: str
    tone: str


def verdict_of(content: ReportContent) -> Verdict:
    """Calibrated only if every calibration test that was made is passed."""
    results = [result for result in (content.sbc, content.calibration) if result is not None]
    if not results:
        return Verdict(
            "Not tested",
            "Calibration was not tested, so nothing is known about whether the stated "
            "probabilities hold; run the check before relying on them.",
            "unknown",
        )
    failed = [result for result in results if not result.passed]
    if failed:
        return Verdict("Not calibrated", _without_repeat(str(failed[0]), "Not calibrated"), "bad")
    num = min(
        len(result.ranks)
        if isinstance(result, SimulationBasedCalibration)
        else result.num_observations
        for result in results
    )
    return Verdict(
        "Calibrated",
        f"As far as {num} test observations can tell, the stated probabilities "
        "hold: the truth lies inside the posterior's intervals as often as they claim.",
        "good",
    )


def _without_repeat(sentence: str, word: str) -> str:
    """The sentence without the word it opens with, which the headline says already."""
    rest = sentence.removeprefix(f"{word}:").strip()
    return rest[:1].upper() + rest[1:]
