"""From content to one HTML page, and from there to a file."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from retrodict.report.answer import answer_of
from retrodict.report.content import ReportContent
from retrodict.report.figures import MAX_SHOWN, figures_of
from retrodict.report.like_training import oddest_shown, shown_observations_table
from retrodict.report.picture_tables import most_extreme, picture_tables
from retrodict.report.pictures import embed
from retrodict.report.tables import (
    numbers_of,
    observables_table,
    parameters_table,
    per_parameter,
    shown_observation,
    tiles_of,
)
from retrodict.tables.atomic import atomic_file, refuse_existing

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render(content: ReportContent) -> str:
    """The report as one HTML document that needs nothing else: no script, no network.

    Args:
        content: what to tell.

    Returns:
        HTML, below 5 MB for up to ten shown observations; further ones are only counted.
    """
    figures = figures_of(content)
    pictures = dict(zip(figures, embed(list(figures.values())), strict=True))
    return (
        environment()
        .get_template("report.html")
        .render(
            content=content,
            answer=answer_of(content),
            tiles=tiles_of(content),
            numbers=numbers_of(content),
            per_parameter=per_parameter(content),
            parameters=parameters_table(content),
            observables=observables_table(content),
            shown=[shown_observation(content, i) for i in range(len(content.shown[:MAX_SHOWN]))],
            num_left_out=max(0, len(content.shown) - MAX_SHOWN),
            predictive=dict(zip(content.shown, content.shown_predictive, strict=False)),
            most_extreme=most_extreme,
            like_training=shown_observations_table(content),
            oddest=oddest_shown(content),
            tables=picture_tables(content),
            pictures=pictures,
        )
    )


def prose(sentence: object) -> "Markup":
    """A result's sentence, escaped, with `names` set as code and R^2 as it is printed."""
    from markupsafe import Markup, escape

    escaped = str(escape(str(sentence))).replace("R^2", "R²")
    # Escaped above: the only markup in it is what is put in here.
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped))  # noqa: S704


def write(content: ReportContent, path: str | Path, force: bool = False) -> Path:
    """Render the report and write it, whole or not at all.

    Args:
        content: what to tell.
        path: of the file, in a folder that exists.
        force: replace a file that is there already.

    Returns:
        The path.

    Raises:
        OutputExistsError: there is such a file and `force` is not set.
        OutputNotWritableError: a missing folder, missing rights, a full disk.
    """
    target = Path(path)
    # Asked before rendering too, which takes seconds.
    refuse_existing(target, force)
    with atomic_file(target, force=force) as file:
        file.write(render(content).encode("utf-8"))
    return target


def environment(package: str = "retrodict.report") -> "Environment":
    """Where pages come from: the templates of `package`, and those of the report.

    Args:
        package: whose folder `templates` is searched first.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    own = [] if package == "retrodict.report" else [PackageLoader(package, "templates")]
    pages = Environment(
        loader=ChoiceLoader([*own, PackageLoader("retrodict.report", "templates")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["prose"] = prose
    return pages
