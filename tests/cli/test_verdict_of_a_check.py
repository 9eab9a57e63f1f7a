"""What an evaluation concludes from its parts."""

from types import SimpleNamespace

import pytest

from retrodict.cli.evaluate import Evaluation


class Finding(SimpleNamespace):
    """A diagnostic's result, as far as the conclusion looks at it."""

    def __str__(self):
        return self.sentence


def finding(passed):
    return Finding(passed=passed, sentence="found")


def parts(calibration, ranks, round_trip):
    """The parts of an evaluation; its own properties are what is tested."""
    found = SimpleNamespace(
        calibration=finding(calibration),
        ranks=finding(ranks),
        recovery=finding(True),
        round_trip=finding(round_trip),
        comparison=None,
    )
    found.is_calibrated = Evaluation.is_calibrated.fget(found)
    found.is_inverted = Evaluation.is_inverted.fget(found)
    return found


@pytest.mark.parametrize(
    ("calibration", "ranks", "round_trip", "verdict"),
    [
        (True, True, True, "The posterior is calibrated."),
        (False, True, True, "The posterior is not calibrated."),
        (True, False, True, "The posterior is not calibrated."),
        (
            True,
            True,
            False,
            "The posterior is calibrated. Its flow is not undone by its inverse.",
        ),
    ],
)
def test_every_part_has_to_hold_and_the_verdict_says_which_does_not(
    calibration, ranks, round_trip, verdict
):
    found = parts(calibration, ranks, round_trip)
    assert Evaluation.passed.fget(found) == (calibration and ranks and round_trip)
    sentences = Evaluation.sentences.fget(found)
    assert sentences[0] == verdict
    assert len(sentences) == 5
