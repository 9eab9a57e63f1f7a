"""Reference data of the field: found in `RETRODICT_DATA`, or fetched from their origin."""

from retrodict.datasets.find import find_file as find_file
from retrodict.datasets.published import sbibm_published as sbibm_published
from retrodict.datasets.sbibm import (
    SBIBM_TASKS as SBIBM_TASKS,
    SbibmReference as SbibmReference,
    sbibm_reference as sbibm_reference,
)
