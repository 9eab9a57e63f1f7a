"""What the documentation says of sequential inference is what was measured."""

import json
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Published C2ST of SNPE with 10,000 simulations, mean over the same observations.
SNPE = {
    "two-moons": 0.554,
    "gaussian-mixture": 0.551,
    "linear-gaussian": 0.544,
    "slcp": 0.845,
    "sir": 0.561,
    "lotka-volterra": 0.953,
}


@pytest.fixture(scope="module")
def lines():
    file = ROOT / "benchmarks" / "results" / "sequential.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("task", SNPE)
def test_the_table_of_the_documentation_is_that_of_the_committed_results(lines, task):
    found = [line for line in lines if line["task"] == task and line["budget"] == 10_000]
    assert sorted(line["observation"] for line in found) == list(range(1, 11))
    assert not any(line["fast"] or line["held_out"] for line in found)
    mean = statistics.mean(line["c2st"] for line in found)
    assert mean < SNPE[task]
    text = (ROOT / "docs" / "sequential.md").read_text(encoding="utf-8")
    [row] = [row for row in text.splitlines() if row.startswith(f"| {task} ")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:5] == ["10,000", "5", "10", f"{mean:.3f}"]
    assert float(cells[7]) == SNPE[task]
