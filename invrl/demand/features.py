"""What the network sees of demand, and what COEFF and BOTH weigh: no day after the review.

Demand is divided by the pair's scale (mean daily demand on training days), so that one
network serves all pairs. A feature of day t uses demand of days < t and the dynamic
columns known in advance. Everything is a function of cumulative sums, read at the review
days of each pair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from invrl.config.schema import GROUPS, Features
from invrl.demand.panel import Panel
from invrl.demand.quantiles import interval_quantiles
from invrl.demand.season import FURTHEST, coming, fit_season, laid_out
from invrl.demand.smoothing import discounted_sums, smoothed
from invrl.demand.sums import cumulative
from invrl.errors import InvrlError, nearest


class Normaliser(struct.PyTreeNode):
    """Means and deviations fitted on the training days; stored with every run."""

    ahead_mean: np.ndarray  # [Ka]
    ahead_sd: np.ndarray  # [Ka]
    static_mean: np.ndarray  # [Ks]
    static_sd: np.ndarray  # [Ks]
    typical: np.ndarray | float = 1.0  # [] units a day; 1 in runs of before it was fitted
    season: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))  # [S] of the year, or none


def fit_normaliser(panel: Panel, pairs: np.ndarray, days: slice, scale: np.ndarray) -> Normaliser:
    """Column means and deviations over the days and those of the training pairs that sold on them.

    `scale` [N], the pairs' mean daily demand, gives the middle that sizes of pairs are told from.
    """
    sold = panel.demand[days][:, pairs].any(0)
    pairs = pairs[sold] if sold.any() else pairs
    ahead = [column[days][:, pairs] for column in panel.ahead.values()]
    static = list(numeric_static(panel)[:, pairs])
    typical, season = np.median(scale[pairs]).astype(np.float32), fit_season(panel, pairs, days)
    return Normaliser(*_moments(ahead), *_moments(static), typical, season)


def _moments(columns: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    mean = np.array([np.mean(c, dtype=np.float64) for c in columns], np.float32)
    sd = np.array([np.std(c, dtype=np.float64) for c in columns], np.float32)
    return mean, np.where(sd > 0, sd, 1).astype(np.float32)


def numeric_static(panel: Panel) -> np.ndarray:
    """[Ks, N] the numeric static columns."""
    columns = [c.astype(np.float32) for c in panel.static.values() if c.dtype.kind in "iufb"]
    return np.stack(columns) if columns else np.zeros((0, panel.pairs), np.float32)


class Known(NamedTuple):
    """What features may be made of, for B pairs; demand in multiples of the scale."""

    demand: Array  # [T, B]
    ahead: Array  # [T, Ka, B] standardised
    static: Array  # [Ks, B] standardised
    scale: Array  # [B] units a day
    spread: Array  # [B] units a day
    typical: Array | float = 1.0  # [B] units a day, the scale of the training pair in the middle
    season: Array | None = None  # [S] of the year; None: demand has the season of the week


def features(
    known: Known,
    review: Array,
    lead_time: Array,
    period: int,
    calendar: tuple[float, float],
    config: Features,
) -> tuple[Array, Array, Array]:
    """Network features [C, F, B], default regressors [C, 4, B] and demand rate [C, B] (units a day).

    Args:
        review: [C, B] day index of each review.
        lead_time: [C, B] days.
        period: review period, days.
        calendar: where in its cycle day 0 is, and the length of the cycle (`timestep.STEPS`), days.

    Regressors: trailing mean (short, long), forecast (until arrival, review period after it).
    """
    unknown = [name for name in config.groups if name not in GROUPS]
    if unknown:
        raise InvrlError(f"features.groups: no group `{unknown[0]}`", hint=nearest(unknown[0], GROUPS))
    sums = cumulative(known.demand)
    short, long = (trailing_mean(sums, review, days) for days in (config.short, config.long))
    if calendar[1] == 7:
        rate = _level(known, known.demand, long, review, config)
        near = forecast(sums, review, jnp.zeros_like(lead_time), jnp.maximum(lead_time, 1))
        far = after = forecast(sums, review, lead_time, jnp.full_like(lead_time, period))
    else:
        rate, near, far, after = _of_the_year(known, review, lead_time, period, calendar, config)
    groups: dict[str, Callable[[], list[Array] | Array]] = {
        "recent": lambda: [short / rate, long / rate, _yesterday(known.demand, review) / rate,
                           _trailing_sd(known.demand, review, config.long) / rate],
        "yesterday": lambda: [_yesterday(known.demand, review) / rate],
        "forecast": lambda: [near / rate, far / rate],
        "calendar": lambda: _season(review, *calendar),
        "today": lambda: list(_at(known.ahead, review)),
        "coming": lambda: list(_mean_ahead(known.ahead, review, lead_time + period)),
        "supply": lambda: _supply(known, lead_time, period, review),
        "level": lambda: [jnp.log(rate * known.scale / known.typical) / 3.0],
        "season": lambda: [jnp.log(far / rate), jnp.log(after / rate)],
        "static": lambda: [jnp.broadcast_to(row, review.shape) for row in known.static],
        "smoothed": lambda: _smoothed(known, review) / rate[:, None],
        "quantiles": lambda: _quantiles(known, lead_time, period, review) / rate[:, None],
    }  # fmt: skip
    made = [groups[name]() for name in config.groups]
    blocks = [rows if isinstance(rows, Array) else jnp.stack(rows, 1) for rows in made if len(rows)]
    nothing = jnp.zeros((review.shape[0], 0, review.shape[1]))
    stacked = jnp.concatenate(blocks, 1) if blocks else nothing
    return stacked, jnp.stack([short, long, near, far], 1) * known.scale, rate * known.scale


def _level(known: Known, demand: Array, trailing: Array, review: Array, config: Features) -> Array:
    """[C, B] what demand has been lately, of the trailing mean: the unit that policies think in."""
    if config.level == "discounted":
        return discounted(known, demand, review, config.long)
    if config.level == "shrunk":
        return shrunk(known, trailing, review, config.long)
    return trailing if config.level == "trailing" else jnp.ones_like(trailing)


def _of_the_year(
    known: Known,
    review: Array,
    lead_time: Array,
    period: int,
    calendar: tuple[float, float],
    config: Features,
) -> tuple[Array, Array, Array, Array]:
    """Demand rate, and forecasts until arrival, in the review period after it and behind that, [C, B] each:
    the level without the season of the year, times the season of the days to come."""
    days = len(known.demand)
    index = jnp.ones(days + FURTHEST)
    if known.season is not None and known.season.size:
        index = laid_out(known.season, *calendar, days)
    demand = known.demand / index[:days, None]
    trailing = trailing_mean(cumulative(demand), review, config.long)
    level = _level(known, demand, trailing, review, config)
    near = level * coming(index, review, jnp.maximum(lead_time, 1))
    far = level * coming(index, review + lead_time, jnp.full_like(lead_time, period))
    after = level * coming(index, review + lead_time + period, jnp.full_like(lead_time, BEHIND * period))
    return level * coming(index, review, lead_time + period), near, far, after


BEHIND = 4
"""Review periods after the one that an order serves, whose demand says how long stock that is left lasts."""


DRIFT = 0.5
"""Relative standard deviation with which a pair's demand rate drifts about its mean over the long window."""


