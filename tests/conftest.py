"""Two CPU devices, so that sharding is exercised; programs compiled once, and fast. Set before jax starts."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

os.environ["JAX_PLATFORMS"] = "cpu"
# compiling is most of what the tests take, and their programs are small: half of it is optimisation
os.environ["XLA_FLAGS"] = (
    f"--xla_backend_optimization_level=0 {os.environ.get('XLA_FLAGS', '')}"
    " --xla_force_host_platform_device_count=2".strip()
)

os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parent.parent / ".pytest_cache" / "jax")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

import jax
import pytest
from hypothesis import settings

settings.register_profile("invrl", deadline=None, derandomize=True, database=None)
settings.load_profile("invrl")


@pytest.fixture(autouse=True, scope="session")
def two_devices() -> None:
    assert jax.local_device_count() == 2, "the tests of sharding need two devices"


MUCH = 1 << 30
"""Bytes that a test process may hold between two files: compiled programs add up, to 5 GB in all."""


@pytest.fixture(autouse=True, scope="module")
def bounded_memory() -> Iterator[None]:
    yield
    resident = Path("/proc/self/statm")
    if not resident.exists() or int(resident.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") < MUCH:
        return
    jax.clear_caches()
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # else what is free stays with the process
        trim(0)


class Typed(NamedTuple):
    """What a command line left: its exit code and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def invrl(monkeypatch, capsys, tmp_path) -> Callable[..., Typed]:
    """Runs `invrl WORDS...` as typed, in an empty folder and a terminal of 80 columns."""
    from invrl.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: object) -> Typed:
        monkeypatch.setattr(sys, "argv", ["invrl", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return Typed(int(stop.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def strict_ranks() -> Iterator[None]:
    """Refuse silent broadcasting between ranks: where [N] meets [N], [1] or [K, N] is a mistake."""
    with jax.numpy_rank_promotion("raise"):
        yield
