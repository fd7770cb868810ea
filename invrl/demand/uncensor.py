"""From sales to an estimate of demand, where stockouts cut the sales.

In stock for a share e of a day's demand, sales S are what customers wanted in that share. Three estimates:

    instock  S / e: plain scaling, where e is not too small; the model elsewhere
    model    S + (1 - e) E[rate | S, e]: sales are Poisson with exposure e (Conlon and Mortimer 2013), the
             day's rate is gamma around what the pair's level, the day and the known-ahead columns lead to
             expect; so E[rate | S, e] = (r + S) / (r / m + e), with r the shape of the gamma
    tobit    E[D | D >= S]: all that is known of a day with a stockout is that demand was at least the sales
             (Nahmias 1994); demand is about normal with the moments of the same model

Scaling and the mean m are the two ends of `model`: r -> 0 trusts the day's own sales, r -> infinity the mean.
The sales until a stockout at time e have the same likelihood whether the stock or the clock stopped them, so
`model` holds in both cases; scaling is too high in the first, E[S / e] > demand, and most where e is small.
All need e to be right: a day that sells its share early has more of it than its hours say, and every
estimate is then too high (`uncensor_check`, `scripts/uncensor_study.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from invrl.demand.panel import Panel
from invrl.errors import InvrlError, nearest

METHODS = ("instock", "model", "tobit")
FULL = 1.0 - 1e-6
"""In stock for at least this share: nothing was cut."""
FLOOR = 0.3
"""Least share that sales are divided by."""
SWEEPS = 8
"""Rounds over the factors of the model."""
DRIFT_DAYS = 28
"""The level of a pair may change from one such period to the next ..."""
DRIFT_PRIOR = 40.0
"""... but stays near one level until it has sold about this many units in the period."""
COMMON_PRIOR = 1.0
"""Units that pull the common factors towards 1."""
LEVELS = 8
"""Classes of a known-ahead column with many values."""
LEAST_RATE = 1e-3
"""Units a day."""


class Fit(NamedTuple):
    """What was expected of each day before its sales were seen."""

    rate: np.ndarray  # [T, N] units a day
    shape: float  # r: the rate of a day varies by a factor with variance 1 / r


def uncensored(
    panel: Panel,
    share: np.ndarray,
    method: str = "model",
    floor: float = FLOOR,
    seed: int | None = None,
    days: int | None = None,
) -> Panel:
    """The panel with estimated demand; its sales become the column `sales`, known only after the day.

    Args:
        share: [T, N] share of the day's demand that the stock was there for, 0 to 1; NaN: only part of it.
        floor: `instock` only: the least share to divide by.
        seed: draw the lost demand from its distribution instead of taking its mean (`model` only): whole
            numbers, as variable as demand is.
        days: fit on the first so many days alone, so that later ones are estimated without a look at each
            other; None: on all.

    Raises:
        InvrlError: no such method, a share that is none, or a method that needs to know it.
    """
    if method not in METHODS:
        raise InvrlError(f"no method `{method}`", hint=nearest(method, METHODS))
    _check(panel, share, method, floor)
    if seed is not None and method != "model":
        raise InvrlError(f"`{method}` cannot draw", hint="`model` has a distribution to draw from")
    estimate = estimate_demand(panel, share, method, floor, seed, days)
    after = {**panel.after, "sales": panel.demand}
    return replace(panel, demand=estimate, after=after, knowledge="uncensored")


def estimate_demand(
    panel: Panel,
    share: np.ndarray,
    method: str,
    floor: float = FLOOR,
    seed: int | None = None,
    days: int | None = None,
) -> np.ndarray:
    """[T, N] float32, at least the sales; the sales themselves where the stock was there all day."""
    sales = panel.demand.astype(np.float32)
    if method == "tobit":
        return fit_censored(panel, sales, ~(share >= FULL), days)
    fit = fit_rates(panel, sales, share, days)
    if seed is not None:
        return sales + draw_lost(fit, sales, share, seed)
    estimate = sales + (1 - share) * posterior_rate(fit, sales, share)
    if method == "instock":
        estimate = np.where(share >= floor, sales / np.maximum(share, floor), estimate)
    return np.where(share >= FULL, sales, estimate).astype(np.float32)


def posterior_rate(fit: Fit, sales: np.ndarray, share: np.ndarray) -> np.ndarray:
    """[T, N] E[rate | sales, share], units a day."""
    return (fit.shape + sales) / (fit.shape / fit.rate + share)


def draw_lost(fit: Fit, sales: np.ndarray, share: np.ndarray, seed: int) -> np.ndarray:
    """[T, N] lost demand drawn given the sales: a gamma rate, then a Poisson number."""
    rng = np.random.default_rng(seed)
    cut = share < FULL
    expected = posterior_rate(fit, sales, share)[cut]
    rate = rng.gamma(fit.shape + sales[cut]) * expected / (fit.shape + sales[cut])
    lost = np.zeros_like(sales)
    lost[cut] = rng.poisson(rate * (1 - share[cut]))
    return lost


def fit_rates(panel: Panel, sales: np.ndarray, share: np.ndarray, days: int | None = None) -> Fit:
    """The rate of every day: pair x day x drift of the pair x known-ahead columns, by Poisson with exposure.

    Each factor in turn is set to (prior + sales) / (prior + expected sales at the other factors): the
    maximum a posteriori under gamma priors of mean 1, which the rounds climb. Days after the first `days`
    teach nothing: their own factor is 1, and a pair keeps its last drift.
    """
    days = days or panel.days
    taught = np.arange(panel.days)[:, None] < days
    sales, share = sales * taught, share * taught
    rate = np.full(sales.shape, max(sales.sum() / max(share.sum(), 1.0), LEAST_RATE), np.float32)
    factors = list(_factors(panel, days))
    values = [np.ones(count, np.float32) for _, count, _ in factors]
    for _ in range(SWEEPS):
        for index, (code, count, prior) in enumerate(factors):
            sold = _sum(code, sales, count)
            expected = _sum(code, rate * share, count) / values[index]
            fresh = ((prior + sold) / (prior + expected)).astype(np.float32)
            rate *= _spread(code, fresh / values[index], sales.shape)
            values[index] = fresh
    rate = np.maximum(rate, LEAST_RATE)
    return Fit(rate, _shape(sales[:days], (rate * share)[:days]))


Factor = tuple[np.ndarray | str, int, float]
"""(codes [T, N], or the axis `pair` or `day`; how many; prior units)."""


def _factors(panel: Panel, days: int) -> Iterator[Factor]:
    yield "pair", panel.pairs, 1e-3
    yield "day", panel.days, COMMON_PRIOR
    for column in panel.ahead.values():
        code, count = _classes(column)
        if count > 1:
            yield code, count, COMMON_PRIOR
    periods = max(1, days // DRIFT_DAYS)
    if periods > 1:
        period = np.minimum(np.arange(panel.days) * periods // days, periods - 1)
        yield period[:, None] * panel.pairs + np.arange(panel.pairs), periods * panel.pairs, DRIFT_PRIOR


def _classes(column: np.ndarray) -> tuple[np.ndarray, int]:
    """Codes [T, N] of the column's values, or of its quantiles where it has many."""
    sample = column.ravel()[:: max(1, column.size // 100_000)]
    edges = np.unique(sample)
    if len(edges) > LEVELS:
        edges = np.unique(np.quantile(sample, np.linspace(0, 1, LEVELS + 1)[:-1]))
    return np.maximum(np.searchsorted(edges, column, side="right") - 1, 0), len(edges)


def _sum(code: np.ndarray | str, values: np.ndarray, count: int) -> np.ndarray:
    if isinstance(code, str):
        return values.sum(0 if code == "pair" else 1, dtype=np.float64)
    return np.bincount(code.ravel(), values.ravel(), count)


def _spread(code: np.ndarray | str, factor: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if isinstance(code, str):
        return np.broadcast_to(factor if code == "pair" else factor[:, None], shape)
    return factor[code]


def _shape(sales: np.ndarray, mean: np.ndarray) -> float:
    """r by moments: E[(S - m)^2] = m + m^2 / r, kept within 0.1 and 1000."""
    excess = float((((sales - mean) ** 2) - mean).sum(dtype=np.float64))
    square = float((mean**2).sum(dtype=np.float64))
    return float(np.clip(square / max(excess, 1e-9 * square + 1e-12), 0.1, 1000.0))


def fit_censored(
    panel: Panel, sales: np.ndarray, cut: np.ndarray, days: int | None = None, rounds: int = 6
) -> np.ndarray:
    """[T, N] E[D | D >= S] where `cut`, by expectation maximisation on the same rates."""
    from scipy.special import log_ndtr

    demand, full = sales, np.ones_like(sales)
    for _ in range(rounds):
        fit = fit_rates(panel, demand, full, days)
        mean = fit.rate[cut]
        deviation = np.sqrt(mean + mean**2 / fit.shape)
        z = (sales[cut] - mean) / deviation
        hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-z))
        demand = sales.copy()
        demand[cut] = np.maximum(mean + deviation * hazard, sales[cut])
    return demand


def _check(panel: Panel, share: np.ndarray, method: str, floor: float) -> None:
    if share.shape != panel.demand.shape:
        raise InvrlError(f"the share has shape {share.shape}, the panel {panel.demand.shape}")
    if not 0 < floor <= 1:
        raise InvrlError(f"floor = {floor}", hint="a share above 0 and at most 1")
    known = np.isfinite(share)
    bad = known & ((share < 0) | (share > 1))
    if bad.any():
        t, i = np.argwhere(bad)[0]
        place = f"{panel.names[i]} on {panel.dates[t]}"
        raise InvrlError(f"the share in stock of {place} is {share[t, i]:g}", hint="shares are 0 to 1")
    if method != "tobit" and not known.all():
        text = f"`{method}` must know which share of the day was in stock"
        raise InvrlError(text, hint="--share or --hours; --method tobit is content with a flag")
    if "sales" in panel.after or panel.knowledge == "uncensored":
        raise InvrlError("this panel is uncensored already", hint="start from the panel of sales")


def share_in_stock(
    panel: Panel, share: str = "", hours: str = "", open_hours: float = 24.0, stockout: str = ""
) -> np.ndarray:
    """[T, N] share of the day's demand that the stock was there for; NaN where only a flag says: not all.

    One of:
        share: name of a column with that share.
        hours: name of a column with the hours out of stock, of `open_hours` that are all alike.
        stockout: name of a column that is 0 on days without a stockout.
    """
    given = [name for name in (share, hours, stockout) if name]
    if not given and "instock_share" in panel.after:
        given = [share := "instock_share"]
    if len(given) != 1:
        hint = "--share COLUMN, --hours COLUMN --open HOURS, or --stockout COLUMN"
        raise InvrlError(f"{len(given) or 'no'} columns say when the stock was there", hint=hint)
    column = panel.after.get(given[0])
    if column is None:
        known = list(panel.after)
        hint = nearest(given[0], known) if known else "list it as one known after the day: --after NAME"
        raise InvrlError(f"no column `{given[0]}` among those known after the day", hint=hint)
    if share:
        return column
    if hours:
        return np.clip(1 - column / open_hours, 0, 1).astype(np.float32)
    return np.where(column > 0, np.nan, 1).astype(np.float32)
