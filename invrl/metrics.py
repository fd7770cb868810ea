"""What is measured, and the objectives made of it.

Measures are per pair first; means over pairs come later (`scoring/intervals.py`). Reported
numbers use the exact measures; `soft_stockout` is the smooth twin that DS trains on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from invrl.config.schema import Objective
from invrl.simulator import Day


class Prices(NamedTuple):
    """The numbers of an objective; traced, so that they may be searched or tuned."""

    stockout: Array | float
    turnover: Array | float
    penalty: Array | float
    holding: Array | float
    width: Array | float  # days of mean demand


class Totals(NamedTuple):
    """Sums over the measured days of a pair; every field [N]."""

    days: Array
    stockout_days: Array
    inventory: Array  # unit-days in stock
    unmet: Array  # units (unit-days when backlogged)
    sales: Array
    demand: Array
    filled: Array  # units of demand served on their day
    ordered: Array
    ordered_squared: Array
    orders: Array  # number of orders > 0


def prices(objective: Objective) -> Prices:
    return Prices(
        objective.stockout_weight, objective.turnover_weight,
        objective.penalty, objective.holding, objective.width,
    )  # fmt: skip


NOTHING = 1e-4
"""Days of mean demand that count as no stock: what float arithmetic leaves of a day that ends with none."""


def is_stockout(day: Day, scale: Array, whole: bool = False) -> Array:
    """[N] 1 where the day ends with nothing to sell: no stock, `NOTHING` included, or less than a whole unit.

    Args:
        scale: [N] mean daily demand, units.
        whole: units are sold whole (`Episode.whole`).
    """
    out = day.inventory < 1 if whole else day.inventory <= NOTHING * scale
    return out.astype(day.inventory.dtype)


def settled(day: Day, scale: Array) -> Day:
    """The day as it is kept and shown: stock that counts as none is none."""
    left = jnp.where(day.inventory <= NOTHING * scale, jnp.minimum(day.inventory, 0.0), day.inventory)
    return day._replace(inventory=left)


def soft_stockout(day: Day, width: Array, whole: bool = False) -> Array:
    """[N] in 0..1: a sigmoid of demand - on hand over `width` units; width -> 0 is exact.

    Of whole units it is a ramp from one left to none, exact for whole stock: what lies between is the
    average of the two. Where many are sold the width is more than that of the ramp: then a sigmoid about
    its middle.
    """
    net = day.on_hand - day.demand
    if not whole:
        return jax.nn.sigmoid(-net / width)
    return jnp.where(width > RAMP, jax.nn.sigmoid((0.5 - net) / width), jnp.clip(1 - net, 0.0, 1.0))


def softness(scale: Array, width: Array | float, whole: bool) -> Array:
    """[N] units over which the stockout indicator is smoothed; its steepest slope is 1 / (4 softness)."""
    return jnp.maximum(width * scale, RAMP) if whole else width * scale


RAMP = 0.25
"""Units: the sigmoid of this width is as steep as the ramp from one unit to none."""


def day_cost(
    day: Day, scale: Array, price: Prices, objective: Objective, soft: bool = False, whole: bool = False
) -> Array:
    """[N] one day's objective; its mean over measured days is the pair's objective.

    service: w_SR * stockout + w_TT * inventory / mean demand
    cost:    b * unmet + h * leftover (divided by mean demand if `per` says so)

    Args:
        scale: [N] mean daily demand on training days, units: the constant that makes the
            turnover ratio additive (problem statement, section 3).
        soft: the stockout indicator is replaced by its smooth twin.
        whole: units are sold whole (`Episode.whole`).
    """
    stock = jnp.maximum(day.inventory, 0.0)
    if objective.kind == "service":
        width = softness(scale, price.width, whole)
        out = soft_stockout(day, width, whole) if soft else is_stockout(day, scale, whole)
        return price.stockout * out + price.turnover * stock / scale
    cost = price.penalty * day.unmet + price.holding * stock
    return cost / scale if objective.per == "mean_demand" else cost


def shadow_price(
    scale: Array, protection: Array, price: Prices, objective: Objective, unmet: str, whole: bool = False
) -> Array:
    """[N] the most that one more unit of stock can change a pair's summed objective.

    service: the steepest slope of the smooth stockout, w_SR / (4 width scale), and holding it until the
             next order makes up for it, w_TT (L + P) / scale
    cost:    b for the sale it saves (b (L + P) of waiting, when backlogged) and h (L + P) for holding it

    Args:
        protection: [N] lead time + review period, days.
    """
    if objective.kind == "service":
        return (
            price.stockout / (4 * softness(scale, price.width, whole)) + price.turnover * protection / scale
        )
    saved = price.penalty * (protection if unmet == "backlog" else 1.0)
    cost = saved + price.holding * protection
    return cost / scale if objective.per == "mean_demand" else cost


def totals(day: Day, scale: Array, whole: bool = False) -> Totals:
    """A day's contribution to the sums; `scale` [N] is mean daily demand, units."""
    order, out = day.order, is_stockout(day, scale, whole)
    return Totals(
        jnp.ones_like(order), out, jnp.maximum(day.inventory, 0.0), day.unmet, day.sales,
        day.demand, jnp.clip(day.on_hand, 0.0, day.demand),
        order, order * order, (order > 0).astype(order.dtype),
    )  # fmt: skip


