"""Exact optima of the textbook systems: what a learned policy is measured against.

Finite horizon, backlog, lead time 1 (the paper's Setting 1) by dynamic programming, on a
demand law or on one estimated from data; newsvendor levels for i.i.d. normal demand (Setting 4);
base-stock for i.i.d. Poisson demand. Autoregressive demand is in `optima_ar1`.
Order of events in a day, as everywhere: arrival, order, demand, then end-of-day inventory is charged.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from invrl.errors import InvrlError


class Plan(NamedTuple):
    """An optimal policy of the finite-horizon problem.

    Attributes:
        value: expected cost per measured day, starting with no stock.
        levels: [T] float, order-up-to level of each day, NaN where no order could serve a later day.
        orders: [T, G] int, best order at each inventory, 0 on days without review.
        inventory: [G] int, the inventories of the table, consecutive.
    """

    value: float
    levels: np.ndarray
    orders: np.ndarray
    inventory: np.ndarray


def newsvendor_cost(net: np.ndarray, holding: float, penalty: float) -> np.ndarray:
    """holding * [net]+ + penalty * [-net]+, elementwise."""
    return holding * np.maximum(net, 0) + penalty * np.maximum(-net, 0)


def uniform_pmf(low: np.ndarray, width: int = 5) -> np.ndarray:
    """Demand law uniform on low_t .. low_t + width - 1, for integers low [T]: pmf [T, D]."""
    demand = np.arange(low.max() + width)
    return ((demand >= low[:, None]) & (demand < low[:, None] + width)) / width


def empirical_pmf(demand: np.ndarray) -> np.ndarray:
    """Demand law [T, D] of each day by counting the trajectories of demand [T, N], rounded to units."""
    units = np.rint(demand).astype(int)
    return (units[:, :, None] == np.arange(units.max() + 1)).mean(axis=1)


def finite_horizon(
    pmf: np.ndarray,
    holding: float = 0.1,
    penalty: float = 0.9,
    review_period: int = 2,
    first_review: int = 2,
    measured_from: int = 3,
    max_order: int = 100,
    inventory: tuple[int, int] = (-100, 200),
) -> Plan:
    """Optimal orders for independent integer demand with backlog and a lead time of 1 day.

    V_t(i) = 1{t measured} E c(i - D_t) + min over 0 <= a <= max_order of E V_{t+1}(i - D_t + a),
    V_T = 0, with a = 0 on days without review and c the `newsvendor_cost`. The inventory is
    held inside the table. (Xie et al. 2026, benchmark of Setting 1.)

    Args:
        pmf: [T, D], probability of each demand on each day.
        holding, penalty: cost per unit left over, and per unit backlogged, a day.
        review_period, first_review: reviews fall on first_review, first_review + review_period, ...
        measured_from: first day that is charged.
        max_order: largest order, units.
        inventory: lowest and highest inventory of the table, units.

    Raises:
        InvrlError: the table does not hold 0.
    """
    low, high = inventory
    if not low <= 0 <= high:
        raise InvrlError(f"inventory table {low}..{high} does not hold 0", hint="0 is where every run starts")
    days, size = len(pmf), high - low + 1
    stock, position = np.arange(low, high + 1), np.arange(low, high + max_order + 1)
    left = position[:, None] - np.arange(pmf.shape[1])  # [G + max_order, D]
    row = np.clip(left, low, high) - low
    cost = newsvendor_cost(left[:size], holding, penalty)
    value, levels, orders = np.zeros(size), np.full(days, np.nan), np.zeros((days, size), int)
    for t in reversed(range(days)):
        after = value[row] @ pmf[t]  # expected cost to go of each inventory position
        if first_review <= t < days - 1 and (t - first_review) % review_period == 0:
            options = sliding_window_view(after, max_order + 1)
            orders[t] = options.argmin(axis=1)
            levels[t] = position[after.argmin()]
            value = options.min(axis=1)
        else:
            value = after[:size]
        if t >= measured_from:
            value = value + cost @ pmf[t]
    return Plan(float(value[-low]) / (days - measured_from), levels, orders, stock)


def run_plan(
    plan: Plan, demand: np.ndarray, holding: float = 0.1, penalty: float = 0.9, measured_from: int = 3
) -> np.ndarray:
    """Mean cost per measured day of a plan on given trajectories, from no stock.

    Args:
        plan: a result of `finite_horizon`, over at least as many days as the demand.
        demand: [T, N], units a day.
        holding, penalty, measured_from: as given to `finite_horizon`.

    Returns:
        [N] cost per measured day.
    """
    low, high = plan.inventory[0], plan.inventory[-1]
    stock, total = np.zeros(demand.shape[1]), np.zeros(demand.shape[1])
    for t, wanted in enumerate(demand):
        row = np.clip(np.rint(stock), low, high).astype(int) - low
        stock = stock - wanted
        if t >= measured_from:
            total += newsvendor_cost(stock, holding, penalty)
        stock = stock + plan.orders[t][row]
    return total / (len(demand) - measured_from)


def expected_cost(
    plan: Plan, pmf: np.ndarray, holding: float = 0.1, penalty: float = 0.9, measured_from: int = 3
) -> float:
    """Expected cost per measured day of a plan under a demand law: `run_plan` without sampling noise.

    Args:
        plan: a result of `finite_horizon`, of any law.
        pmf: [T, D], the law that demand follows.
        holding, penalty, measured_from: as given to `finite_horizon`.
    """
    low, high = plan.inventory[0], plan.inventory[-1]
    left = plan.inventory[:, None] - np.arange(pmf.shape[1])
    cost, value = newsvendor_cost(left, holding, penalty), np.zeros(len(left))
    for t in reversed(range(len(pmf))):
        row = np.clip(left + plan.orders[t][:, None], low, high) - low
        value = value[row] @ pmf[t] + (cost @ pmf[t] if t >= measured_from else 0.0)
    return float(value[-low]) / (len(pmf) - measured_from)


class BaseStock(NamedTuple):
    """Long-run figures of a base-stock policy, per day.

    Attributes:
        level: units, order up to this inventory position.
        cost: holding * mean_inventory + penalty * mean_backlog.
        mean_inventory, mean_backlog: units, at the end of the day.
        stockout_rate: share of days that end with no stock (inventory <= 0).
    """

    level: int
    cost: float
    mean_inventory: float
    mean_backlog: float
    stockout_rate: float


def poisson_base_stock(
    mean: float, lead_time: int, penalty: float, holding: float = 1.0, review_period: int = 1
) -> BaseStock:
    """Best base-stock level for i.i.d. Poisson demand with backlog, in closed form.

    An order brings the position to S; after k = lead_time + 1 .. lead_time + review_period days of
    demand the net inventory is S - Poisson(k * mean), and S minimises the mean cost over these k
    (Zipkin 2000, chapter 6).

    Args:
        mean: demand, units a day, > 0.
        lead_time: days, >= 0.
        penalty, holding: cost per unit backlogged, and per unit left over, a day, > 0.
        review_period: days, >= 1.
    """
    means = mean * np.arange(lead_time + 1, lead_time + review_period + 1)  # [P]
    top = int(means[-1] + 12 * math.sqrt(means[-1]) + 30)
    units = np.arange(top + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(units[1:]))])
    law = np.exp(units * np.log(means[:, None]) - means[:, None] - log_factorial).mean(axis=0)
    below = np.cumsum(law)
    level = int(np.searchsorted(below, penalty / (penalty + holding)))
    net = level - units
    inventory, backlog = float(np.maximum(net, 0) @ law), float(np.maximum(-net, 0) @ law)
    stockout = float(law[level:].sum())
    return BaseStock(level, holding * inventory + penalty * backlog, inventory, backlog, stockout)


def normal_level(mean: float, sd: np.ndarray, holding: float = 0.1, penalty: float = 0.9) -> np.ndarray:
    """Newsvendor levels mean + z * sd, z the penalty / (penalty + holding) quantile. Shape of `sd`."""
    return mean + NormalDist().inv_cdf(penalty / (penalty + holding)) * np.asarray(sd)


def normal_cost(sd: np.ndarray, holding: float = 0.1, penalty: float = 0.9) -> np.ndarray:
    """Expected cost of the newsvendor level, (penalty + holding) * sd * density(z). Shape of `sd`."""
    z = NormalDist().inv_cdf(penalty / (penalty + holding))
    return (penalty + holding) * NormalDist().pdf(z) * np.asarray(sd)


def empirical_level(
    demand: np.ndarray, group: np.ndarray, of: np.ndarray, holding: float = 0.1, penalty: float = 0.9
) -> np.ndarray:
    """Newsvendor levels from samples: the quantile of the demands of each group.

    Args:
        demand: [H, N] demands, units.
        group: [N], the group of each column (in the paper's Setting 4: its sigma).
        of: [M], the groups wanted, each of them in `group`.

    Returns:
        [M] levels, units.
    """
    kinds, where = np.unique(of, return_inverse=True)
    share = penalty / (penalty + holding)
    levels = np.array([np.quantile(demand[:, group == kind], share) for kind in kinds])
    return levels[where]
