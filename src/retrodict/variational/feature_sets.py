"""Which columns each latent number may reach, by their names."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool

from retrodict.errors import ColumnNotFoundError, ConfigurationError
from retrodict.tables.names import listed, nearest


def membership(
    feature_sets: Mapping[str, Sequence[str]], names: Sequence[str]
) -> Bool[np.ndarray, "columns sets"]:
    """Whether a column belongs to a set.

    Args:
        feature_sets: names of columns by the name of their set.
        names: of all columns.

    Raises:
        ConfigurationError: no sets, an empty one, or a text in place of a list of names.
        ColumnNotFoundError: names that no column has.
    """
    if not feature_sets:
        raise ConfigurationError(
            "`feature_sets` holds no sets.", "Leave it out, or name at least one set."
        )
    positions = {name: i for i, name in enumerate(names)}
    is_member = np.zeros((len(names), len(feature_sets)), bool)
    for k, (title, members) in enumerate(feature_sets.items()):
        if isinstance(members, str) or len(members) == 0:
            raise ConfigurationError(
                f"The feature set `{title}` is a list of names of columns, at least one; got "
                f"{members!r}.",
                "Drop empty sets: their latent numbers would reach nothing.",
            )
        missing = [member for member in members if member not in positions]
        if missing:
            near = nearest(str(missing[0]), names)
            raise ColumnNotFoundError(
                f"The feature set `{title}` names {len(missing)} of {len(members)} columns that "
                f"X does not have: {listed(missing, limit=5)}.",
                (f"For `{missing[0]}`, did you mean {near}? " if near else "")
                + "Keep those that are there: `[name for name in names if name in X.columns]`.",
            )
        is_member[[positions[member] for member in members], k] = True
    return is_member
