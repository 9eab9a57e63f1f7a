"""Which of the shown observations are unlike those of training, as tables."""

import numpy as np

from retrodict.report.content import ReportContent
from retrodict.report.numbers import aligned, significant
from retrodict.report.tables import Table

_MAX_OBSERVABLES = 40


def oddest_shown(content: ReportContent) -> int | None:
    """The shown observation of the smallest p-value, the first of equal ones, if there is one."""
    result = content.misspecification
    if result is None or not content.shown:
        return None
    return min(content.shown, key=lambda index: float(result.p_values[index]))


def shown_observations_table(content: ReportContent) -> Table | None:
    """p-value of each shown observation, and what is odd about it in words."""
    result = content.misspecification
    if result is None or not content.shown:
        return None
    rows = tuple(
        (
            f"observation {index}",
            significant(float(result.p_values[index]), 2),
            "unlike training" if result.is_odd[index] else "like training",
            result.reasons(index).replace("`", "").replace(" +- ", " ± ") or "–",
        )
        for index in content.shown
    )
    return Table(
        "Observations shown above, compared with those of training",
        ("observation", "p-value", "finding", "what is odd"),
        rows,
        num_text_columns=4,
    )


def oddest_table(content: ReportContent) -> Table | None:
    """The numbers of the picture: what was observed, expected, and usual in training."""
    result, index = content.misspecification, oddest_shown(content)
    if result is None or index is None:
        return None
    order = np.arange(len(result.names))
    if len(order) > _MAX_OBSERVABLES:
        order = np.sort(np.argsort(-np.abs(result.z_scores[index]))[:_MAX_OBSERVABLES])
    rows = []
    for j in order:
        low, middle, high = result.typical[:, j]
        sd = float(result.expected_sds[index, j])
        values = (result.observed[index, j], result.expected[index, j], sd)
        rows.append(
            (
                content.observables[j].label,
                *(aligned(float(value), sd) for value in values),
                significant(float(result.z_scores[index, j]), 2),
                *(aligned(float(value), float(high - low)) for value in (low, middle, high)),
            )
        )
    left_out = len(result.names) - len(order)
    more = f"; {left_out} observables that are less odd are left out" if left_out else ""
    return Table(
        f"Observation {index}, the expectation given its other observables, and training{more}",
        ("observable", "observed", "expected", "sd", "z-score", "2.5 % of training", "median",
         "97.5 %"),
        tuple(rows),
    )  # fmt: skip
