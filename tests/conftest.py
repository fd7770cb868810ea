"""Two CPU devices, so that sharding is exercised, and programs compiled once; set before jax starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2".strip()
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


@pytest.fixture
def strict_ranks() -> Iterator[None]:
    """Refuse silent broadcasting between ranks: where [N] meets [N], [1] or [K, N] is a mistake."""
    with jax.numpy_rank_promotion("raise"):
        yield
