"""Which files there are: the SHA-256 of each, and where it comes from.

`sha256sums.txt` is in the format of `sha256sum`, with paths as below `RETRODICT_DATA`. A further
folder of data takes its lines there, and a line in `_ORIGINS`.
"""

import functools
import importlib.resources
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from retrodict.errors import ConfigurationError
from retrodict.tables.names import nearest

HOST = "https://raw.githubusercontent.com"
# Owner, repository and commit.
_SBIBM = "sbi-benchmark/sbibm/f0bc44039e6b7e095c18d4e9e64819d75be76587"
_RESULTS = "sbi-benchmark/results/741183cdece7077453efbedac0fad7e74afa10e5"
# Where the paths that match are at `HOST`.
_ORIGINS = (
    (r"sbibm/published/(main_paper\.csv)", rf"{_RESULTS}/benchmarking_sbi/results/\1"),
    (
        r"sbibm/published/(gaussian_mixture_rerun\.csv)",
        rf"{_RESULTS}/gaussian_mixture_rerun/results/\1",
    ),
    (r"sbibm/(\w+)/(num_observation_.+)", rf"{_SBIBM}/sbibm/tasks/\1/files/\2"),
)


@dataclass(frozen=True)
class RegisteredFile:
    """One file of reference data.

    Attributes:
        path: below `RETRODICT_DATA`, with "/" between its parts.
        sha256: of its bytes, hexadecimal.
        origin: owner, repository, commit and path there, of GitHub.
    """

    path: str
    sha256: str
    origin: str

    @property
    def address(self) -> str:
        """From where it can be fetched."""
        return f"{HOST}/{self.origin}"


@functools.cache
def registry() -> Mapping[str, RegisteredFile]:
    """Every file, by its path."""
    sums = importlib.resources.files("retrodict.datasets").joinpath("sha256sums.txt")
    pairs = (line.split() for line in sums.read_text(encoding="utf-8").splitlines())
    return MappingProxyType(
        {path: RegisteredFile(path, sha256, _origin(path)) for sha256, path in pairs}
    )


def registered(path: str) -> RegisteredFile:
    """The file of that path.

    Raises:
        ConfigurationError: there is none; the hint offers the nearest paths.
    """
    if path not in registry():
        near = nearest(path, registry())
        raise ConfigurationError(
            f"There is no reference file `{path}`.",
            f"Did you mean {near}?" if near else "Paths are like `sbibm/published/main_paper.csv`.",
        )
    return registry()[path]


def _origin(path: str) -> str:
    [origin] = [
        match.expand(place) for rule, place in _ORIGINS if (match := re.fullmatch(rule, path))
    ]
    return origin
