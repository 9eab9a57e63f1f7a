"""The tables of a report: rows of text, ready for the page."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retrodict.report.content import ReportContent
from retrodict.report.metric_help import help_for
from retrodict.report.numbers import aligned, bounds, percent, significant
from retrodict.variables import Variable

_MAX_TILES = 6


@dataclass(frozen=True)
class Table:
    """A table of text; the first column names the row."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_text_columns: int = 1


@dataclass(frozen=True)
class Number:
    """One metric as shown."""

    label: str
    value: str
    meaning: str = ""
    target: str = ""
    is_good: bool | None = None


@dataclass(frozen=True)
class ShownObservation:
    """One test observation whose posterior is shown in full."""

    index: int
    values: str
    table: Table


def parameters_table(content: ReportContent) -> Table:
    """The causes: names, units, bounds, priors, and the range of the true values."""
    values = content.truth if content.tested_x is None else content.tested_x
    caption = "Hidden causes x (parameters)"
    return _variables_table(caption, content.parameters, content.priors, values)


def observables_table(content: ReportContent) -> Table:
    """The effects: names, units, bounds, and the range of the observed values."""
    values = content.observations if content.tested_y is None else content.tested_y
    return _variables_table("Observed effects y (observables)", content.observables, (), values)


def _variables_table(
    caption: str,
    variables: tuple[Variable, ...],
    priors: tuple[str, ...],
    values: Float[np.ndarray, "observations columns"],
) -> Table:
    quantiles = None
    if len(values):
        caption = f"{caption}; smallest, median and largest of {len(values)} test values"
        quantiles = np.quantile(values, [0, 0.5, 1], axis=0)
    rows = []
    described = any(variable.description for variable in variables)
    for j, variable in enumerate(variables):
        cells = [variable.name, variable.unit or "–"]
        cells += [variable.description or "–"] if described else []
        cells += [bounds(variable.lower, variable.upper), *([priors[j]] if priors else [])]
        if quantiles is not None:
            sd = float(values[:, j].std())
            cells += [aligned(float(value), sd) for value in quantiles[:, j]]
        rows.append(tuple(cells))
    heads = ["name", "unit", *(["meaning"] if described else []), "possible"]
    heads += ["prior"] if priors else []
    measured = () if quantiles is None else ("smallest", "median", "largest")
    return Table(caption, (*heads, *measured), tuple(rows), num_text_columns=len(heads))


def numbers_of(content: ReportContent) -> list[Number]:
    """Every metric with its meaning and, where one was set, whether its target is met."""
    return [_number(key, value, content) for key, value in content.metrics.items()]


def tiles_of(content: ReportContent) -> list[Number]:
    """The numbers that open the page: the first metrics, or those the results bring."""
    if content.metrics:
        return numbers_of(content)[:_MAX_TILES]
    found: dict[str, float] = {}
    if content.calibration is not None:
        found["calibration_error"] = content.calibration.error
    if content.sbc is not None:
        found["sbc_p_value"] = float(content.sbc.p_values.min())
    if content.resimulation_result is not None:
        found["resimulation_median"] = content.resimulation_result.median
    return [_number(key, value, content) for key, value in found.items()]


def _number(key: str, value: float | str, content: ReportContent) -> Number:
    explained = help_for(key, content.metric_help)
    if isinstance(value, str):
        return Number(explained.label, value, explained.meaning, explained.target, None)
    show = percent if explained.percent else significant
    target, is_good = explained.target, None
    if explained.at_most is not None:
        target = target or f"at most {_limit(explained.at_most, explained.percent)}"
        is_good = bool(value <= explained.at_most)
    return Number(explained.label, show(float(value)), explained.meaning, target, is_good)


def _limit(value: float, is_share: bool) -> str:
    """A round number somebody chose, without the zeros of a measured one."""
    return f"{100 * value:g}\N{NO-BREAK SPACE}%" if is_share else f"{value:g}"


def per_parameter(content: ReportContent) -> Table | None:
    """The diagnostics' numbers for each parameter, or None where there are none."""
    names = [variable.label for variable in content.parameters]
    columns: list[tuple[str, list[str]]] = []
    calibration, sbc, recovery = content.calibration, content.sbc, content.recovery
    if calibration is not None:
        columns.append(("calibration error", [percent(e) for e in calibration.errors]))
        columns.append(("width of 68 % interval", [significant(w) for w in calibration.width_68]))
    if sbc is not None:
        columns.append(("p-value of ranks", [significant(p, 2) for p in sbc.p_values]))
    if recovery is not None:
        columns.append(("R²", [significant(r) for r in recovery.r_squared]))
        columns.append(("RMSE of median", [significant(r) for r in recovery.rmse]))
        columns.append(("contraction", [significant(c, 2) for c in recovery.contractions]))
    if not columns:
        return None
    rows = tuple(zip(names, *(values for _, values in columns), strict=True))
    heads = ("parameter", *(head for head, _ in columns))
    return Table("Each parameter, over all test observations", heads, rows)


def shown_observation(content: ReportContent, place: int) -> ShownObservation:
    """The observation and the marginal table of the `place`-th shown posterior."""
    index = content.shown[place]
    listed = [
        f"{variable.name} = {significant(float(value), 4)}"
        + (f" {variable.unit}" if variable.unit else "")
        for variable, value in zip(content.observables, content.observations[index], strict=True)
    ]
    more = f" and {len(listed) - 6} more" if len(listed) > 6 else ""
    draws = content.draws[index]
    sd = draws.std(axis=0, ddof=1) if len(draws) > 1 else np.zeros(draws.shape[1])
    quantiles = np.quantile(draws, [0.025, 0.16, 0.5, 0.84, 0.975], axis=0)
    numbers = [content.truth[index], draws.mean(axis=0), sd, *quantiles]
    heads = ["parameter", "truth", "mean", "sd", "2.5 %", "16 %", "median", "84 %", "97.5 %"]
    if content.exact is not None:
        exact = content.exact[place]
        exact_sd = exact.std(axis=0, ddof=1) if len(exact) > 1 else np.zeros(exact.shape[1])
        numbers += [exact.mean(axis=0), exact_sd]
        heads += ["exact mean", "exact sd"]
    rows = tuple(
        (variable.label, *(aligned(float(column[j]), float(sd[j])) for column in numbers))
        for j, variable in enumerate(content.parameters)
    )
    caption = f"Posterior of observation {index} from {len(draws)} draws"
    return ShownObservation(
        index, ", ".join(listed[:6]) + more, Table(caption, tuple(heads), rows)
    )  # fmt: skip
