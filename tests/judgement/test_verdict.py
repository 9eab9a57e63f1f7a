"""One answer from all tests: what it trusts, what it repairs, what it rejects, and why."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from retrodict.budget import Point, project
from retrodict.diagnostics import simulation_based_calibration
from retrodict.errors import (
    ConfigurationError,
    NonFiniteError,
    OutOfBoundsError,
    ShapeError,
    TooFewRowsError,
)
from retrodict.judgement import Trust, verdict

NAMES = ["mass", "charge"]


def problem(seed, num=600, num_draws=150, *, skew=0.0):
    """Observations, true causes and draws of their exact posterior: two correlated parameters."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(num, 1, 2))

    def noise(number):
        first, second = rng.normal(size=(2, num, number))
        return np.stack([first + skew * (first**2 - 1), 0.7 * first + 0.5 * second], axis=-1)

    truth = (centre + noise(1))[:, 0]
    return centre + noise(num_draws), truth, centre[:, 0] + 0.2 * rng.normal(size=(num, 2))


def narrowed(draws, factor=0.7):
    middle = draws.mean(axis=1, keepdims=True)
    return middle + factor * (draws - middle)


def shuffled(draws):
    """Each parameter from another draw: right one by one, wrong together."""
    rng = np.random.default_rng(0)
    return np.stack([draws[..., 0], rng.permuted(draws[..., 1], axis=1)], axis=-1)


def history(validation_loss):
    return pd.DataFrame({"validation_loss": validation_loss})


@pytest.mark.parametrize("skew", [0.0, 0.4])
def test_an_exact_posterior_is_trusted(skew):
    found = [verdict(*problem(seed, 200, 60, skew=skew)) for seed in range(15)]
    # 2 % are not; P(more than 2 of 15) = .003.
    assert sum(not one.passed for one in found) <= 2
    one = next(one for one in found if one.passed)
    assert one.trust is Trust.YES
    assert one.reasons == one.remedies == ()
    assert str(one).startswith("Trust: 200 observations show no error")


@pytest.mark.parametrize("factor", [0.7, 1.4], ids=["overconfident", "underconfident"])
def test_a_wrong_width_is_trusted_with_repair(factor):
    draws, truth, y = problem(1)
    result = verdict(narrowed(draws, factor), truth, y, names=NAMES)
    assert result.trust is Trust.WITH_REPAIR
    assert not result.passed
    [reason] = result.reasons
    assert ("too narrow" if factor < 1 else "too wide") in reason
    assert "`mass`" in reason
    # The repair works on draws that it has not seen.
    draws, truth, _ = problem(2)
    fresh = narrowed(draws, factor)
    assert not simulation_based_calibration(fresh, truth).passed
    repaired = result.repair.apply(fresh)
    inside = np.abs(truth[:, None] - np.median(repaired, axis=1)[:, None])
    half_width = np.ptp(np.quantile(repaired, [0.1, 0.9], axis=1), axis=0) / 2
    share = (inside[:, 0] < half_width).mean(axis=0)
    np.testing.assert_allclose(share, 0.8, atol=4 * np.sqrt(0.16 / 600) + 0.02)


def test_a_shift_is_trusted_with_repair():
    draws, truth, y = problem(3)
    result = verdict(draws + np.array([0.4, 0.0]), truth, y, names=NAMES)
    assert result.trust is Trust.WITH_REPAIR
    assert "`mass` is shifted up" in result.reasons[0]
    assert "charge" not in result.reasons[0]


def test_a_missing_correlation_cannot_be_repaired():
    draws, truth, y = problem(4)
    result = verdict(shuffled(draws), truth, y, names=NAMES)
    assert result.trust is Trust.NO
    assert result.repair is None
    assert "mass and charge are correlated too little" in result.reasons[0]
    assert "cannot repair this" in result.reasons[-1]
    # Nor where widths are wrong as well.
    both = verdict(narrowed(shuffled(draws)), truth, y, names=NAMES)
    assert both.trust is Trust.NO
    assert any(reason.startswith("After recalibration: Taken") for reason in both.reasons)
    assert "models all parameters together" in result.remedies[0]


