"""Draws beside reference draws: several observations at a time, in processes of their own."""

import multiprocessing
import signal
import time
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retrodict.bench.row import Judgement
from retrodict.diagnostics import c2st, fast_c2st, mmd
from retrodict.errors import ConfigurationError, RetrodictError
from retrodict.objectives.kernels import Gaussian

_MEDIAN_DRAWS = 4000


@dataclass(frozen=True)
class Failure:
    """Why there is no judgement.

    Attributes:
        error: in words.
        traceback: of an error that nobody raised on purpose.
    """

    error: str
    traceback: str = ""

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """The failure that an error is."""
        if isinstance(error, RetrodictError):
            return cls(f"{error.message} {error.hint}".strip())
        return cls(f"{type(error).__name__}: {error}", traceback.format_exc())


Pair = tuple[Float[np.ndarray, "draws dim"], Float[np.ndarray, "draws dim"]]


class Judges:
    """Judges pairs of reference draws and draws; made by `judges`."""

    def __init__(self, pool: ProcessPoolExecutor | None, *, fast: bool) -> None:
        self._pool = pool
        self._fast = fast

    def __call__(self, pairs: Mapping[int, Pair]) -> Iterator[tuple[int, Judgement | Failure]]:
        """The judgement of each pair, by its key, as soon as there is one.

        Args:
            pairs: reference draws, and as many to judge.

        Raises:
            ConfigurationError: a process died.
        """
        if self._pool is None or len(pairs) == 1:
            for key, (reference, draws) in pairs.items():
                yield key, judge(reference, draws, fast=self._fast)
            return
        running: dict[Future[Judgement | Failure], int] = {}
        try:
            for key, (reference, draws) in pairs.items():
                running[self._pool.submit(_judge_alone, reference, draws, self._fast)] = key
            for future in as_completed(running):
                yield running[future], future.result()
        except BrokenProcessPool as error:
            raise ConfigurationError(
                "A process that compares draws has died, perhaps for want of memory.",
                "What was finished is kept: go on with `--resume` and fewer `--processes`.",
            ) from error


@contextmanager
def judges(num_processes: int, *, fast: bool) -> Iterator[Judges]:
    """Judges in so many processes, which end with the block.

    Args:
        num_processes: at a time; one is this process.
        fast: `fast_c2st` instead of the classifier of the published numbers.
    """
    if num_processes == 1:
        yield Judges(None, fast=fast)
        return
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(
        num_processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_leave_ctrl_c_to_the_first_process,
    )
    try:
        yield Judges(pool, fast=fast)
    except BaseException:
        # A classifier may take minutes, and nobody waits for it any more.
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        raise
    else:
        pool.shutdown()


def judge(
    reference: Float[np.ndarray, "draws dim"],
    draws: Float[np.ndarray, "draws dim"],
    *,
    fast: bool,
) -> Judgement | Failure:
    """C2ST and MMD^2 as sbibm defines them (Lueckmann et al. 2021, arXiv:2101.04653).

    MMD^2 is the unbiased estimate with a Gaussian kernel on unscaled draws, whose bandwidth is
    the median distance between reference draws; here, between 4,000 of them.

    Args:
        reference: from the posterior.
        draws: to judge, as many.
        fast: `fast_c2st` instead of `c2st`.
    """
    start = time.perf_counter()
    try:
        accuracy = (fast_c2st if fast else c2st)(reference, draws).accuracy
        squared = mmd(reference, draws, kernel=Gaussian(_median_distance(reference))).squared
    except Exception as error:
        # Any failure is one observation's; the others are judged.
        return Failure.of(error)
    return Judgement(accuracy, squared, time.perf_counter() - start)


def _median_distance(draws: Float[np.ndarray, "draws dim"]) -> float:
    from scipy.spatial.distance import pdist

    return float(np.median(pdist(draws[:_MEDIAN_DRAWS])))


def _judge_alone(reference: np.ndarray, draws: np.ndarray, fast: bool) -> Judgement | Failure:
    """On one core, because other processes have the others."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):
        return judge(reference, draws, fast=fast)


def _leave_ctrl_c_to_the_first_process() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
