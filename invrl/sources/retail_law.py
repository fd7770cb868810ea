"""The law behind the `retail` source: what SKUs are like, and how their demand comes about.

Expected demand of pair i on day t, units:
    mean = rate_i * exp(trend + year + week + log_lift * festival + elasticity * promotion
                        + shock * z - shock**2 / 2) * launched * alive
where all but rate_i belong to the SKU and are shared by its warehouses, and z is a stationary
AR(1) of variance 1. Demand is Poisson(mean * gamma), gamma of mean 1 and variance 1 / shape:
negative binomial. SKUs with intermittent demand sell on a share of the days, and more on these.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from invrl.demand import timestep

FESTIVAL_SHAPE = np.array([0.1, 0.15, 0.3, 1.0, 0.4, 0.15, -0.05, -0.1, -0.1, -0.05])
"""Strength from 3 days before a festival to 6 days after; the peak is partly demand brought forward."""
CATEGORIES = 12
SKUS_PER_SUPPLIER = 20
LONGEST_PROMOTION = 7


class Skus(NamedTuple):
    """What is fixed per SKU, each [S] (`week` is [S, 7], Monday first)."""

    category: np.ndarray
    supplier: np.ndarray
    scale: np.ndarray  # units a day, in a median warehouse
    shape: np.ndarray  # of the gamma factor
    busy: np.ndarray  # share of days on which it can sell
    trend: np.ndarray  # log growth a year
    swing: np.ndarray  # log amplitude of the yearly season
    phase: np.ndarray  # angle of its peak
    week: np.ndarray  # log effect of the day of the week
    log_lift: np.ndarray  # log effect of a festival
    elasticity: np.ndarray  # log effect of a price cut of 100 %
    birth: np.ndarray  # day of launch, -inf: before the panel
    death: np.ndarray  # day by which half the demand is gone, inf: never
    price: np.ndarray
    margin: np.ndarray


def draw_skus(rng: np.random.Generator, count: int, o: SimpleNamespace) -> Skus:
    """As many SKUs as `count`; `o` holds the options of `retail`, here and below."""
    category = rng.integers(0, CATEGORIES, count)
    phase = rng.uniform(0, 2 * np.pi, CATEGORIES)
    week = 0.15 * rng.standard_normal((CATEGORIES, 7))
    spread, burst, lift, worth = rng.standard_normal((4, count))
    rare, born, dying = rng.random((3, count)) < np.array([[o.intermittent], [o.life_cycle], [o.life_cycle]])
    return Skus(
        category=category,
        supplier=rng.integers(0, -(-count // SKUS_PER_SUPPLIER), count),
        scale=o.median_demand * np.exp(o.demand_spread * spread),
        shape=o.dispersion * np.exp(0.7 * burst),
        busy=np.where(rare, rng.uniform(0.1, 0.5, count), 1.0),
        trend=0.3 * rng.standard_normal(count),
        swing=rng.uniform(0, o.season, count),
        phase=phase[category],
        week=(week - week.mean(axis=1, keepdims=True))[category],
        log_lift=np.log(o.festival_lift) * np.exp(0.2 * lift),
        elasticity=rng.uniform(2, 5, CATEGORIES)[category],
        birth=np.where(born, rng.uniform(0, o.days, count), -np.inf),
        death=np.where(dying, rng.uniform(0, o.days, count), np.inf),
        price=50 * np.exp(0.8 * worth - 0.1 * o.demand_spread * spread),  # what sells fast is cheaper
        margin=rng.uniform(0.1, 0.5, count),
    )


def assortment(
    rng: np.random.Generator, pairs: int, size: np.ndarray, mean: float
) -> tuple[np.ndarray, np.ndarray]:
    """SKU and warehouse index [N] of each pair, sorted by both; large warehouses hold more SKUs."""
    more = len(size) - 1
    held = 1 + rng.binomial(more, (mean - 1) / max(more, 1), pairs)  # at most one SKU per pair
    count = int(np.searchsorted(np.cumsum(held), pairs)) + 1
    held = held[:count]
    held[-1] -= held.sum() - pairs
    wish = np.log(size) + rng.gumbel(size=(count, len(size)))
    rank = (-wish).argsort(axis=1).argsort(axis=1)
    sku, warehouse = np.nonzero(rank < held[:, None])
    return sku, warehouse


def festival_strength(o: SimpleNamespace) -> np.ndarray:
    """Festival strength [T] of each day of the panel."""
    dates = o.start + np.arange(o.days)
    years = np.unique((dates[[0, -1]] + np.array([-10, 10])).astype("datetime64[Y]"))
    strength = np.zeros(o.days)
    for year in np.arange(years[0], years[-1] + 1):
        for name, weight in o.festivals.items():
            offset = (dates - np.datetime64(f"{year}-{name}", "D")).astype(int) + 3
            near = (offset >= 0) & (offset < len(FESTIVAL_SHAPE))
            strength[near] += weight * FESTIVAL_SHAPE[offset[near]]
    return strength


def effects(
    rng: np.random.Generator, skus: Skus, festival: np.ndarray, o: SimpleNamespace
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Demand factor, promotion and market signal of each SKU and day, each [T, S]."""
    size = (o.days, len(skus.scale))
    z, noise = _persistent(rng, size, o.persistence), _persistent(rng, size, o.persistence)
    promotion = _promotions(rng, size, o.promotions / 30)
    dates = o.start + np.arange(o.days)
    weekday = timestep.weekday(dates)
    angle = 2 * np.pi * (dates - dates.astype("datetime64[Y]")).astype(int)[:, None] / 365.25
    day = np.arange(o.days)[:, None]
    log = skus.trend * day / 365 + skus.swing * np.cos(angle - skus.phase) + skus.week[:, weekday].T
    log += skus.log_lift * festival[:, None] + skus.elasticity * promotion
    log += o.shock * z - o.shock**2 / 2
    launched = 1 - np.exp(-np.maximum(day + 1 - skus.birth, 0) / 10)
    alive = 1 / (1 + np.exp((day - skus.death) / 7))
    return np.exp(log) * launched * alive, promotion, o.signal * z + np.sqrt(1 - o.signal**2) * noise