def test_an_error_that_depends_on_the_observation_cannot_be_repaired():
    draws, truth, y = problem(5)
    result = verdict(draws + 0.4 * y[:, None], truth, y, names=NAMES, observable_names=["a", "b"])
    assert result.trust is Trust.NO
    assert any("for large values of `" in reason for reason in result.reasons)
    assert any("depends on `" in remedy for remedy in result.remedies)
    assert verdict(draws + 0.4 * y[:, None], truth).evidence[-1].question != (
        "every kind of observation"
    )


def test_a_lost_mode_is_named():
    rng = np.random.default_rng(6)
    sign = np.where(rng.random((300, 1)) < 0.5, 1, -1)
    truth = sign + 0.1 * rng.normal(size=(300, 1))
    draws = 1 + 0.1 * rng.normal(size=(300, 100, 1))
    result = verdict(draws, truth)
    assert not result.passed
    [lost] = [remedy for remedy in result.remedies if "lost mode" in remedy]
    assert "all 100 draws" in lost


def test_densities_add_a_test_of_regions():
    """A density that is flat gives regions that are none, whatever the draws."""
    draws, truth, _ = problem(7)
    rng = np.random.default_rng(7)
    result = verdict(
        draws,
        truth,
        log_prob_of_draws=rng.normal(size=draws.shape[:2]),
        log_prob_of_truth=rng.normal(size=len(truth)) - 1.0,
    )
    assert result.trust is not Trust.YES
    [failed] = [piece for piece in result.evidence if piece.failed]
    assert failed.question == "regions of highest density"


def test_the_history_of_training_decides_what_to_try_first():
    draws, truth, y = problem(8)
    wrong = narrowed(draws)
    falling = history(np.linspace(3, 0, 40))
    rising = history(np.abs(np.linspace(-2, 3, 40)))
    flat = history(np.r_[np.linspace(3, 0, 20), np.zeros(20)])
    # What can be repaired at once is repaired first.
    repair, first, *_ = verdict(wrong, truth, y, history=falling).remedies
    assert repair.startswith("Use the repaired draws")
    assert first.startswith("Train longer")
    assert verdict(wrong, truth, y, history=rising).remedies[1].startswith("More simulations")
    assert "ensemble" in verdict(wrong, truth, y, history=flat).remedies[1]


def test_corrected_p_values_are_those_of_the_diagnostics():
    draws, truth, _ = problem(9, 200)
    one_by_one, together = verdict(draws, truth).evidence
    share = 0.4 / 0.65
    expected = min(1.0, 2 * simulation_based_calibration(draws, truth).p_values.min() / share)
    assert one_by_one.p_value == pytest.approx(expected)
    assert together.p_value == pytest.approx(
        min(1.0, 2 * together.result.p_values.min() / (1 - share))
    )


def test_too_few_observations_to_repair_are_said():
    draws, truth, _ = problem(10, 40)
    result = verdict(narrowed(draws, 0.3), truth)
    assert result.trust is Trust.NO
    assert result.reasons[-1].startswith("Repair could not be tried.")


@pytest.mark.parametrize("factor", [0.6, 1.6], ids=["overconfident", "underconfident"])
def test_a_wrong_width_beside_a_point_mass_is_trusted_with_repair(factor):
    """Parameters that are zero with a probability of their own, which is right."""
    rng = np.random.default_rng(0)

    def drawn(num, deviation):
        mass = np.exp(deviation * rng.normal(size=(600, num, 2)))
        return np.where(rng.random(mass.shape) < 0.5, 0.0, mass)

    truth = drawn(1, 1.0)[:, 0]
    result = verdict(drawn(150, factor), truth, lower=0.0)
    assert result.trust is Trust.WITH_REPAIR
    repaired = result.repair.apply(drawn(150, factor))
    np.testing.assert_allclose(np.log(repaired[repaired > 0]).std(), 1.0, atol=0.15)
    assert verdict(drawn(150, 1.0), truth, lower=0.0).passed


