"""What a report opens with: can these posteriors be believed?"""

from dataclasses import dataclass

from retrodict.judgement import Trust
from retrodict.report.content import ReportContent

_TONES = {Trust.YES: "good", Trust.WITH_REPAIR: "repair", Trust.NO: "bad"}


@dataclass(frozen=True)
class Answer:
    """A few words, a sentence, and the tone they are shown in.

    Attributes:
        word: e.g. "Trust with repair".
        sentence: that explains it.
        tone: "good", "repair", "bad" or "unknown".
        reasons: what was found.
        remedies: what may help, the most promising first.
    """

    word: str
    sentence: str
    tone: str
    reasons: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


def answer_of(content: ReportContent) -> Answer:
    """The verdict, in the form of a headline."""
    verdict = content.verdict
    if verdict is None:
        return Answer(
            "Not tested",
            "Calibration was not tested, so nothing is known about whether the stated "
            "probabilities hold; run the check before relying on them.",
            "unknown",
        )
    word, _, sentence = verdict.headline.partition(": ")
    return Answer(
        word,
        sentence[:1].upper() + sentence[1:],
        _TONES[verdict.trust],
        verdict.reasons,
        verdict.remedies,
    )
