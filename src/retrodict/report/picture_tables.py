"""The numbers of each picture as tables, for those who cannot see it or want to copy them."""

from collections.abc import Sequence

import numpy as np

from retrodict.diagnostics.modes import PosteriorModes
from retrodict.diagnostics.predictive_check import PosteriorPredictiveCheck
from retrodict.diagnostics.sensitivity import Sensitivity
from retrodict.report.content import ReportContent
from retrodict.report.like_training import oddest_table
from retrodict.report.numbers import aligned, percent, significant
from retrodict.report.tables import Table
from retrodict.variables import Variable

_MOST_EPOCHS = 12
_MOST_OBSERVABLES = 12
_CONFIDENCES = (0.1, 0.3, 0.5, 0.68, 0.8, 0.9, 0.95)
_FIFTHS = ("lowest fifth", "second", "third", "fourth", "highest fifth")


def picture_tables(content: ReportContent) -> dict[str, Table]:
    """A table for each picture that has one, by the picture's place."""
    tables: dict[str, Table | None] = {
        "training": _training(content),
        "calibration": _coverage(content),
        "ranks": _ranks(content),
        "ecdf": _uniformity(content),
        "z-scores": _z_scores(content),
        "recovery": _recovery(content),
        "modes": None if content.modes is None else _modes(content.modes),
        "sensitivity": None if content.sensitivity is None else _sensitivity(content.sensitivity),
        "resimulation": _resimulation(content),
        "misspecification": oddest_table(content),
    }
    for index, result in zip(content.shown, content.shown_predictive, strict=False):
        tables[f"predictive-{index}"] = _predictive(content.observables, index, result)
    return {place: table for place, table in tables.items() if table is not None}


def most_extreme(result: PosteriorPredictiveCheck) -> str:
    """The statistic of the smallest p-value of a single observation."""
    return result.names[int(result.two_sided[0].argmin())]


def _training(content: ReportContent) -> Table | None:
    history = content.history
    if history.empty:
        return None
    validation = history["validation_loss"].to_numpy(dtype=float)
    chosen = np.linspace(0, len(history) - 1, min(len(history), _MOST_EPOCHS)).astype(int)
    if np.isfinite(validation).any():
        chosen = np.append(chosen, np.nanargmin(validation))
    heads = [c for c in ("training_loss", "validation_loss", "learning_rate") if c in history]
    shown = history.iloc[np.unique(chosen)]
    losses = shown[heads].to_numpy(dtype=float)
    rows = tuple(
        (str(epoch), *("–" if np.isnan(value) else significant(value, 4) for value in row))
        for epoch, row in zip(shown["epoch"].astype(int), losses.tolist(), strict=True)
    )
    kept = "Some epochs" if len(rows) < len(history) else "Each epoch"
    columns = ("epoch", *(head.replace("_", " ") for head in heads))
    return Table(f"{kept}, the best among them", columns, rows)


def _coverage(content: ReportContent) -> Table | None:
    if content.calibration is None:
        return None
    confidences, shares = content.calibration.curve
    rows = [
        [percent(float(np.interp(q, confidences, column))) for q in _CONFIDENCES]
        for column in shares.T
    ]
    return _by_parameter(
        content,
        "Share of true values inside the central interval of each confidence",
        [f"{q:.0%}".replace("%", " %") for q in _CONFIDENCES],
        rows,
    )


def _ranks(content: ReportContent) -> Table | None:
    if content.sbc is None:
        return None
    fractions = (content.sbc.ranks + 0.5) / (content.sbc.num_draws + 1)
    rows = [
        [percent(share) for share in np.histogram(column, np.linspace(0, 1, 6))[0] / len(column)]
        for column in fractions.T
    ]
    caption = "Share of true values that rank in each fifth of their draws; 20 % is uniform"
    return _by_parameter(content, caption, _FIFTHS, rows)


def _uniformity(content: ReportContent) -> Table | None:
    sbc = content.sbc
    if sbc is None:
        return None
    rows = []
    for j, column in enumerate(sbc.ecdf_difference.T):
        at = int(np.abs(column).argmax())
        numbers = (sbc.p_values[j], column[at], sbc.points[at], sbc.band_upper[at])
        rows.append([significant(float(number), 2) for number in numbers])
    heads = ("p-value", "largest difference", "at the rank", "end of the band there")
    return _by_parameter(content, "Ranks against the uniform distribution", heads, rows)