def shrunk(known: Known, trailing: Array, review: Array, days: int) -> Array:
    """[C, B] the trailing mean drawn to the mean of the training days (1), as far as it is noise.

    Credibility (Buhlmann 1967): n days of demand with coefficient of variation cv say as much about a rate
    that drifts by `DRIFT` as (cv / DRIFT)^2 further days of its mean. Steady sellers keep their trailing
    mean; where demand is rare or lumpy it is mostly noise.
    """
    seen = jnp.clip(review, 1, days)
    prior = _prior(known)
    return (seen * trailing + prior) / (seen + prior)


def _prior(known: Known) -> Array:
    """[B] days of its usual mean that count beside the last days of a pair."""
    return (known.spread / known.scale / DRIFT) ** 2


USUAL = 8
"""Long windows that a pair's usual demand is the mean of."""


def discounted(known: Known, demand: Array, review: Array, days: int) -> Array:
    """[C, B] mean of the past, the last days most, drawn to the usual mean as far as it is noise.

    Exponential smoothing whose weights say as much as a window of so many days does (memory: half of them).
    Unlike `shrunk` it draws to the mean of the past alone: none of its training days knows later ones, so
    what a policy learns of levels that return is so on later days, too.
    """
    decay = jnp.exp(-2.0 / days)
    total = _read(discounted_sums(demand, decay), review)
    weight = decay * (1 - decay**review) / (1 - decay)
    usual = trailing_mean(cumulative(demand), review, USUAL * days)
    prior = 1.0 + _prior(known)
    return (total + prior * usual) / (weight + prior)


USUAL_DAYS = 28


