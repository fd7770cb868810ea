"""How many pairs and days a pilot needs, by resampling the units of a real panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from invrl.errors import InvrlError
from invrl.pilot.table import PilotTable

MOST_UNITS = 20_000
"""Larger panels are thinned to so many units, drawn by lot: plenty to resample from."""
MOST_STARTS = 24
BLOCK = 4_000_000


class Question(NamedTuple):
    """What a plan must answer.

    Attributes:
        effects: outcome -> effect to be found (percentage points, days).
        days: lengths of the pilot to consider, days after the start.
        pairs: numbers of treated pairs to consider; empty: the smallest that is enough.
        before: days of history before the start that the analysis will use.
        washout: first days of the pilot that the analysis will leave out.
        power: wanted chance of finding each effect.
        controls: control pairs for each treated pair.
        most: never ask for more treated pairs; None: what the panel holds.
        replications: simulated pilots behind each number.
        cap: longest turnover time of a unit, days.
    """

    effects: Mapping[str, float]
    days: Sequence[int] = (28, 56, 84)
    pairs: Sequence[int] = ()
    before: int = 56
    washout: int = 0
    power: float = 0.8
    controls: float = 1.0
    most: int | None = None
    replications: int = 1000
    cap: float = 365.0


class Draws(NamedTuple):
    """What clusters add to a mean change.

    Attributes:
        total: [S, C] sum of weight x change over the units of a cluster, for S start days.
        weight: [C] sum of weights.
        size: mean number of units in a cluster.
    """

    total: np.ndarray
    weight: np.ndarray
    size: float


def plan(table: PilotTable, question: Question, seed: int = 0) -> list[dict[str, Any]]:
    """Power of pilots of several lengths and sizes.

    Every simulated pilot draws a start day from the panel, draws treated and control clusters
    with replacement, adds the effect to the treated and tests it by the closed form.

    Args:
        table: the planner's own panel, nobody treated.

    Returns:
        rows by length, size and outcome: `power` and `false_alarms` (rejections without an
        effect), both in %, and `detectable`, the effect this pilot would find with that power.

    Raises:
        InvrlError: the panel is too short or too small for the question.
    """
    _check(table, question)
    units = np.unique(table.unit)
    held = int(np.unique(table.cluster[units]).size / (1 + question.controls))
    table = _thin(table, np.random.default_rng(seed))
    rows: list[dict[str, Any]] = []
    for days in question.days:
        draws = {o: _draws(table, o, days, question) for o in question.effects}
        size = next(iter(draws.values())).size
        most = held if question.most is None else round(question.most / size)
        if most < 2:
            hint = "bring more units, use finer clusters, or allow more with --most"
            raise InvrlError("too few clusters for a treated and a control group", hint=hint)
        counts = [max(2, round(p / size)) for p in question.pairs] or [_smallest(draws, question, most, seed)]
        rows += [row for n in counts for row in _rows(draws, question, days, n, size, seed)]
    return rows


def _check(table: PilotTable, question: Question) -> None:
    length = int(np.ptp(table.day)) + 1
    if not question.effects:
        raise InvrlError("no effect to look for", hint="--stockout -0.83 or --turnover -9.5, or both")
    if not all(question.effects.values()):
        raise InvrlError("an effect of 0 cannot be found", hint="name the smallest effect worth finding")
    if not 0 < question.power < 1:
        raise InvrlError(f"power {question.power:g} is not between 0 and 1", hint="0.8 is usual")
    if question.controls <= 0 or question.replications < 100 or question.before < 1:
        raise InvrlError(
            "a plan needs controls, a day before the start and 100 replications",
            hint="--controls 1 --before 56 --replications 1000",
        )
    for days in question.days:
        if days <= question.washout:
            raise InvrlError(f"{days} days end within the washout of {question.washout}", hint="--days 56")
        if question.before + days > length:
            raise InvrlError(
                f"{question.before} days before and {days} after do not fit the panel's {length} days",
                hint="shorten --before or --days, or bring a longer panel",
            )


def _thin(table: PilotTable, rng: np.random.Generator) -> PilotTable:
    units = np.unique(table.unit)
    codes, cluster = np.unique(table.cluster[units], return_inverse=True)
    order = rng.permutation(codes.size)
    reach = np.cumsum(np.bincount(cluster)[order])
    chosen = np.isin(cluster, order[reach <= max(MOST_UNITS, reach[0])])
    keep = np.isin(table.unit, units[chosen])
    table = table.rows(keep)
    old, unit = np.unique(table.unit, return_inverse=True)
    parts = {name: getattr(table, name)[old] for name in ("names", "start", "weight", "cluster")}
    return replace(table, unit=unit, **parts)


def _draws(table: PilotTable, outcome: str, days: int, question: Question) -> Draws:
    change = window_changes(table, outcome, days, question)  # [S, N]
    whole = np.isfinite(change).all(axis=0)
    if whole.sum() < 4:
        raise InvrlError(
            f"{int(whole.sum())} units have days in all of the windows of {question.before} + {days} days",
            hint="shorten --before or --days, or fill the gaps of the panel",
        )
    weight = table.weight[whole]
    codes, cluster = np.unique(table.cluster[whole], return_inverse=True)
    total = np.zeros((codes.size, len(change)))
    np.add.at(total, cluster, (weight * change[:, whole]).T)
    return Draws(total.T, np.bincount(cluster, weights=weight), len(weight) / codes.size)


def window_changes(table: PilotTable, outcome: str, days: int, question: Question) -> np.ndarray:
    """[S, N] mean after minus mean before, around up to 24 start days spread over the panel."""
    length = int(np.ptp(table.day)) + 1
    starts = np.arange(question.before, length - days + 1)
    starts = starts[np.unique(np.linspace(0, starts.size - 1, MOST_STARTS).astype(int))]
    sums = {name: _running_sum(table, name, length) for name in ("stockout", "inventory", "sales")}

    def mean(name: str, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        total, seen = sums[name]
        with np.errstate(invalid="ignore"):
            return (total[last] - total[first]) / (seen[last] - seen[first])

    def level(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        if outcome == "stockout":
            return 100 * mean("stockout", first, last)
        stock, sales = mean("inventory", first, last), mean("sales", first, last)
        capped = stock >= question.cap * sales
        return np.where(
            capped, np.where(stock > 0, question.cap, stock), stock / np.where(capped, 1.0, sales)
        )

    before = level(starts - question.before, starts)
    return level(starts + question.washout, starts + days) - before


def _running_sum(table: PilotTable, name: str, length: int) -> tuple[np.ndarray, np.ndarray]:
    column = getattr(table, name)
    total, seen = (np.zeros((length + 1, len(table.names))) for _ in range(2))
    if column is not None:
        total[table.day - table.day.min() + 1, table.unit] = column
        seen[table.day - table.day.min() + 1, table.unit] = 1
    return total.cumsum(axis=0), seen.cumsum(axis=0)


def trials(draws: Draws, treated: int, controls: int, replications: int, seed: int) -> np.ndarray:
    """[3, R] difference without an effect, its error, its degrees of freedom."""
    rng = np.random.default_rng(seed)
    clusters, block = draws.weight.size, max(1, BLOCK // (treated + controls))
    found = []
    for begin in range(0, replications, block):
        count = min(block, replications - begin)
        start = rng.integers(draws.total.shape[0], size=(count, 1))
        sides = [rng.integers(clusters, size=(count, n)) for n in (treated, controls)]
        found.append(_difference(draws, start, sides))
    return np.concatenate(found, axis=1)


def _difference(draws: Draws, start: np.ndarray, sides: list[np.ndarray]) -> np.ndarray:
    means, variances = [], []
    for side in sides:
        total, weight = draws.total[start, side], draws.weight[side]
        whole = weight.sum(axis=1, keepdims=True)
        mean = total.sum(axis=1, keepdims=True) / whole
        means.append(mean[:, 0])
        variances.append((((total - mean * weight) / whole) ** 2).sum(axis=1))
    groups = [side.shape[1] for side in sides]
    variance = np.maximum(variances[0] + variances[1], 1e-300)
    freedom = variance**2 / sum(v**2 / (n - 1) for v, n in zip(variances, groups, strict=True))
    clusters = sum(groups)
    return np.stack([means[0] - means[1], np.sqrt(variance * clusters / (clusters - 1)), freedom])


def _powers(draws: Draws, effect: float, treated: int, question: Question, seed: int) -> tuple[float, ...]:
    """Power, false alarms and the detectable effect, the first two as shares."""
    from scipy.stats import norm, t

    controls = max(2, round(treated * question.controls))
    value, error, freedom = trials(draws, treated, controls, question.replications, seed)
    limit = t.ppf(0.975, freedom) * error
    power = float((np.abs(value + effect) > limit).mean())
    detectable = float((limit + norm.ppf(question.power) * error).mean())
    return power, float((np.abs(value) > limit).mean()), detectable


def _smallest(draws: Mapping[str, Draws], question: Question, most: int, seed: int) -> int:
    def enough(treated: int) -> bool:
        return all(
            _powers(draws[o], effect, treated, question, seed)[0] >= question.power
            for o, effect in question.effects.items()
        )

    low, high = 1, 4
    while high < most and not enough(high):
        low, high = high, 2 * high
    if high >= most:
        high = most
        if not enough(most):
            return most
    while high - low > max(1, low // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _rows(
    draws: Mapping[str, Draws], question: Question, days: int, treated: int, size: float, seed: int
) -> list[dict[str, Any]]:
    rows = []
    for outcome, effect in question.effects.items():
        power, alarms, detectable = _powers(draws[outcome], effect, treated, question, seed)
        rows.append(
            {
                "days": days,
                "pairs": round(treated * size),
                "controls": round(max(2, round(treated * question.controls)) * size),
                "outcome": outcome,
                "effect": effect,
                "power": round(100 * power, 1),
                "detectable": detectable,
                "false_alarms": round(100 * alarms, 1),
                "enough": "yes" if power >= question.power else "no",
            }
        )
    return rows
