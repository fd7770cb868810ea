"""The `retail` source: demand in the image of a large e-commerce platform, of any size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType, SimpleNamespace

import numpy as np

from invrl.demand.panel import Panel
from invrl.devices.memory import refuse_too_large
from invrl.errors import InvrlError, nearest
from invrl.sources.options import numbered, real, whole
from invrl.sources.retail_law import (
    CATEGORIES,
    Skus,
    assortment,
    draw_skus,
    effects,
    festival_strength,
    sales,
)

FESTIVALS = MappingProxyType(
    {"03-08": 0.4, "05-20": 0.5, "06-18": 1.0, "08-18": 0.3, "09-09": 0.3, "11-11": 1.3, "12-12": 0.5}
)
"""Month-day -> strength; 1 multiplies demand by the SKU's lift."""
RATE_LIMITS = (1 / 30, 500.0)
"""Lowest and highest rate of a pair, units a day."""
BLOCK_SKUS = 128
"""SKUs drawn from one random stream: part of the law, since another size gives another panel."""
WEIGHTS = ("none", "demand", "value")
WHOLE = {"pairs": (1, None), "days": (2, None), "seed": (0, None), "warehouses": (1, None)}
REAL = {
    "median_demand": (1e-6, None),
    "demand_spread": (0.0, 4.0),
    "dispersion": (1e-3, None),
    "intermittent": (0.0, 1.0),
    "season": (0.0, 2.0),
    "life_cycle": (0.0, 0.5),
    "festival_lift": (1.0, 50.0),
    "promotions": (0.0, 10.0),
    "shock": (0.0, 2.0),
    "persistence": (0.0, 0.99),
    "signal": (0.0, 1.0),
}
"""Bounds of the options."""


def retail(
    pairs: int = 512,
    days: int = 120,
    seed: int = 0,
    start: str | date = "2024-03-01",
    warehouses: int = 20,
    warehouses_per_sku: float = 10.0,
    median_demand: float = 1.5,
    demand_spread: float = 1.6,
    dispersion: float = 2.0,
    intermittent: float = 0.2,
    season: float = 0.3,
    life_cycle: float = 0.05,
    festivals: Mapping[str, float] = FESTIVALS,
    festival_lift: float = 4.0,
    promotions: float = 1.0,
    shock: float = 0.3,
    persistence: float = 0.9,
    signal: float = 0.5,
    lead_time: Sequence[int] = (1, 14),
    random_lead_time: bool = False,
    review_periods: Sequence[int] = (),
    review_shares: Sequence[float] = (),
    weights: str = "none",
) -> Panel:
    """A retail panel; the same options give the same panel.

    Args:
        pairs: SKU-warehouse pairs, >= 1.
        days: >= 2.
        seed: of everything random, >= 0.
        start: first day, `YYYY-MM-DD`.
        warehouses: >= 1; about 2 in 3 have between 0.6 and 1.6 times the median demand.
        warehouses_per_sku: mean number of warehouses that hold a SKU, 1 to `warehouses`.
        median_demand: median over SKUs of the rate, units a day in a median warehouse, > 0.
        demand_spread: standard deviation of the log rate over SKUs, 0 to 4.
        dispersion: median over SKUs of the gamma shape, > 0; smaller is burstier.
        intermittent: share of SKUs that sell on 10 to 50 % of the days only, 0 to 1.
        season: largest log amplitude of the yearly season, 0 to 2.
        life_cycle: share of SKUs launched during the panel, and share that fade out, each 0 to 0.5.
        festivals: month-day -> strength, as in {"06-18" = 1.0}; empty for none.
        festival_lift: median demand factor of a festival of strength 1, >= 1.
        promotions: mean number of promotions a SKU starts in 30 days, 0 to 10.
        shock: standard deviation of the log shock to a SKU's demand, 0 to 2.
        persistence: autocorrelation of the shock from day to day, 0 to 0.99.
        signal: correlation of the column `market` with the shock, 0 to 1.
        lead_time: lowest and highest lead time, days, 0 to 365; one is drawn for each supplier.
        random_lead_time: vary lead times by order day (30 % around the supplier's, within `lead_time`).
        review_periods: days, >= 1, one drawn for each supplier; empty leaves them to `[supply]`.
        review_shares: probabilities of `review_periods`; empty for equal ones.
        weights: of pairs: `none`, `demand` (the rate) or `value` (rate times price).

    Returns:
        Panel with ahead columns `festival` (strength, the same for all pairs), `promotion` (price cut,
        share of the price) and `market` (standardised signal of the coming shock); static columns
        `category`, `supplier`, `margin` (share of the price) and `velocity` (A, B, C: the fastest 20 %,
        the next 30 %, the rest of the pairs by rate); price (money per unit) and lead time [N], or
        [T, N] when random.

    Raises:
        InvrlError: an option out of bounds, or a panel larger than the machine's memory.
    """
    o = SimpleNamespace(**locals())
    _check(o)
    refuse_too_large(pairs, days, 4)
    o.start = _first_day(start)
    rng = np.random.default_rng([seed, 0])
    size = np.exp(0.5 * rng.standard_normal(warehouses))
    sku, warehouse = assortment(rng, pairs, size, warehouses_per_sku)
    skus = draw_skus(rng, int(sku[-1]) + 1, o)
    rate = np.clip(skus.scale[sku] * size[warehouse], *RATE_LIMITS)
    price = skus.price[sku]
    demand, ahead = _draw_days(sku, rate, skus, o)
    lead, review = _supply(np.random.default_rng([seed, 2]), skus.supplier[sku], o)
    weight = {"none": None, "demand": rate, "value": rate * price}[weights]
    return Panel(
        demand=demand,
        sku=numbered("S", len(skus.scale), 6)[sku],
        warehouse=numbered("W", warehouses, 2)[warehouse],
        start=o.start,
        ahead=ahead,
        static={
            "category": numbered("C", CATEGORIES, 2)[skus.category[sku]],
            "supplier": numbered("P", int(skus.supplier.max()) + 1, 4)[skus.supplier[sku]],
            "margin": skus.margin[sku].astype(np.float32),
            "velocity": _velocity(rate),
        },
        lead_time=lead,
        review_period=review,
        counted=True,
        price=price.astype(np.float32),
        weight=None if weight is None else weight.astype(np.float32),
    )


