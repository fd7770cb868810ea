"""Unit means of a pilot, their contrasts, and effects in closed form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from invrl.errors import InvrlError
from invrl.pilot.table import NEVER, PilotTable


class Window(NamedTuple):
    """Which days are compared, and how finely.

    Attributes:
        bin: days per bin of the event study and the regression.
        before, after: at most so many days on each side of the start; None: all.
        washout: days after the start that are left out, while stock is still the old policy's.
        leads, lags: bins shown on each side; bins farther out are pooled into the last one.
        cap: longest turnover time of a unit, days.
    """

    bin: int = 7
    before: int | None = None
    after: int | None = None
    washout: int = 0
    leads: int = 8
    lags: int = 12
    cap: float = 365.0


ALL_DAYS = Window()


class Estimate(NamedTuple):
    """An effect with its cluster-robust error; `low` and `high` bound the 95 % interval."""

    value: float
    error: float
    low: float
    high: float
    p: float
    freedom: float


class Cells(NamedTuple):
    """Mean outcome by wave, unit and bin; R rows, a control unit comes once per wave.

    Attributes:
        y: [R] mean outcome of the cell.
        unit, wave, bin, days: [R] int; bins from the start on are >= 0.
        treated: [R] bool, the unit belongs to the wave.
        starts: [W] start day of each wave.
        capped: units whose turnover time met the cap.
    """

    y: np.ndarray
    unit: np.ndarray
    wave: np.ndarray
    bin: np.ndarray
    days: np.ndarray
    treated: np.ndarray
    starts: np.ndarray
    capped: int


def estimate(value: float, variance: float, freedom: float) -> Estimate:
    """An `Estimate` with t quantiles."""
    from scipy.stats import t

    error = float(np.sqrt(max(variance, 0.0)))
    half = float(t.ppf(0.975, freedom)) * error
    p = float(2 * t.sf(abs(value) / error, freedom)) if error > 0 else float("nan")
    return Estimate(float(value), error, float(value - half), float(value + half), p, freedom)


def cells(table: PilotTable, outcome: str, window: Window = ALL_DAYS, shift: int = 0) -> Cells:
    """Average the days of every wave to bins.

    Args:
        shift: compare around a placebo date so many days before the start; the days
            from the start on are then not used.

    Raises:
        InvrlError: no unit has days on both sides of the date.
    """
    starts = np.unique(table.start[table.treated])
    parts = [_wave_cells(table, outcome, window, int(start), shift) for start in starts]
    kept = [i for i, part in enumerate(parts) if part[4].any() and not part[4].all()]
    if not kept:
        raise InvrlError(
            f"{outcome}: no wave has treated and control units with days on both sides of its start",
            hint="bring days before and after the start of both groups, or widen --before and --after",
        )
    wave = np.repeat(np.arange(len(kept)), [len(parts[i][0]) for i in kept])
    y, unit, bins, days, treated = (np.concatenate([parts[i][k] for i in kept]) for k in range(5))
    if np.ptp(y) == 0 and not shift:  # before the start it may well be: nothing happened
        raise InvrlError(f"{outcome} is {y[0]:g} for every unit all the time", hint="is it the right column?")
    return Cells(y, unit, wave, bins, days, treated, starts[kept], max(parts[i][5] for i in kept))


def _wave_cells(table: PilotTable, outcome: str, window: Window, start: int, shift: int) -> tuple:
    begin = table.start[table.unit]
    since = table.day - (start - shift)
    keep: Any = (begin == start) | (begin == NEVER)
    keep &= ~((since >= 0) & (since < window.washout))
    if shift:
        keep &= table.day < start
    if window.before is not None:
        keep &= since >= -window.before
    if window.after is not None:
        keep &= since < window.after
    count = len(table.names)
    side = np.bincount(2 * table.unit[keep] + (since[keep] >= 0), minlength=2 * count).reshape(count, 2)
    both: Any = (side > 0).all(axis=1)
    keep &= both[table.unit]
    part, since = table.rows(keep), since[keep]
    value, capped = daily(part, outcome, since >= 0, window.cap)
    bins = since // window.bin
    lowest = int(bins.min(initial=0))
    width = int(bins.max(initial=0)) - lowest + 1
    key = part.unit * width + bins - lowest
    days = np.bincount(key, minlength=count * width)
    hit = np.flatnonzero(days)
    mean = np.bincount(key, weights=value, minlength=count * width)[hit] / days[hit]
    unit = hit // width
    return mean, unit, hit % width + lowest, days[hit], table.start[unit] == start, capped


def daily(table: PilotTable, outcome: str, after: np.ndarray, cap: float) -> tuple[np.ndarray, int]:
    """[M] daily outcome, and how many units met the cap; `after` [M] says in which window a day is.

    A unit without sales in a window has the cap as its turnover time there, or 0 without stock.
    """
    if outcome == "stockout":
        assert table.stockout is not None
        return 100.0 * table.stockout, 0
    assert table.inventory is not None and table.sales is not None
    key = 2 * table.unit + after
    size = 2 * len(table.names)
    days = np.maximum(np.bincount(key, minlength=size), 1)
    stock = np.bincount(key, weights=table.inventory, minlength=size) / days
    sales = np.bincount(key, weights=table.sales, minlength=size) / days
    at_cap = (stock > cap * sales).reshape(-1, 2).any(axis=1)
    rate = np.maximum(sales, stock / cap)
    return table.inventory / np.where(rate > 0, rate, 1.0)[key], int(at_cap.sum())


def one_wave(cells: Cells, wave: int) -> Cells:
    """The cells of a single wave, renumbered 0."""
    keep = cells.wave == wave
    return Cells(
        y=cells.y[keep],
        unit=cells.unit[keep],
        wave=np.zeros(int(keep.sum()), np.int64),
        bin=cells.bin[keep],
        days=cells.days[keep],
        treated=cells.treated[keep],
        starts=cells.starts[[wave]],
        capped=cells.capped,
    )


def wave_shares(table: PilotTable, cells: Cells) -> np.ndarray:
    """[W] weight of each wave's units in the average effect; sums to 1."""
    weight = np.zeros(len(cells.starts))
    for wave in range(len(weight)):
        units = np.unique(cells.unit[(cells.wave == wave) & cells.treated])
        weight[wave] = table.weight[units].sum()
    if not weight.all():
        raise InvrlError("a wave of treated units has weight 0", hint="drop them or give them a weight")
    return weight / weight.sum()


