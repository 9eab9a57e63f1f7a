"""Compiled programs are kept on disk, so that the second run does not wait for them."""

import hashlib
import os
import platform
from pathlib import Path

SWITCH = "RETRODICT_CACHE"


def turn_on() -> None:
    """Tell JAX, before it is imported, where to keep compiled programs.

    The folder is `$RETRODICT_CACHE`, else `$XDG_CACHE_HOME/retrodict`, else
    `~/.cache/retrodict`; `RETRODICT_CACHE=off` switches it off. JAX's own variable wins where
    it is set.
    """
    chosen = os.environ.get(SWITCH, "")
    if chosen.lower() in {"off", "0", "no", "false"}:
        os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
        return
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = (Path(chosen) if chosen else home / "retrodict") / "jax" / _machine()
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")


def _machine() -> str:
    """Names this processor: a home folder may be shared by machines that differ."""
    facts = platform.machine() + platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(errors="replace").splitlines()
        facts += "".join(sorted({line for line in lines if line.startswith(("flags", "model"))}))
    return hashlib.sha256(facts.encode()).hexdigest()[:12]
