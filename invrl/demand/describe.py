"""What a planner wants to know about a panel before training."""

from __future__ import annotations

from typing import Any

import numpy as np

from invrl.demand import masks, timestep
from invrl.demand.panel import Panel
from invrl.demand.scale import unsold

SCHEMA = 1
NAMED = 3
"""Pairs named of those that lack something."""
FAST, SLOW = 10.0, 1.0
"""Units a day: pairs from FAST on are fast, below SLOW slow, the others medium."""
QUANTILES = {"p5": 0.05, "p50": 0.5, "p95": 0.95}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
BLOCKS = "▁▂▃▄▅▆▇█"
STOCKOUT_HOURS = "stockout_hours"
"""The after column that tells, in censored data, on which days the demand may have been higher."""
NUMBERS = ("lead_time", "review_period", "first_review", "price", "weight", "initial_stock", "mean_demand")

Description = dict[str, Any]
"""Nested plain tables of numbers and text, ready for JSON."""


def describe(panel: Panel, training: int | None = None) -> Description:
    """The figures of a panel.

    Args:
        training: days from the first on that a run would train on; None: all.

    Keys:
        schema: version of these keys.
        pairs, skus, warehouses, days, step (what a day is: day, week or month), first_day, last_day.
        demand: `total` units, `mean` units a pair-day, `largest_day` of any pair, `zero_share` of pair-days,
            `pairs_without`, `untrained` (`pairs` without demand on training days, `names` of a few);
            quantiles over pairs of the daily mean (`pair_mean`), and over pairs
            with demand of its coefficient of variation (`pair_cv`, standard deviation / mean).
        masked_share: pair-days whose demand is unknown, or on which the pair is not sold (`masks`).
        stockout_share: pair-days with stock-out hours, when the data says; else None.
        velocity: fast, medium, slow -> `pairs`, and their share of all demand.
        weekdays: Mon ... Sun -> mean demand of the day / mean of all days; None where there is none.
        numbers: lowest, median and highest of lead time, review period, price, ... that the panel has.
        columns: names by kind; knowledge, as in `Panel`.
        examples: largest, median and smallest pair with demand, by name: `pair`, `mean`, `demand` [T].
    """
    demand = panel.demand
    mean = demand.mean(axis=0, dtype=np.float64)  # [N]
    by_day = demand.mean(axis=1, dtype=np.float64)  # [T]
    present = [name for name in NUMBERS if getattr(panel, name) is not None]
    return {
        "schema": SCHEMA,
        "pairs": panel.pairs,
        "skus": len(np.unique(panel.sku)),
        "warehouses": len(np.unique(panel.warehouse)),
        "days": panel.days,
        "step": panel.step,
        "first_day": str(panel.dates[0]),
        "last_day": str(panel.dates[-1]),
        "demand": {**_demand(demand, mean), "untrained": _untrained(panel, training)},
        "knowledge": panel.knowledge,
        "masked_share": _masked_share(panel),
        "stockout_share": _stockout_share(panel),
        "velocity": _velocity(mean),
        "weekdays": _weekdays(panel, by_day),
        "numbers": {name: _range(getattr(panel, name)) for name in present},
        "columns": {kind: list(getattr(panel, kind)) for kind in ("ahead", "after", "static")},
        "examples": _examples(panel, mean),
    }


def _demand(demand: np.ndarray, mean: np.ndarray) -> dict[str, Any]:
    sold = mean > 0
    cv = demand.std(axis=0, dtype=np.float64)[sold] / mean[sold]
    return {
        "total": float(mean.sum() * len(demand)),
        "mean": float(mean.mean()),
        "largest_day": float(demand.max()),
        "zero_share": float((demand == 0).mean()),
        "pairs_without": int((~sold).sum()),
        "pair_mean": _quantiles(mean),
        "pair_cv": _quantiles(cv) if sold.any() else None,
    }


def _untrained(panel: Panel, training: int | None) -> dict[str, Any]:
    found = unsold(panel, np.arange(panel.pairs), slice(0, training))
    return {"pairs": len(found), "names": found[:NAMED].tolist()}


def _quantiles(values: np.ndarray) -> dict[str, float]:
    return dict(zip(QUANTILES, map(float, np.quantile(values, list(QUANTILES.values()))), strict=True))


def _range(values: np.ndarray) -> dict[str, float]:
    return {"lowest": float(values.min()), "median": float(np.median(values)), "highest": float(values.max())}


def _stockout_share(panel: Panel) -> float | None:
    if panel.knowledge == "known" or STOCKOUT_HOURS not in panel.after:
        return None
    return float((panel.after[STOCKOUT_HOURS] > 0).mean())


def _masked_share(panel: Panel) -> float:
    known = masks.observed(panel)
    return 0.0 if known is None else float(1 - known.mean())


def _velocity(mean: np.ndarray) -> dict[str, dict[str, float]]:
    """Class -> number of pairs and share of demand (0 when there is none)."""
    classes = {"fast": mean >= FAST, "medium": (mean >= SLOW) & (mean < FAST), "slow": mean < SLOW}
    total = mean.sum() or 1.0
    return {
        name: {"pairs": int(inside.sum()), "demand_share": float(mean[inside].sum() / total)}
        for name, inside in classes.items()
    }


def _weekdays(panel: Panel, by_day: np.ndarray) -> dict[str, float | None]:
    if panel.step != "day":
        return {}
    weekday = timestep.weekday(panel.dates)
    days = np.bincount(weekday, minlength=7)
    level = np.bincount(weekday, by_day, minlength=7) / np.maximum(days, 1)
    overall = by_day.mean()
    known = (days > 0) & (overall > 0)
    return {name: float(level[k] / overall) if known[k] else None for k, name in enumerate(WEEKDAYS)}


def _examples(panel: Panel, mean: np.ndarray) -> dict[str, dict[str, Any]]:
    order = np.argsort(-mean, kind="stable")
    order = order[: max(1, int((mean > 0).sum()))]  # pairs without demand make no picture
    chosen = {"largest": order[0], "median": order[len(order) // 2], "smallest": order[-1]}
    return {
        name: {
            "pair": f"{panel.sku[i]}@{panel.warehouse[i]}",
            "mean": float(mean[i]),
            "demand": panel.demand[:, i].tolist(),
        }
        for name, i in chosen.items()
    }


def sparkline(values: np.ndarray, width: int = 60) -> str:
    """A series as at most `width` blocks, each the mean of equally many values; ▁ is 0, █ the largest."""
    values = np.asarray(values, dtype=np.float64)
    edges = np.linspace(0, len(values), min(width, len(values)) + 1).astype(int)
    means = np.add.reduceat(values, edges[:-1]) / np.diff(edges)
    top = means.max()
    levels = np.ceil(means / top * (len(BLOCKS) - 1)).astype(int) if top > 0 else np.zeros(len(means), int)
    return "".join(BLOCKS[level] for level in levels)