def window_contrast(table: PilotTable, cells: Cells) -> np.ndarray:
    """[W, N, 1] mean outcome after minus before the start; NaN for units not in the wave."""
    waves, count = len(cells.starts), len(table.names)
    key = 2 * (cells.wave * count + cells.unit) + (cells.bin >= 0)
    mean = means(cells, key, 2 * waves * count).reshape(waves, count, 2)
    return mean[..., 1:] - mean[..., :1]


def means(cells: Cells, key: np.ndarray, size: int) -> np.ndarray:
    days = np.bincount(key, weights=cells.days, minlength=size)
    total = np.bincount(key, weights=cells.days * cells.y, minlength=size)
    with np.errstate(invalid="ignore"):
        return total / days


def closed_form(table: PilotTable, cells: Cells) -> Estimate:
    """The effect from unit means alone: exact on balanced panels, no regression."""
    beta, influence = combine(table, cells, window_contrast(table, cells))
    return estimate(beta[0], covariance(table, cells, influence)[0, 0], freedom(table, cells, influence))


def combine(table: PilotTable, cells: Cells, contrast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Treated minus control means of unit contrasts, averaged over waves.

    beta = sum over waves of share x (weighted mean over the wave - weighted mean over controls).

    Args:
        contrast: [W, N, K]; NaN where the unit is not in the wave or lacks the bin.

    Returns:
        effects [K], and what each unit adds to their error, [W + 1, N, K]: one layer for the
        treated of each wave, the last for the controls of all.
    """
    waves, count, size = contrast.shape
    there = np.isfinite(contrast)
    own = np.zeros((waves, count), bool)
    own[cells.wave[cells.treated], cells.unit[cells.treated]] = True
    share = wave_shares(table, cells)[:, None] * (there & own[..., None]).any(axis=1)
    share /= share.sum(axis=0)
    beta, influence = np.zeros(size), np.zeros((waves + 1, count, size))
    for wave in range(waves):
        for sign, layer, group in ((1.0, wave, own[wave]), (-1.0, waves, ~own[wave])):
            weight = table.weight[:, None] * (there[wave] & group[:, None])
            weight = weight / np.where(weight.sum(axis=0) > 0, weight.sum(axis=0), 1.0)
            value = np.where(there[wave], contrast[wave], 0.0)
            mean = (weight * value).sum(axis=0)
            beta += sign * share[wave] * mean
            influence[layer] += sign * share[wave] * weight * (value - mean)
    return beta, influence


def _scores(table: PilotTable, units: np.ndarray, influence: np.ndarray) -> np.ndarray:
    units = units[table.weight[units] > 0]
    codes, cluster = np.unique(table.cluster[units], return_inverse=True)
    score = np.zeros((codes.size, influence.shape[-1]))
    np.add.at(score, cluster, influence[units])
    return score


def covariance(table: PilotTable, cells: Cells, influence: np.ndarray) -> np.ndarray:
    """[K, K] = G / (G - 1) x sum over clusters of (sum of influences) squared."""
    score = _scores(table, np.unique(cells.unit), influence.sum(axis=0))
    return len(score) / (len(score) - 1) * score.T @ score


def freedom(table: PilotTable, cells: Cells, influence: np.ndarray) -> float:
    """Degrees of freedom of the error, after Welch and Satterthwaite.

    1 / sum over groups g of (v_g / v)^2 / (n_g - 1), where group g of n_g clusters adds v_g to
    the variance v. G - 1 would overstate what few treated clusters beside many controls tell.
    """
    groups = [cells.treated & (cells.wave == wave) for wave in range(len(cells.starts))] + [~cells.treated]
    scores = [
        _scores(table, np.unique(cells.unit[group]), layer)
        for group, layer in zip(groups, influence, strict=True)
    ]
    count = np.array([len(score) for score in scores])
    variance = np.array([(score[:, 0] ** 2).sum() for score in scores])
    if not variance.sum():
        return float(count.sum() - 1)
    return float(1 / ((variance / variance.sum()) ** 2 / np.maximum(count - 1, 1)).sum())
