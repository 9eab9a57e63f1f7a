"""JSON that any reader takes, aligned text, errors without colour codes."""

import json
import math

import jax.numpy as jnp
import numpy as np

from retrodict.cli import console


def test_json_has_no_nan_and_no_arrays():
    value = {
        "nan": math.nan,
        "infinite": -math.inf,
        "numpy": np.float32(0.5),
        "array": np.array([[1.0, math.nan]]),
        "jax": jnp.arange(2),
        "nested": [(1, None), {"a": True}],
        3: "key",
    }
    assert json.loads(console.to_json(value)) == {
        "nan": None,
        "infinite": None,
        "numpy": 0.5,
        "array": [[1.0, None]],
        "jax": [0, 1],
        "nested": [[1, None], {"a": True}],
        "3": "key",
    }


def test_columns_are_aligned():
    text = console.aligned(("name", "n"), [("a", "10"), ("long one", "1")])
    assert text == "name      n\na         10\nlong one  1"


def test_an_error_is_one_line_and_its_hint_another(capsys):
    console.show_error("It is\nbroken.", "Mend [it].")
    assert capsys.readouterr().err == "error: It is broken.\n\nhint: Mend [it].\n"


def test_no_colour_in_a_pipe_and_none_where_it_is_not_wanted(capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    console.show_error("It is broken.")
    assert "\x1b[3" not in capsys.readouterr().err
