"""One flat public namespace: complete, lazy, and cheap to import."""

import ast
import importlib.metadata
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import retrodict
from retrodict import errors

# pandas, pyarrow and scipy.stats are not among them: scikit-learn's own base imports these.
HEAVY = {"matplotlib", "jinja2", "sklearn.neural_network", "typer"}


def modules_after(statement: str) -> set[str]:
    """Names of all modules that a fresh interpreter holds after `statement`."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(answer.stdout))


@pytest.mark.parametrize("name", retrodict.__all__)
def test_every_public_name_can_be_loaded(name):
    assert getattr(retrodict, name) is not None


def test_every_error_and_warning_is_public():
    tree = {name for name in dir(errors) if not name.startswith("_")}
    tree = {name for name in tree if inspect.isclass(getattr(errors, name))}
    assert tree <= set(retrodict.__all__)


def test_every_layer_is_public():
    package = Path(retrodict.__file__).parent
    layers = {path.stem for path in package.iterdir() if not path.name.startswith((".", "_"))}
    assert layers - {"py"} <= set(retrodict.__all__)


def test_type_checkers_see_the_same_names():
    source = ast.parse(Path(retrodict.__file__).read_text())
    [block] = [node for node in source.body if isinstance(node, ast.If)]
    seen = {alias.asname for node in block.body for alias in node.names}
    assert seen == set(retrodict.__all__) - {"__version__"}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="retrodikt"):
        retrodict.retrodikt  # noqa: B018 (the access is what is tested)


def test_names_are_listed():
    assert set(dir(retrodict)) == set(retrodict.__all__)


def test_import_loads_nothing_else():
    ours = {name for name in modules_after("import retrodict") if name.startswith("retrodict")}
    assert ours == {"retrodict", "retrodict._cores"}


def test_the_error_tree_loads_nothing_heavy():
    loaded = modules_after("from retrodict import RetrodictError")
    assert not loaded.intersection(HEAVY | {"jax", "sklearn", "scipy", "pandas"})


def test_the_error_of_scikit_learn_is_made_once_and_is_an_ordinary_class():
    """It is made at its first use, so that the tree loads without scikit-learn."""
    program = """
import pickle, sys
from retrodict import errors
assert "NotFittedError" in dir(errors) and "sklearn" not in sys.modules
first = errors.NotFittedError
from retrodict.errors import NotFittedError
from retrodict import NotFittedError as public
import sklearn.exceptions
assert first is NotFittedError is public is errors.NotFittedError
assert issubclass(first, errors.RetrodictError)
assert issubclass(first, sklearn.exceptions.NotFittedError)
assert repr(first) == "<class 'retrodict.errors.NotFittedError'>" and first.__doc__
again = pickle.loads(pickle.dumps(first("said", "help")))
assert type(again) is first and (again.message, again.hint) == ("said", "help")
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_error_is_an_attribute_error():
    with pytest.raises(AttributeError, match="NotFitted'"):
        errors.NotFitted  # noqa: B018 (the access is what is tested)


def test_the_estimator_loads_nothing_that_it_may_not_need():
    loaded = modules_after("from retrodict import ConditionalFlow, SimulatorProblem, load, save")
    assert not loaded.intersection(HEAVY | {"retrodict.report", "retrodict.cli"})


def test_the_version_is_the_installed_one():
    assert importlib.metadata.version("retrodict") == retrodict.__version__
