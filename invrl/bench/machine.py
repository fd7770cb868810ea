"""The machine that figures come from: what it is, what it can do at most, what it remembers."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import invrl
from invrl.devices import placement
from invrl.devices.memory import host_memory

ENOUGH_SECONDS = 0.2
"""Short runs are repeated until they have taken this long together."""
MOST_REPEATS = 50


class Limits(NamedTuple):
    """What the machine itself can do, all devices busy."""

    copy: float  # bytes read and written per second
    matmul: float  # float32 operations per second


MATMUL_SIDES = {"cpu": (512, 1024, 2048)}
COPY_BYTES = {"cpu": (1 << 20, 1 << 25)}


def limits() -> Limits:
    """The best of a few shapes."""
    backend = jax.default_backend()
    copies = [_copy_rate(size) for size in COPY_BYTES.get(backend, (1 << 28, 1 << 30))]
    return Limits(max(copies), max(map(_matmul_rate, MATMUL_SIDES.get(backend, (4096, 8192)))))


def _copy_rate(size: int) -> float:
    devices = jax.local_device_count()
    blocks = max((1 << 27) // size, 1) * devices
    data = placement.put(np.ones((blocks, size // 4), np.float32), devices)
    copy = jax.jit(lambda x: placement.map_blocks(lambda _, block: -block, None, x, devices))
    _, seconds = clock(lambda: copy(data), 5)
    return 2.0 * blocks * size / statistics.median(seconds)


def _matmul_rate(side: int) -> float:
    devices = jax.local_device_count()
    blocks = 2 * devices
    data = placement.put(np.ones((blocks, side, side), np.float32), devices)
    product = jax.jit(lambda x: placement.map_blocks(lambda _, block: block @ block, None, x, devices))
    _, seconds = clock(lambda: product(data), 5)
    return 2.0 * blocks * side**3 / statistics.median(seconds)


def clock(run: Callable[[], Any], repeats: int) -> tuple[float, list[float]]:
    """(seconds of the first call, seconds of each later one)."""

    def once() -> float:
        began = time.perf_counter()
        jax.block_until_ready(run())
        return time.perf_counter() - began

    first, seconds = once(), list[float]()
    while len(seconds) < repeats or sum(seconds) < ENOUGH_SECONDS and len(seconds) < MOST_REPEATS:
        seconds.append(once())
    return first, seconds


def describe() -> dict[str, Any]:
    """Today, processor, devices, memory and versions."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "invrl": invrl.__version__,
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory": host_memory(),
            "load": os.getloadavg()[0],
            "system": platform.platform(),
            **placement.describe(),
        },
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy")},
    }


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def forget_peak() -> None:
    """Start the peak of the resident memory anew; where the system cannot, it stays the process's."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory() -> int:
    """Bytes of resident memory at most since `forget_peak`."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def device_peak_memory() -> int | None:
    """Bytes in use at most on the busiest device since the process began; None on a CPU."""
    stats = [device.memory_stats() for device in jax.local_devices()]
    peaks = [s["peak_bytes_in_use"] for s in stats if s and "peak_bytes_in_use" in s]
    return max(peaks, default=None)
