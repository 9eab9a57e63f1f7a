"""What an evaluation concludes from its parts."""

from types import SimpleNamespace

import pytest

from retrodict.cli.evaluate import Evaluation, Unanswered


class Finding(SimpleNamespace):
    """A diagnostic's result, as far as the conclusion looks at it."""

    def __str__(self):
        return self.sentence


def finding(passed):
    return Finding(passed=passed, sentence="found")


def parts(trusted, inverted):
    """The parts of an evaluation; its own properties are what is tested."""
    found = SimpleNamespace(
        verdict=Finding(passed=trusted, sentence="Trust: it.\n- reason"),
        calibration=finding(True),
        ranks=finding(True),
        z_scores=finding(True),
        recovery=finding(True),
        modes=finding(True),
        sensitivity=Unanswered("The use of each observable", "Too few."),
        misspecification=finding(True),
        round_trip=finding(inverted),
        comparison=None,
        predictive=None,
    )
    found.is_inverted = Evaluation.is_inverted.fget(found)
    return found


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("inverted", [True, False])
def test_both_have_to_hold_and_the_answer_says_which_does_not(trusted, inverted):
    found = parts(trusted, inverted)
    assert Evaluation.passed.fget(found) == (trusted and inverted)
    first, second, *others = Evaluation.sentences.fget(found)
    assert first == "Trust: it." + ("" if inverted else " Its flow is not undone by its inverse.")
    assert second == "- reason"
    assert len(others) == 8
    assert "The use of each observable was not looked at: Too few." in others
