"""What every test shares: checked shapes, strict promotion, compiled programs kept on disk."""

import functools
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

# Set before JAX is imported, and in the environment so that subprocesses share the cache.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
# All programs: reading even a small one takes less than half of compiling it, and many are compiled
# again, by the other worker, by a subprocess, or after `_release_compiled_programs`.
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("MPLBACKEND", "agg")
# Most programs of a test run once, on few numbers: optimising them takes longer than they do, and
# the newer emitters of kernels, with a compiler of their own, take half as long again as the older,
# and programs cut into parts for several threads an eighth.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1",
)
# A shell that starts a job in the background has it ignore Ctrl-C, which tests are about.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import jax
import jaxtyping
import numpy as np
import pytest
from jax._src.interpreters import mlir

jax.config.update("jax_numpy_dtype_promotion", "strict")

# Every program is written down in a context of its own, and filling one takes a fifth of compiling
# a small program: those of a file share one, except where one is lowered within another. This is
# inside JAX: without it, tests are only slower.
make_context = getattr(mlir, "make_ir_context", lambda: None)
shared_context = functools.cache(make_context)


def ir_context() -> Any:
    """The context of this file, or a fresh one where that is in use."""
    return shared_context() if mlir.ir.Context.current is None else make_context()


if hasattr(mlir, "make_ir_context"):
    mlir.make_ir_context = ir_context

# Annotated shapes and types are checked on every call made by a test. The hook rewrites
# modules while they are imported, so it has to stand before the first import of the package.
jaxtyping.install_import_hook("retrodict", "checked_types.checked")


# Their files share a finished run: one worker makes it for all of them.
FOLDERS_OF_ONE_WORKER = {"cli", "comparison"}


def pytest_configure(config: pytest.Config) -> None:
    """Workers share the cores: threads of their own would wait for each other, and busily so."""
    if config.getoption("numprocesses", None):
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(name, "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile` a worker gets whole files, and of some folders all files."""
    from xdist.scheduler import LoadFileScheduling

    class LoadFoldersAndFiles(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            folder = Path(file).parent.name
            return folder if folder in FOLDERS_OF_ONE_WORKER else file

    return LoadFoldersAndFiles(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """What was imported stays to the end: the garbage collector need not look through it again.

    Tracing makes many short-lived objects, among which cycles are rare: it looks less often too.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="module", autouse=True)
def _release_compiled_programs() -> Iterator[None]:
    """Linux lets a process map 65,530 pieces of memory; compiled programs use them up."""
    yield
    shared_context.cache_clear()  # a context keeps the constants of its programs
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 25_000:
        jax.clear_caches()


@pytest.fixture
def key() -> jax.Array:
    """A fixed key; split it for independent streams."""
    return jax.random.key(20)


@pytest.fixture
def rng() -> np.random.Generator:
    """A fixed NumPy generator."""
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Public data sets, from `RETRODICT_DATA` or beside the repository."""
    folder = Path(os.environ.get("RETRODICT_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data folder at {folder}; set RETRODICT_DATA to run this test")
    return folder