def _draw_days(
    sku: np.ndarray, rate: np.ndarray, skus: Skus, o: SimpleNamespace
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Demand [T, N] and the columns known ahead, block by block to bound the memory."""
    festival = festival_strength(o)
    demand, promotion, market = (np.empty((o.days, o.pairs), np.float32) for _ in range(3))
    for first in range(0, len(skus.scale), BLOCK_SKUS):
        rng = np.random.default_rng([o.seed, 1, first])
        block = Skus(*(column[first : first + BLOCK_SKUS] for column in skus))
        cut = slice(*np.searchsorted(sku, (first, first + BLOCK_SKUS)))
        own = sku[cut] - first
        factor, price_cut, signal = effects(rng, block, festival, o)
        demand[:, cut] = sales(rng, factor[:, own] * rate[cut], block.shape[own], block.busy[own])
        promotion[:, cut], market[:, cut] = price_cut[:, own], signal[:, own]
    everywhere = np.broadcast_to(festival.astype(np.float32)[:, None], demand.shape)
    return demand, {"festival": everywhere, "promotion": promotion, "market": market}


def _supply(
    rng: np.random.Generator, supplier: np.ndarray, o: SimpleNamespace
) -> tuple[np.ndarray, np.ndarray | None]:
    """Lead time, [N] or by order day [T, N], and review period [N] of the pairs' suppliers."""
    count = int(supplier.max()) + 1
    low, high = o.lead_time
    lead = rng.integers(low, high + 1, count)[supplier].astype(np.int32)
    review = None
    if o.review_periods:
        shares = np.array(o.review_shares) / sum(o.review_shares) if o.review_shares else None
        review = rng.choice(o.review_periods, count, p=shares)[supplier].astype(np.int32)
    if not o.random_lead_time:
        return lead, review
    varied = np.empty((o.days, len(lead)), np.int16)
    for t in range(o.days):  # day by day to bound the memory
        noise = 0.3 * rng.standard_normal(len(lead), dtype=np.float32)
        varied[t] = np.clip(np.rint(lead * np.exp(noise)), low, high)
    return varied, review


def _velocity(rate: np.ndarray) -> np.ndarray:
    """A for the fastest 20 % of pairs, B for the next 30 %, C for the rest; [N] str."""
    fast, middle = np.quantile(rate, (0.8, 0.5))
    return np.where(rate >= fast, "A", np.where(rate >= middle, "B", "C"))


def _check(o: SimpleNamespace) -> None:
    """Refuse options out of bounds, naming the first."""
    for name, limits in WHOLE.items():
        whole(name, getattr(o, name), *limits)
    for name, span in REAL.items():
        real(name, getattr(o, name), *span)
    real("warehouses_per_sku", o.warehouses_per_sku, 1, o.warehouses)
    if o.weights not in WEIGHTS:
        raise InvrlError(f"data option `weights` is {o.weights!r}", hint=nearest(str(o.weights), WEIGHTS))
    if not isinstance(o.random_lead_time, bool):
        raise InvrlError(f"data option `random_lead_time` is {o.random_lead_time!r}", hint="true or false")
    _check_festivals(o.festivals)
    _check_supply(o)


def _first_day(start: str | date) -> np.datetime64:
    try:
        return np.datetime64(date.fromisoformat(str(start)), "D")
    except ValueError:
        raise InvrlError(f"data option `start` is {start!r}", hint="it takes a day, YYYY-MM-DD") from None


def _check_festivals(festivals: Mapping[str, float]) -> None:
    hint = "it takes a table of month-day = strength, as in {'06-18' = 1.0}"
    if not isinstance(festivals, Mapping):
        raise InvrlError(f"data option `festivals` is {festivals!r}", hint=hint)
    for name, strength in festivals.items():
        try:
            day = np.datetime64(f"2023-{name}")
        except ValueError:
            day = np.datetime64("NaT")
        if np.datetime_data(day.dtype)[0] != "D":  # not a day, but a month, an hour or nothing
            raise InvrlError(f"data option `festivals` holds {name!r}", hint=hint)
        real(f"festivals.{name}", strength, 0, 5)


def _check_supply(o: SimpleNamespace) -> None:
    for name in ("lead_time", "review_periods", "review_shares"):
        if not isinstance(getattr(o, name), (list, tuple)):
            raise InvrlError(f"data option `{name}` is {getattr(o, name)!r}", hint="it takes a list")
    if len(o.lead_time) != 2:
        hint = "it takes [lowest, highest], days"
        raise InvrlError(f"data option `lead_time` is {o.lead_time!r}", hint=hint)
    whole("lead_time[0]", o.lead_time[0], 0)
    whole("lead_time[1]", o.lead_time[1], o.lead_time[0], 365)
    for period in o.review_periods:
        whole("review_periods", period, 1)
    for share in o.review_shares:
        real("review_shares", share, 0)
    if o.review_shares and (len(o.review_shares) != len(o.review_periods) or sum(o.review_shares) <= 0):
        hint = "one share for each of `review_periods`, not all 0"
        raise InvrlError(f"data option `review_shares` is {o.review_shares!r}", hint=hint)
