"""The list of files against the files themselves and the layout of their origin."""

import hashlib
import re
from collections import Counter

from retrodict.datasets import SBIBM_TASKS
from retrodict.datasets.registry import registry

SBIBM = (
    "https://raw.githubusercontent.com/sbi-benchmark/sbibm/f0bc44039e6b7e095c18d4e9e64819d75be76587"
)
RESULTS = (
    "https://raw.githubusercontent.com/sbi-benchmark/results/"
    "741183cdece7077453efbedac0fad7e74afa10e5"
)


def test_every_task_has_three_files_for_each_of_ten_observations():
    tasks = Counter(path.split("/")[1] for path in registry())
    assert tasks == {"published": 2, **dict.fromkeys(SBIBM_TASKS.values(), 30)}


def test_every_file_has_a_sum_and_an_address_of_its_own():
    files = list(registry().values())
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in files)
    assert len({file.address for file in files}) == len(files)


def test_addresses_are_those_of_the_origin():
    addresses = {
        "sbibm/slcp/num_observation_10/reference_posterior_samples.csv.bz2": f"{SBIBM}/sbibm/tasks/"
        "slcp/files/num_observation_10/reference_posterior_samples.csv.bz2",
        "sbibm/gaussian_linear/num_observation_2/true_parameters.csv": f"{SBIBM}/sbibm/tasks/"
        "gaussian_linear/files/num_observation_2/true_parameters.csv",
        "sbibm/published/main_paper.csv": f"{RESULTS}/benchmarking_sbi/results/main_paper.csv",
        "sbibm/published/gaussian_mixture_rerun.csv": f"{RESULTS}/gaussian_mixture_rerun/results/"
        "gaussian_mixture_rerun.csv",
    }
    assert {path: registry()[path].address for path in addresses} == addresses


def test_sums_are_those_of_the_files(reference_data):
    files = {
        file.relative_to(reference_data).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (reference_data / "sbibm").rglob("*")
        if file.is_file()
    }
    assert {path: file.sha256 for path, file in registry().items()} == files
