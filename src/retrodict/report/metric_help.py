"""What the usual numbers mean, for those a report was given without an explanation."""

from collections.abc import Mapping
from dataclasses import replace

from retrodict.report.content import MetricHelp

_CALIBRATION = MetricHelp(
    "calibration error",
    "How far the share of true values inside the central intervals is from their confidence: "
    "the median over confidences. 0 is perfect.",
    percent=True,
)
_MMD = MetricHelp(
    "mismatch to the exact posterior (MMD²)",
    "Unbiased squared maximum mean discrepancy between draws and exact draws. 0 is perfect; "
    "estimates may fall slightly below.",
)
_C2ST = MetricHelp(
    "classifier two-sample test",
    "How often a classifier tells draws from exact draws. 0.5 is perfect, 1 is worst.",
)
_RESIMULATION = MetricHelp(
    "re-simulation distance",
    "How far the forward process, run on posterior draws, lands from the observation. A "
    "collapsed posterior scores best, so read it together with the calibration.",
)
_SBC = MetricHelp(
    "smallest p-value of the ranks",
    "Probability that an exact posterior ranks its true values as unevenly. Small is bad.",
)
_R_SQUARED = MetricHelp(
    "recovery (R²)",
    "Agreement of posterior medians with true values. 1 is perfect; low, rightly, where the "
    "observation does not determine the parameter.",
)
_LOSS = MetricHelp(
    "negative log density",
    "Mean of \N{MINUS SIGN}log p(x | y) over held-out pairs, in nats. Lower is better.",
)

_BY_WORD = (
    ("calibration", _CALIBRATION),
    ("mmd", _MMD),
    ("c2st", _C2ST),
    ("resimulation", _RESIMULATION),
    ("re-simulation", _RESIMULATION),
    ("sbc", _SBC),
    ("r_squared", _R_SQUARED),
    ("nll", _LOSS),
    ("validation_loss", _LOSS),
)
_VARIANTS = ("mean", "median", "worst", "largest", "smallest")


def help_for(key: str, given: Mapping[str, MetricHelp]) -> MetricHelp:
    """The explanation given for `key`, else the usual one for its kind, else its bare name."""
    if key in given:
        found = given[key]
        return found if found.label else replace(found, label=key.replace("_", " "))
    kind, _, owner = key.partition("_of_")
    usual = next((usual for word, usual in _BY_WORD if word in kind.lower()), None)
    if usual is None:
        return MetricHelp(key.replace("_", " "))
    variants = [word for word in _VARIANTS if word in kind.lower() and word not in usual.label]
    label = ", ".join([usual.label, *variants[:1]]) + (f" of {owner}" if owner else "")
    return replace(usual, label=label)
