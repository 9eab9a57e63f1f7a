"""Which pictures a report has, and what each shows, in words for those who cannot see it."""

from typing import TYPE_CHECKING

import numpy as np

from retrodict import plots
from retrodict.diagnostics.misspecification import Misspecification
from retrodict.report.content import ReportContent
from retrodict.report.like_training import oddest_shown
from retrodict.report.numbers import significant
from retrodict.report.picture_tables import most_extreme
from retrodict.variables import Variable, names_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_SHOWN = 10
_RESIMULATED_DRAWS = 200


def figures_of(content: ReportContent) -> "dict[str, tuple[Figure, str]]":
    """The figures that the content allows, each with its alternative text, by their place."""
    figures: dict[str, tuple[Figure, str]] = {}
    if not content.history.empty:
        figures["training"] = plots.training_curve(content.history), _training_alt(content)
    if content.calibration is not None:
        figures["calibration"] = (
            plots.calibration_curve(content.calibration),
            "Share of true values inside the central posterior intervals against their "
            f"confidence, for {_listed(content.parameters)}. {content.calibration}",
        )
    if content.sbc is not None:
        figures["ranks"] = (
            plots.rank_histogram(content.sbc),
            "Histogram of the ranks of the true values among their posterior draws, for "
            f"{_listed(content.parameters)}. {content.sbc}",
        )
        figures["ecdf"] = (
            plots.ecdf_difference(content.sbc),
            "Distribution of the ranks minus the uniform distribution, with the band that "
            f"exact posteriors stay in, for {_listed(content.parameters)}.",
        )
    if content.z_scores is not None:
        figures["z-scores"] = (
            plots.z_score_contraction(content.z_scores),
            "Error of each posterior mean in posterior standard deviations against contraction, "
            f"for {_listed(content.parameters)}. {content.z_scores}",
        )
    if len(content.truth):
        pairs = content.draws, content.truth
        if content.tested_draws is not None and content.tested_x is not None:
            pairs = content.tested_draws, content.tested_x
        figures["recovery"] = (
            plots.recovery(*pairs, content.parameters),
            "Posterior median with 68 and 95 % intervals against the true value, for "
            f"{_listed(content.parameters)}."
            + ("" if content.recovery is None else f" {content.recovery}"),
        )
    if content.modes is not None:
        figures["modes"] = (
            plots.modes(content.modes),
            f"How many modes the posteriors have, and how heavy they are. {content.modes}",
        )
    if content.sensitivity is not None:
        figures["sensitivity"] = (
            plots.sensitivity(content.sensitivity),
            "Share of the variation of each posterior's mean and width that is due to each "
            f"observable. {content.sensitivity}",
        )
    for place, index in enumerate(content.shown[:MAX_SHOWN]):
        figures[f"posterior-{index}"] = _posterior(content, place, index)
        if content.shown_predictive:
            figures[f"predictive-{index}"] = _predictive(content, place, index)
    oddest = oddest_shown(content)
    if content.misspecification is not None and oddest is not None:
        figures["misspecification"] = _oddest(content.misspecification, oddest)
    if content.resimulated is not None:
        figures["resimulation"] = (
            plots.resimulation(
                content.resimulated[:, :_RESIMULATED_DRAWS], content.observations,
                content.observables,
            ),
            "Observations re-simulated from posterior draws against the observations, for "
            f"{_listed(content.observables)}."
            + ("" if content.resimulation_result is None else f" {content.resimulation_result}"),
        )  # fmt: skip
    return figures


def _posterior(content: ReportContent, place: int, index: int) -> "tuple[Figure, str]":
    draws, truth = content.draws[index], content.truth[index]
    exact = None if content.exact is None else content.exact[place]
    figure = plots.pairs(draws, content.parameters, truth=truth, reference=exact)
    inside = np.mean(
        (np.quantile(draws, 0.025, axis=0) <= truth) & (truth <= np.quantile(draws, 0.975, axis=0))
    )
    num_inside = round(float(inside) * len(content.parameters))
    compared = "" if exact is None else ", with draws from the exact posterior as outlines"
    return figure, (
        f"Marginal and pairwise posterior of {_listed(content.parameters)} for test observation "
        f"{index}{compared}. {num_inside} of {len(content.parameters)} true values lie inside "
        "their central 95 % interval."
    )


def _predictive(content: ReportContent, place: int, index: int) -> "tuple[Figure, str]":
    result = content.shown_predictive[place]
    statistic = most_extreme(result)
    return plots.predictive_check(result, statistic), (
        f"Histogram of {statistic} in {result.replicated.shape[1]} observations simulated from "
        f"posterior draws of test observation {index}, with its observed value as a line. {result}"
    )


def _oddest(result: Misspecification, index: int) -> "tuple[Figure, str]":
    alike = "unlike" if result.is_odd[index] else "like"
    return plots.misspecification(result, observation=index), (
        f"Observables of test observation {index}, the range of each in training, and what the "
        f"other observables suggest. It is {alike} training, p = "
        f"{significant(float(result.p_values[index]), 2)}. {result}"
    )


def _training_alt(content: ReportContent) -> str:
    validation = content.history["validation_loss"].to_numpy(dtype=float)
    if not np.isfinite(validation).any():
        return "Training loss per epoch; there is no finite validation loss."
    best = int(np.nanargmin(validation))
    epoch = content.history["epoch"].to_numpy()[best]
    return (
        f"Training and validation loss over {len(validation)} epochs. The validation loss is "
        f"lowest, {significant(validation[best], 4)}, at epoch {epoch}."
    )


def _listed(variables: tuple[Variable, ...]) -> str:
    names = names_of(variables)
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