def test_a_wrong_probability_of_a_bound_is_not_repaired():
    """Of a parameter that is zero with a probability of its own."""
    draws, truth, _ = problem(15, 400, 60)
    result = verdict(np.maximum(narrowed(draws, 0.4), 0), np.maximum(truth, 0), lower=0.0)
    assert result.trust is Trust.NO
    assert result.reasons[-1].startswith("After recalibration: ")


@pytest.mark.parametrize("row", range(0, 200, 9))
def test_one_value_that_cannot_be_repaired_is_no_crash(row):
    """Whichever part of the observations it falls into."""
    draws, truth, _ = problem(16, 200, 60)
    wrong = narrowed(draws, 0.4)
    at_bound, lower = wrong.copy(), min(wrong.min(), truth.min()) - 1
    at_bound[row, 0, 0] = lower
    assert verdict(at_bound, truth, lower=lower).trust is Trust.WITH_REPAIR
    wrong[row, :, 0] = 1.0
    result = verdict(wrong, truth)
    assert "Repair could not be tried" in result.reasons[-1]


def test_what_could_have_been_seen_shrinks_with_the_observations():
    few, many = (verdict(*problem(11, num, 60)).detectable for num in (100, 400))
    assert few.shift == pytest.approx(2 * many.shift)
    assert few.spread == pytest.approx(few.shift / np.sqrt(2))
    # At the size it names, errors are found nine times in ten: measured in benchmarks/.
    rng = np.random.default_rng(12)
    found = 0
    shift = np.array([few.shift, 0.0])
    for _ in range(50):
        truth = rng.normal(size=(100, 2))
        draws = shift + rng.normal(size=(100, 60, 2))
        found += not verdict(draws, truth).passed
    assert found >= stats.binom.ppf(1e-3, 50, 0.9)


def test_it_is_made_of_plain_numbers():
    import json

    draws, truth, y = problem(13, 100, 40)
    answer = json.loads(json.dumps(verdict(draws, truth, y).to_dict()))
    assert answer["verdict"] in {"trust", "trust with repair", "do not trust"}
    assert len(answer["evidence"]) == 3