def _z_scores(content: ReportContent) -> Table | None:
    result = content.z_scores
    if result is None:
        return None
    columns = (result.mean_z, result.rms_z, result.median_contractions)
    rows = [
        [*(significant(float(column[j]), 2) for column in columns), result.readings[name]]
        for j, name in enumerate(result.names)
    ]
    heads = ("mean z-score", "root mean square", "median contraction", "reading")
    caption = "Posterior z-scores; an exact posterior has mean 0 and mean square 1"
    return _by_parameter(content, caption, heads, rows)


def _recovery(content: ReportContent) -> Table | None:
    result = content.recovery
    if result is None:
        return None
    columns = (result.r_squared, result.correlations, result.rmse, result.contractions)
    rows = [[significant(float(column[j])) for column in columns] for j in range(len(result.names))]
    heads = ("R²", "correlation", "RMSE of median", "contraction")
    return _by_parameter(content, "Posterior median against truth", heads, rows)


def _modes(result: PosteriorModes) -> Table:
    rows = []
    for num in range(1, int(result.num_modes.max()) + 1):
        these = result.num_modes == num
        heaviest = float(np.median(result.weights[these, 0])) if these.any() else np.nan
        rows.append(
            (
                str(num),
                str(int(these.sum())),
                percent(float(these.mean())),
                percent(heaviest) if these.any() else "–",
            )
        )
    heads = ("modes", "observations", "share", "draws in the heaviest mode, median")
    return Table("Number of modes of each posterior", heads, tuple(rows))


def _sensitivity(result: Sensitivity) -> Table:
    largest = np.maximum(result.mean_shares, result.width_shares).max(axis=0)
    chosen = np.sort(np.argsort(-largest, kind="stable")[:_MOST_OBSERVABLES])
    left_out = len(largest) - len(chosen)
    rows = []
    for i, name in enumerate(result.names):
        for what, shares, explained in (
            ("mean", result.mean_shares, result.mean_explained),
            ("width", result.width_shares, result.width_explained),
        ):
            cells = [percent(float(shares[i, j])) for j in chosen]
            rows.append((f"{what} of {name}", *cells, significant(max(float(explained[i]), 0), 2)))
    more = f"; {left_out} that matter less are left out" if left_out else ""
    return Table(
        f"Share of variance due to each observable{more}",
        ("posterior", *(result.observable_names[j] for j in chosen), "R² of all"),
        tuple(rows),
    )


def _resimulation(content: ReportContent) -> Table | None:
    if content.resimulated is None:
        return None
    distance = np.abs(content.resimulated - content.observations[:, None])
    middle, high = np.quantile(distance, [0.5, 0.95], axis=(0, 1))
    spread = content.observations.std(axis=0)
    rows = tuple(
        (variable.label, *(significant(float(column[j])) for column in (middle, high, spread)))
        for j, variable in enumerate(content.observables)
    )
    heads = ("observable", "median distance", "95 % are below", "sd of the observations")
    return Table("Distance between re-simulations and their observation", heads, rows)


def _predictive(
    observables: Sequence[Variable], index: int, result: PosteriorPredictiveCheck
) -> Table:
    labels = {variable.name: variable.label for variable in observables}
    units = {variable.unit for variable in observables}
    unit = f" [{units.pop()}]" if len(units) == 1 and "" not in units else ""
    again = result.replicated[0]
    quantiles = np.quantile(again, [0.025, 0.5, 0.975], axis=0)
    sds = again.std(axis=0)
    rows = []
    for k, name in enumerate(result.names):
        values = (result.observed[0, k], *quantiles[:, k])
        rows.append(
            (
                labels.get(name, f"{name}{unit}"),
                *(aligned(float(value), float(sds[k])) for value in values),
                significant(float(result.two_sided[0, k]), 2),
            )
        )
    heads = ("statistic", "observed", "simulated: 2.5 %", "median", "97.5 %", "p-value")
    caption = f"Observation {index} and {len(again)} simulations from its posterior"
    return Table(caption, heads, tuple(rows))


def _by_parameter(
    content: ReportContent, caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> Table:
    named = tuple(
        (variable.label, *row) for variable, row in zip(content.parameters, rows, strict=True)
    )
    return Table(caption, ("parameter", *heads), named)
