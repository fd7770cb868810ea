"""How fast this machine runs the production code, and how near that is to its own limits.

Every figure is a median of warm calls of a workload (`workloads.py`).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from invrl.bench import machine
from invrl.bench.machine import Limits
from invrl.bench.workloads import LEAD_TIMES, data_bytes, random_dataset, widths, work_of
from invrl.config.schema import Config
from invrl.devices.memory import host_memory
from invrl.errors import InvrlError


class Case(NamedTuple):
    """One line of the table."""

    what: str  # a name that `work_of` knows
    pairs: int
    days: int
    review_period: int


class Preset(NamedTuple):
    pairs: tuple[int, ...]
    days: tuple[int, ...]
    """All pairs and review periods run on the first; the others show how time grows with days."""
    review_period: tuple[int, ...]


PRESETS = {
    "laptop": Preset((1_000, 10_000), (90, 30, 365), (1, 2, 7)),
    "paper": Preset((1_000, 10_000, 55_000), (90, 30, 365), (1, 2, 7)),
    "tmall": Preset((10_000, 100_000, 1_000_000), (90,), (1, 7)),
}


def cases(what: Sequence[str], preset: Preset) -> list[Case]:
    """All pairs and review periods on the first `days`; the middle size on the other days.

    Raises:
        InvrlError: an unknown name, or a size that does not fit this machine's memory.
    """
    for name in what:
        work_of(name)
    (first, *others), middle = preset.days, preset.pairs[len(preset.pairs) // 2]
    sizes = [(n, first, p) for n in preset.pairs for p in preset.review_period]
    sizes += [(middle, days, preset.review_period[0]) for days in others]
    most = max(data_bytes(*size) for size in sizes)
    if most > host_memory():
        raise InvrlError(f"the episodes alone need {most / 1e9:.1f} GB", hint="give fewer --pairs or --days")
    return [Case(name, *size) for name in what for size in sizes]


Row = dict[str, Any]
"""A measured case: the fields of `Case`, then those that `measure` adds."""
KEYS = Case._fields


def measure(case: Case, config: Config, limit: Limits, repeats: int, block: int | None = None) -> Row:
    """Time one case.

    Returns the case with: compile_seconds (first call less a warm one), seconds (median of the warm
    calls), fastest, slowest, sku_days_per_second, peak_memory and data_memory (bytes), device_memory
    (bytes or None), limit (`copy` or `matmul`, what binds) and limit_share (least time / time).
    """
    machine.forget_peak()
    dataset = random_dataset(case.pairs, case.days, case.review_period, config.seed, block)
    work = work_of(case.what)(dataset, config)
    first, seconds = machine.clock(work.run, repeats)
    median = statistics.median(seconds)
    least = {"copy": work.bytes / limit.copy, "matmul": work.flops / limit.matmul}
    binding = max(least, key=lambda name: least[name])
    return {
        **case._asdict(),
        "compile_seconds": max(first - median, 0.0),
        "seconds": median,
        "fastest": min(seconds),
        "slowest": max(seconds),
        "sku_days_per_second": case.pairs * case.days / median,
        "peak_memory": machine.peak_memory(),
        "data_memory": data_bytes(case.pairs, case.days, case.review_period),
        "device_memory": machine.device_peak_memory(),
        "limit": binding,
        "limit_share": least[binding] / median,
    }


def with_growth(rows: Sequence[Row]) -> list[Row]:
    """Rows with `growth`: seconds per SKU-day over those of the largest case of the same what and
    review period; 1 throughout means that time grows in proportion to pairs and days."""
    largest: dict[Any, float] = {}
    for row in sorted(rows, key=lambda row: row["pairs"] * row["days"]):
        largest[row["what"], row["review_period"]] = row["sku_days_per_second"]
    return [
        row | {"growth": largest[row["what"], row["review_period"]] / row["sku_days_per_second"]}
        for row in rows
    ]


def parameters(cases: Sequence[Case], config: Config, repeats: int) -> dict[str, Any]:
    """What was chosen, for the head of the output."""
    values = {name: sorted({getattr(case, name) for case in cases}) for name in KEYS}
    layers = "-".join(map(str, widths(config)))
    network = f"{layers} {config.network.activation} {config.reg}"
    return {**values, "lead_time": LEAD_TIMES, "network": network, "repeats": repeats}


def compare(new: Sequence[Row], old: Sequence[Row], tolerance: float) -> list[Row]:
    """Cases of both: SKU-days/s then and now, their ratio, and whether it fell by more than `tolerance`.

    Raises:
        InvrlError: no case in common.
    """
    before = {tuple(row[key] for key in KEYS): row["sku_days_per_second"] for row in old}
    rows = []
    for row in new:
        key = tuple(row[name] for name in KEYS)
        if key in before:
            now, then = row["sku_days_per_second"], before[key]
            verdict = "slower" if now < (1 - tolerance) * then else "ok"
            speeds = {"old": then, "new": now, "ratio": now / then, "verdict": verdict}
            rows.append(dict(zip(KEYS, key, strict=True)) | speeds)
    if not rows:
        raise InvrlError("the old benchmark has no case in common with this one", hint="give the same sizes")
    return rows