def learned(upper, seed, num=500, num_draws=100):
    """Exact draws for a uniform prior on [0, upper], of truth from one on [0, 5]."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 5, (num, 1))
    y = truth + 0.5 * rng.normal(size=truth.shape)
    ends = stats.norm.cdf((np.array([0, upper]) - y) / 0.5)
    uniform = rng.uniform(ends[:, :1], ends[:, 1:], (num, num_draws))
    # Of observations far above the prior, all mass is at its end.
    draws = np.where(ends[:, :1] < 1 - 1e-9, y + 0.5 * stats.norm.ppf(uniform), upper)
    return draws[..., None], truth


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sign", [1, -1])
def test_a_prior_that_was_too_narrow_is_named_first(seed, sign):
    draws, truth = learned(4.0, seed)
    result = verdict(sign * draws, sign * truth, names=["dose"])
    assert not result.passed
    end, side = ("4", "above") if sign > 0 else ("-4", "below")
    assert result.remedies[0].startswith("Widen the prior of `dose`: ")
    share = np.mean(truth > draws.max())
    assert f"{share:.0%} of its true values lie {side} {end}, the" in result.remedies[0]


def test_a_wrong_shape_takes_a_more_flexible_solver():
    """Two humps of the same mean and width where there is one."""
    rng = np.random.default_rng(1)
    truth, noise = rng.normal(size=(2000, 1)), rng.normal(size=(2, 2000, 100, 1))
    result = verdict(0.7 * np.sign(noise[0]) + 0.7 * noise[1], truth)
    assert not result.passed
    assert any("the right shape" in remedy for remedy in result.remedies)


def test_no_other_error_is_taken_for_a_narrow_prior():
    draws, truth = learned(5.0, 3)
    assert verdict(draws, truth).remedies == ()
    rng = np.random.default_rng(3)
    # Without bounds: truth at both ends lies beyond all draws where these are shifted.
    y = rng.uniform(0, 5, (500, 1, 1))
    free, of_free = y + 0.5 * rng.normal(size=(500, 100, 1)), y[:, 0]
    middle = draws.mean(axis=1, keepdims=True)
    elsewhere = 1 + 1e-6 * rng.normal(size=draws.shape)
    for wrong, right in (
        (middle + 0.3 * (draws - middle), truth),
        (elsewhere, truth),
        (free - 3, of_free),
        (free + 3, of_free),
    ):
        remedies = verdict(wrong, right).remedies
        assert remedies
        assert not any("Widen the prior" in remedy for remedy in remedies)
    # A mode at -1 is lost: no draw lies there, but none crowds at the end of the others either.
    rng = np.random.default_rng(6)
    modes = np.where(rng.random((300, 1)) < 0.5, 1, -1) + 0.1 * rng.normal(size=(300, 1))
    lost = verdict(1 + 0.1 * rng.normal(size=(300, 100, 1)), modes).remedies
    assert any("lost mode" in remedy for remedy in lost)


HOW_MANY = "A learning curve tells how many (`retrodict curve`; in Python `learning_curve`)."


def test_a_learning_curve_says_how_many_more_simulations():
    draws, truth, _ = problem(8)
    wrong = narrowed(draws)
    [alone] = [r for r in verdict(wrong, truth).remedies if "more simulations" in r]
    assert alone.endswith(HOW_MANY)
    errors = {1000: 0.08, 2000: 0.056, 4000: 0.04, 8000: 0.028}
    numbers = errors.items()
    curve = [Point(num, error, 0.004, None, 0.5, "do not trust", 1.0, "") for num, error in numbers]
    enough = project(curve, 0.01)
    assert enough.num_pairs is not None
    [told] = [r for r in verdict(wrong, truth, projection=enough).remedies if enough.sentence in r]
    assert told == alone.removesuffix(HOW_MANY) + enough.sentence
    # Where more simulations do not help, that is said before anything else.
    flat = project([dataclasses.replace(point, calibration_error=0.05) for point in curve], 0.01)
    assert flat.num_pairs is None
    assert verdict(wrong, truth, projection=flat).remedies[0] == flat.sentence
    # Nothing is said of simulations where nothing is wrong, or where others do not help.
    assert verdict(draws, truth, projection=enough).remedies == ()
    together = verdict(shuffled(draws), truth, projection=enough)
    assert not any(enough.sentence in remedy for remedy in together.remedies)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda d, t, y: {"draws": np.where(d > 3, np.nan, d)}, NonFiniteError),
        (lambda d, t, y: {"truth": t[:10], "draws": d[:10]}, TooFewRowsError),
        (lambda d, t, y: {"observations": y[:-1]}, ShapeError),
        (lambda d, t, y: {"log_prob_of_truth": t[:, 0]}, ConfigurationError),
        (lambda d, t, y: {"level": 0.0}, ConfigurationError),
        (lambda d, t, y: {"draws": d[:1], "truth": t[:1]}, TooFewRowsError),
        (lambda d, t, y: {"upper": np.max(t[:, 0]) - 0.01}, OutOfBoundsError),
        (lambda d, t, y: {"lower": np.min(d) + 0.01, "truth": 0 * t}, OutOfBoundsError),
        (lambda d, t, y: {"lower": 2.0, "upper": 1.0}, ConfigurationError),
    ],
    ids=[
        "NaN",
        "few observations",
        "rows differ",
        "half a density",
        "level",
        "one observation",
        "truth out of bounds",
        "draws out of bounds",
        "bounds exchanged",
    ],
)
def test_what_cannot_be_answered_is_refused(spoil, error):
    draws, truth, y = problem(14, 100, 40)
    arguments = {"draws": draws, "truth": truth} | spoil(draws, truth, y)
    with pytest.raises(error) as caught:
        verdict(**arguments)
    assert caught.value.hint
