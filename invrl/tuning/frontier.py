"""Stockout rate against turnover time as the objective's weights move: cells at equal stockout rate."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from invrl.tuning.study import Study, tests_of, trials_of


class Frontier(NamedTuple):
    """The trials of one cell, by falling stockout rate; every field [n]."""

    name: str
    labels: tuple[str, ...]  # what each trial was given
    stockout_rate: np.ndarray
    turnover_time: np.ndarray  # days


def frontier(study: Study) -> Frontier:
    """Test means of every trial, its seeds averaged."""
    values = {t.number: t.values for t in trials_of(study)}
    points = [
        (_label(values[n]), test["stockout_rate"], test["turnover_time"])
        for n, test in tests_of(study).items()
    ]
    points.sort(key=lambda p: -p[1])
    config = study.plan.config
    return Frontier(
        f"{config.algo}/{config.reg}", tuple(p[0] for p in points),
        np.array([p[1] for p in points]), np.array([p[2] for p in points]),
    )  # fmt: skip


def _label(values: dict[str, Any]) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {value:g}" for key, value in values.items())


def at_stockout(cell: Frontier, rate: float) -> float:
    """Turnover time at a stockout rate, between its two neighbours; NaN outside the trials."""
    if not cell.stockout_rate.min() <= rate <= cell.stockout_rate.max():
        return float("nan")
    return float(np.interp(rate, cell.stockout_rate[::-1], cell.turnover_time[::-1]))


def common_rates(cells: list[Frontier], count: int = 5) -> np.ndarray:
    """Stockout rates that all cells reach; empty where there are none."""
    low = max(float(cell.stockout_rate.min()) for cell in cells)
    high = min(float(cell.stockout_rate.max()) for cell in cells)
    return np.linspace(high, low, count) if low < high else np.zeros(0)


def rows(cells: list[Frontier]) -> list[dict[str, Any]]:
    """The trials themselves."""
    return [
        {
            "cell": c.name,
            "weights": label,
            "stockout rate (%)": 100 * float(rate),
            "turnover time (days)": float(days),
        }
        for c in cells
        for label, rate, days in zip(c.labels, c.stockout_rate, c.turnover_time, strict=True)
    ]


def equal_rows(cells: list[Frontier]) -> list[dict[str, Any]]:
    """Turnover time of every cell at stockout rates that all of them reach."""
    return [
        {"stockout rate (%)": 100 * float(rate), **{c.name: at_stockout(c, float(rate)) for c in cells}}
        for rate in common_rates(cells)
    ]