def measures(sums: Totals, scale: np.ndarray, objective: Objective, cap: float) -> dict[str, np.ndarray]:
    """Per-pair measures [N] from the sums.

    stockout_rate      share of measured days that end with no stock
    turnover_time      days: mean end-of-day stock / mean daily sales, cut at `cap`; a pair without
                       sales has 0 if it held nothing, else `cap`
    cost               b * unmet + h * leftover a day, in the units of `objective.per`
    objective          what training minimises, exact
    fill_rate          demand served on its day / demand; 1 without demand
    lost_units, average_inventory, mean_sales, order_size, order_cv: units a day, units, units a day,
                       units per order, sd / mean of daily order quantities

    Args:
        sums: numpy arrays [N].
        scale: [N] mean daily demand on training days, units.
        cap: days.
    """
    days = np.maximum(sums.days, 1)
    stock, sold, unmet = sums.inventory / days, sums.sales / days, sums.unmet / days
    turnover = np.divide(stock, sold, out=np.where(stock > 0, np.inf, 0.0), where=sold > 0)
    rate = sums.stockout_days / days
    ordered = sums.ordered / days
    variance = np.maximum(sums.ordered_squared / days - ordered**2, 0.0)
    return {
        "stockout_rate": rate,
        "turnover_time": np.minimum(turnover, cap),
        **priced(rate, unmet, stock, scale, objective),
        "fill_rate": np.divide(sums.filled, sums.demand, out=np.ones_like(sold), where=sums.demand > 0),
        "lost_units": unmet,
        "average_inventory": stock,
        "mean_sales": sold,
        "order_size": np.divide(sums.ordered, sums.orders, out=np.zeros_like(sold), where=sums.orders > 0),
        "order_cv": np.divide(np.sqrt(variance), ordered, out=np.zeros_like(sold), where=ordered > 0),
    }


def priced(
    rate: Any, unmet: Any, stock: Any, scale: np.ndarray, objective: Objective
) -> dict[str, np.ndarray]:
    """The measures [N] that depend on prices: `cost` and `objective`, a day.

    Args:
        rate: share of days out of stock.
        unmet, stock: units a day, mean units in stock.
        scale: mean daily demand on training days, units.
    """
    unit = scale if objective.per == "mean_demand" else 1.0
    cost = (objective.penalty * unmet + objective.holding * stock) / unit
    service = objective.stockout_weight * rate + objective.turnover_weight * stock / scale
    return {"cost": cost, "objective": service if objective.kind == "service" else cost}


def repriced(values: dict[str, np.ndarray], scale: np.ndarray, objective: Objective) -> dict[str, np.ndarray]:
    """Measures [N] as another objective counts them."""
    rate, unmet, stock = (values[name] for name in ("stockout_rate", "lost_units", "average_inventory"))
    return values | priced(rate, unmet, stock, scale, objective)


OVER_TARGET = 1000.0
"""Days of turnover per unit of stockout rate above the target: selection hardly trades there."""


def validation_score(measured: Mapping[str, float], objective: Objective) -> float:
    """What the best is chosen by, checkpoints and configurations alike.

    The objective, or turnover time subject to the target.
    """
    if not objective.target_stockout:
        return measured["objective"]
    excess = max(measured["stockout_rate"] - objective.target_stockout, 0.0)
    return measured["turnover_time"] + OVER_TARGET * excess


MEASURES: dict[str, str] = {
    "stockout_rate": "stockout rate (%)",
    "turnover_time": "turnover time (days)",
    "cost": "cost",
    "objective": "objective",
    "fill_rate": "fill rate (%)",
    "lost_units": "lost units a day",
    "average_inventory": "inventory (units)",
    "mean_sales": "sales (units a day)",
    "order_size": "order size (units)",
    "order_cv": "order variability",
}
"""Every measure and its heading."""

PERCENT = ("stockout_rate", "fill_rate")
"""Shares that tables show in per cent."""


def float_sums(sums: Any) -> Totals:
    """Sums as float64 numpy, so that ratios of long totals stay exact to print."""
    return Totals(*(np.asarray(x, np.float64) for x in sums))
