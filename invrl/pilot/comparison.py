"""Comparisons beside the effect: were the groups alike, and what changed since last year?"""

from __future__ import annotations

from typing import Any

import numpy as np

from invrl.errors import InvrlError
from invrl.pilot.contrast import Estimate, daily, estimate
from invrl.pilot.table import NEVER, PilotTable, date

LEVELS = 12
"""A text covariate is compared by its so many most frequent values."""


def balance(table: PilotTable, cap: float = 365.0) -> list[dict[str, Any]]:
    """Treated against controls before the first start: means of unit means, and their distance.

    difference = (mean treated - mean control) / sqrt((variance treated + variance control) / 2),
    the standardised difference (Austin 2009); beyond 0.1 it deserves a look, beyond 0.25 care.
    """
    early = table.rows(table.day < table.start[table.treated].min())
    columns: dict[str, np.ndarray] = {}
    window = np.zeros(len(early.day), bool)
    for outcome in table.outcomes:
        label = {"stockout": "stockout rate, %", "turnover": "turnover time, days"}[outcome]
        columns[label] = daily(early, outcome, window, cap)[0]
    for name in ("inventory", "sales"):
        if getattr(early, name) is not None:
            columns[f"{name}, units"] = getattr(early, name)
    for name, values in early.covariates.items():
        columns |= {name: values} if values.dtype.kind == "f" else _levels(name, values)
    return [_balance_row(early, name, values) for name, values in columns.items()]


def _levels(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    kinds, count = np.unique(values, return_counts=True)
    top = kinds[np.argsort(-count, kind="stable")[:LEVELS]]
    return {f"{name} = {kind}": 100.0 * (values == kind) for kind in top}


def _balance_row(table: PilotTable, name: str, values: np.ndarray) -> dict[str, Any]:
    count = len(table.names)
    known = np.isfinite(values)
    seen = np.bincount(table.unit[known], minlength=count)
    mean = np.bincount(table.unit[known], weights=values[known], minlength=count) / np.maximum(seen, 1)
    sides = []
    for group in (table.treated, ~table.treated):
        group = group & (seen > 0) & (table.weight > 0)
        if not group.any():
            sides.append((np.nan, np.nan))
            continue
        weight = table.weight[group] / table.weight[group].sum()
        centre = float(weight @ mean[group])
        sides.append((centre, float(weight @ (mean[group] - centre) ** 2)))
    spread = np.sqrt((sides[0][1] + sides[1][1]) / 2)
    gap = sides[0][0] - sides[1][0]
    difference = float(gap / spread) if spread > 0 else (0.0 if gap == 0 else float("nan"))
    return {
        "before the pilot": name,
        "treated": sides[0][0],
        "control": sides[1][0],
        "difference": difference,
    }


def last_year(day: int) -> int:
    """The same calendar day a year earlier; 29 February becomes the 28th."""
    from datetime import date as calendar

    now = calendar.fromisoformat(date(day))
    back = now.replace(year=now.year - 1, day=28 if (now.month, now.day) == (2, 29) else now.day)
    return day - (now - back).days


def year_on_year(
    table: PilotTable,
    outcome: str,
    first: int,
    last: int,
    units: np.ndarray | None = None,
    cap: float = 365.0,
) -> dict[str, Any]:
    """An outcome against the same calendar days a year before, paired by unit.

    Args:
        first, last: days since 1970-01-01, both included.
        units: [N] bool, which units; default all.

    Returns:
        one row: the two means, their difference with its 95 % interval (robust to clusters), and
        the change in percent of the year before with its own.

    Raises:
        InvrlError: fewer than two clusters have days in both years.
    """
    then = last_year(first), last_year(last)
    span, back = f"{date(first)} to {date(last)}", f"{date(then[0])} to {date(then[1])}"
    if last < first:
        raise InvrlError(f"{span} holds no day", hint="the first day comes first")
    if then[1] >= first:
        raise InvrlError(f"{span} is longer than a year", hint="compare a year at most")
    now = (table.day >= first) & (table.day <= last)
    keep = now | ((table.day >= then[0]) & (table.day <= then[1]))
    if units is not None:
        keep &= units[table.unit]
    part, after = table.rows(keep), now[keep]
    key = 2 * part.unit + after
    days = np.bincount(key, minlength=2 * len(table.names)).reshape(-1, 2)
    total = np.bincount(key, weights=daily(part, outcome, after, cap)[0], minlength=days.size).reshape(-1, 2)
    paired = (days > 0).all(axis=1) & (table.weight > 0)
    if np.unique(table.cluster[paired]).size < 2:
        raise InvrlError(
            f"fewer than two clusters have days both in {span} and in {back}",
            hint=f"the table covers {date(table.day.min())} to {date(table.day.max())}",
        )
    before, after_mean = (total[paired] / days[paired]).T
    change, percent = _paired(before, after_mean, table.weight[paired], table.cluster[paired])
    return {
        "outcome": outcome,
        "from": date(first),
        "to": date(last),
        "units": int(paired.sum()),
        "year before": float(np.average(before, weights=table.weight[paired])),
        "now": float(np.average(after_mean, weights=table.weight[paired])),
        "change": change.value,
        "low": change.low,
        "high": change.high,
        "percent": percent.value,
        "percent low": percent.low,
        "percent high": percent.high,
    }


def _paired(
    before: np.ndarray, now: np.ndarray, weight: np.ndarray, cluster: np.ndarray
) -> tuple[Estimate, Estimate]:
    share = weight / weight.sum()
    codes, place = np.unique(cluster, return_inverse=True)

    def over_clusters(value: float, influence: np.ndarray) -> Estimate:
        score = np.bincount(place, weights=influence)
        variance = codes.size / (codes.size - 1) * float((score**2).sum())
        return estimate(value, variance, codes.size - 1)

    base, change = float(share @ before), float(share @ (now - before))
    difference = over_clusters(change, share * (now - before - change))
    if base <= 0:
        return difference, Estimate(*[float("nan")] * 6)
    ratio = change / base
    return difference, over_clusters(100 * ratio, 100 * share * (now - (1 + ratio) * before) / base)


def pilot_years(table: PilotTable, cap: float = 365.0) -> list[dict[str, Any]]:
    """Year on year over the days of the pilot, treated and controls; empty if no year-old days exist."""
    first, last = int(table.start[table.start != NEVER].min()), int(table.day.max())
    if last_year(last) < table.day.min() or last_year(last) >= first:
        return []
    first = max(first, int(table.day.min()) + 366)
    rows = []
    for outcome in table.outcomes:
        for name, units in (("treated", table.treated), ("control", ~table.treated)):
            try:
                row = year_on_year(table, outcome, first, last, units, cap)
            except InvrlError:  # this group has no year-old days
                continue
            rows.append({"group": name} | row)
    return rows