def usual_rate(known: Known, review: Array) -> Array:
    """[C, B] units a day, the shrunken rate whatever `features` says: what worlds are made of, not inputs."""
    trailing = trailing_mean(cumulative(known.demand), review, USUAL_DAYS)
    return shrunk(known, trailing, review, USUAL_DAYS) * known.scale


def _read(sums: Array, day: Array) -> Array:
    return jnp.take_along_axis(sums, jnp.clip(day, 0, sums.shape[0] - 1), axis=0)


def trailing_mean(sums: Array, day: Array, days: int) -> Array:
    """[C, B] mean of up to `days` days before `day`, with one prior day at the mean (1)."""
    start = jnp.maximum(day - days, 0)
    return (_read(sums, day) - _read(sums, start) + 1.0) / (day - start + 1.0)


def _trailing_sd(demand: Array, day: Array, days: int) -> Array:
    mean = trailing_mean(cumulative(demand), day, days)
    square = trailing_mean(cumulative(demand**2), day, days)
    return jnp.sqrt(jnp.maximum(square - mean**2, 0.0))


def _yesterday(demand: Array, day: Array) -> Array:
    return jnp.where(day > 0, _read(demand, day - 1), 1.0)


def over_interval(near: Array, far: Array, lead_time: Array, period: int) -> Array:
    """The forecasts a day until arrival and in the review period after it, together."""
    return (near * lead_time + far * period) / (lead_time + period)


WEEKS = 4


def forecast(sums: Array, day: Array, ahead: Array, length: Array) -> Array:
    """[C, B] expected demand a day over [day + ahead, day + ahead + length).

    The seasonal mean: each coming day is expected to be like the same weekday in the past
    `WEEKS` weeks; weeks before the panel's start count as the trailing mean.
    """
    level = trailing_mean(sums, day, 7 * WEEKS)
    whole, rest = length // 7, length % 7
    weeks = _past_weeks(sums, day, ahead % 7, rest, level)
    return (whole * 7 * level + sum(weeks) / WEEKS) / length


def _past_weeks(sums: Array, day: Array, offset: Array, rest: Array, level: Array) -> Array:
    """[W, C, B] demand of the days `offset .. offset + rest` of each past week, wrapping within it."""
    week = day - 7 * jnp.arange(1, WEEKS + 1)[:, None, None]
    end = offset + rest
    edges = [jnp.minimum(end, 7), offset, jnp.maximum(end - 7, 0), jnp.zeros_like(end)]
    days = week[:, None] + jnp.stack([jnp.broadcast_to(x, day.shape) for x in edges])  # [W, 4, C, B]
    read = _read(sums, days.reshape(-1, day.shape[1])).reshape(days.shape)  # at once: compiled faster
    direct, wrapped = read[:, 0] - read[:, 1], read[:, 2] - read[:, 3]
    return jnp.where(week >= 0, direct + wrapped, rest * level)


def _season(day: Array, phase: float, cycle: float) -> list[Array]:
    angle = 2 * jnp.pi * ((day + phase) % cycle) / cycle
    return [jnp.sin(angle), jnp.cos(angle)]


def _at(columns: Array, day: Array) -> Array:
    """[Ka, C, B] columns [T, Ka, B] read at the days [C, B]."""
    index = jnp.clip(day, 0, columns.shape[0] - 1)[:, None]
    return jnp.moveaxis(jnp.take_along_axis(columns, index, axis=0), 1, 0)


def _mean_ahead(columns: Array, day: Array, length: Array) -> Array:
    """[Ka, C, B] mean over the coming `length` days that the panel still holds."""
    sums = cumulative(columns)
    last = columns.shape[0]
    stop = jnp.minimum(day + length, last)
    start = jnp.minimum(day, last - 1)
    return (_at(sums, stop) - _at(sums, start)) / jnp.maximum(stop - start, 1)


def _supply(known: Known, lead_time: Array, period: int, review: Array) -> list[Array]:
    rows = [jnp.log(known.scale / known.typical) / 3.0, known.spread / known.scale / 2.0]
    constant = [jnp.broadcast_to(row, review.shape) for row in rows]
    return [lead_time / 7.0, jnp.full(review.shape, period / 7.0), *constant]


def _smoothed(known: Known, review: Array) -> Array:
    """[C, V, B]"""
    return smoothed(known.demand, known.spread / known.scale, review)


def _quantiles(known: Known, lead_time: Array, period: int, review: Array) -> Array:
    """[C, Q, B]"""
    length = lead_time[0].astype(jnp.int32) + period
    return interval_quantiles(known.demand, known.spread / known.scale, review, length, lead_time + period)
