"""A fitted calibration as plain arrays, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from retrodict.diagnostics.arguments import parameter_names
from retrodict.errors import ConfigurationError
from retrodict.repair.groups import Groups
from retrodict.repair.point_masses import PointMasses
from retrodict.repair.recalibration import TAILS
from retrodict.repair.summary import CoverageRepair

if TYPE_CHECKING:
    from retrodict.repair.conformal import ConformalCalibration

_OF_MASSES = tuple(field.name for field in fields(PointMasses))
_OF_SUMMARY = ("levels", "before", "after", "p_values", "needed", "too_few")
_OF_SCORES = ("scores", "scores_beside")
_OF_SETTINGS = ("num_tails", "significance", "random_state", "num_draws")


def to_arrays(calibration: "ConformalCalibration") -> dict[str, np.ndarray]:
    """Everything that a fitted calibration has learned and was set to."""
    summary = calibration.summary_
    settings = {
        "num_tails": calibration._num_tails,
        "significance": float(calibration.significance),
        "random_state": calibration.random_state,
        "num_draws": summary.num_draws,
    }
    arrays = {
        **{name: np.array([value]) for name, value in settings.items()},
        **{name: getattr(summary, name) for name in _OF_SUMMARY},
        **{name: getattr(calibration._masses, name) for name in _OF_MASSES},
        "group_sizes": calibration._groups.sizes,
        "scores": np.concatenate(calibration._ascending_scores),
        "scores_beside": np.concatenate(calibration._scores_beside),
    }
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def from_arrays(
    kind: "type[ConformalCalibration]",
    arrays: Mapping[str, np.ndarray],
    names: Sequence[str] | None,
    groups: Sequence[Any] | None,
) -> "ConformalCalibration":
    """The fitted calibration that `to_arrays` described."""
    needed = {*_OF_SETTINGS, *_OF_SUMMARY, *_OF_MASSES, "group_sizes", *_OF_SCORES}
    missing = sorted(needed - arrays.keys())
    if missing:
        raise ConfigurationError(
            f"The arrays {', '.join(missing)} are missing.", "Keep all of `to_arrays()`."
        )
    sizes = arrays["group_sizes"]
    if len(sizes) != (1 if groups is None else len(groups)):
        raise ConfigurationError(
            f"The arrays are of {len(sizes)} groups; got "
            f"{'no labels' if groups is None else f'{len(groups)} labels'}.",
            "Keep `groups_` too, and give it here.",
        )
    masses = PointMasses(**{name: arrays[name] for name in _OF_MASSES})
    num_draws = int(arrays["num_draws"][0])
    calibration = kind(
        levels=tuple(arrays["levels"].tolist()),
        tails=TAILS[2 - int(arrays["num_tails"][0])],
        lower=masses.lower,
        upper=masses.upper,
        significance=float(arrays["significance"][0]),
        names=names,
        random_state=int(arrays["random_state"][0]),
    )
    found = Groups(
        None if groups is None else tuple(groups), np.repeat(np.arange(len(sizes)), sizes)
    )
    all_names = parameter_names(names, len(masses.lower))
    calibration._begin(found, masses, all_names, num_draws)
    ends = np.cumsum(sizes)[:-1]
    scores, beside = (np.split(arrays[name], ends) for name in _OF_SCORES)
    calibration._learn(scores, beside, num_draws)
    calibration.needed_ = arrays["needed"]
    calibration.summary_ = CoverageRepair(
        **{name: arrays[name] for name in _OF_SUMMARY},
        names=all_names,
        groups=found.names,
        num_observations=int(sizes.sum()),
        num_draws=num_draws,
        at_bound=masses.present,
    )
    return calibration
