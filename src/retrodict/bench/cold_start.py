"""Times that include compilation, as the first run on a machine has it."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax
from jax.experimental.compilation_cache import compilation_cache


@contextmanager
def cold_start() -> Iterator[None]:
    """Inside, every program is compiled, also one that this process or the disk knows already."""
    # JAX makes its settings attributes at run time, where no type checker sees them.
    was_on: bool = jax.config.jax_enable_compilation_cache  # type: ignore[attr-defined]
    jax.clear_caches()
    _keep_programs(False)
    try:
        yield
    finally:
        _keep_programs(was_on)


def _keep_programs(on: bool) -> None:
    jax.config.update("jax_enable_compilation_cache", on)
    # JAX asks this setting once, and again only after that.
    compilation_cache.reset_cache()
