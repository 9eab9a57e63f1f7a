"""Every concrete bijection under a name: the cases of all modules `cases_*.py` beside this one.

The name of one with a condition ends in `-conditional`: to know it, nothing has to be built.
"""

import importlib
from pathlib import Path

from bijection_case import Case

CONSTRUCTORS: dict[str, Case] = {}

for path in sorted(Path(__file__).parent.glob("cases_*.py")):
    cases = importlib.import_module(path.stem).CASES
    repeated = CONSTRUCTORS.keys() & cases.keys()
    if repeated:
        raise ValueError(f"{path.name} repeats the names {sorted(repeated)}")
    CONSTRUCTORS |= cases