def _persistent(rng: np.random.Generator, size: tuple[int, int], rho: float) -> np.ndarray:
    """Stationary AR(1) with variance 1 over axis 0: each pass doubles the lags summed so far."""
    x = rng.standard_normal(size)
    x[1:] *= np.sqrt(1 - rho**2)
    lag = 1
    while lag < size[0]:
        x[lag:] += rho**lag * x[:-lag]
        lag *= 2
    return x


def _promotions(rng: np.random.Generator, size: tuple[int, int], chance: float) -> np.ndarray:
    """Price cut [T, S] in 0..0.4: each day starts one of 3-7 days with this chance; the deepest counts."""
    size = (size[0] + LONGEST_PROMOTION, size[1])
    depth = np.where(rng.random(size) < chance, rng.uniform(0.1, 0.4, size), 0.0)
    length = rng.integers(3, LONGEST_PROMOTION + 1, size)
    cut = depth.copy()
    for lag in range(1, LONGEST_PROMOTION):
        cut[lag:] = np.maximum(cut[lag:], np.where(length > lag, depth, 0.0)[:-lag])
    return cut[LONGEST_PROMOTION:]


def sales(rng: np.random.Generator, mean: np.ndarray, shape: np.ndarray, busy: np.ndarray) -> np.ndarray:
    """Demand [T, N], negative binomial, on the busy share of days only; int."""
    mean *= rng.standard_gamma(shape, mean.shape) / shape
    rare = np.nonzero(busy < 1)[0]
    mean[:, rare] *= (rng.random((len(mean), len(rare))) < busy[rare]) / busy[rare]
    return rng.poisson(mean)
