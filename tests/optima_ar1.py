"""A lower bound for the paper's AR(1) settings: the optimum when the law is known.

The bound knows each trajectory's phi, mu and sigma; a learned policy sees yesterday's demand
only, so it cannot reach the bound. It is what perfect knowledge of the law would be worth.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from optima import newsvendor_cost

BLOCK = 64
"""Trajectories solved at once; bounds the memory (about 100 MB at 80 demand points)."""
TAIL = 4.5
"""Largest demand of the grid, in standard deviations of the process above its mean."""
REACH = 3
"""The inventory grid spans this many largest demands on either side of 0."""

_erf = np.frompyfunc(math.erf, 1, 1)


class Bound(NamedTuple):
    """Optimal costs per measured day, one per trajectory.

    Attributes:
        expected: [N], over the demand still to come on day 0.
        realised: [N], of the optimal policy on the given demand.
    """

    expected: np.ndarray
    realised: np.ndarray


def ar1_bound(
    demand: np.ndarray,
    previous: np.ndarray,
    law: tuple[np.ndarray, np.ndarray, np.ndarray],
    holding: float = 0.1,
    penalty: float = 0.9,
    review_period: int = 2,
    first_review: int = 2,
    measured_from: int = 3,
    points: int = 80,
) -> Bound:
    """Dynamic programming per trajectory for AR(1) demand, backlog and a lead time of 1 day.

    State on day t: (inventory i, yesterday's demand d). With m = phi * d + (1 - phi) * mu and
    D = max(0, m + N(0, sigma)):
    V_t(i, d) = 1{t measured} E c(i - D) + min over y >= i of E V_{t+1}(y - D, D), V_T = 0, with
    y = i on days without review; c is the `newsvendor_cost`. Orders have no upper limit.
    V is linear between grid points in D; this overstates the value by
    an error that falls as points**-2 (0.07 % at 80 points on the paper's test trajectories).

    Args:
        demand: [T, N], units a day.
        previous: [N], demand of the day before the first.
        law: phi, mu, sigma, each [N].
        holding, penalty: cost per unit left over, and per unit backlogged, a day.
        review_period, first_review: reviews fall on first_review, first_review + review_period, ...
        measured_from: first day that is charged.
        points: grid steps from no demand to the largest.
    """
    days, pairs = demand.shape
    review = (np.arange(days) >= first_review) & ((np.arange(days) - first_review) % review_period == 0)
    parts = []
    for start in range(0, pairs, BLOCK):
        cut = slice(start, start + BLOCK)
        phi, mu, sigma = (np.asarray(v[cut], float) for v in law)
        step = (mu + TAIL * sigma / np.sqrt(1 - phi**2)) / points
        kernel = transition(phi, mu, sigma, step, points)
        cost = newsvendor_cost(_left(points), holding, penalty) * step[:, None, None]  # [B, G, D]
        value, levels = _solve(kernel, cost, review, measured_from)
        at_start = _between(value[:, REACH * points], previous[cut] / step)
        inventory = _net_inventory(demand[:, cut], previous[cut], step, levels, review)
        realised = newsvendor_cost(inventory[measured_from:], holding, penalty).mean(axis=0)
        parts.append((at_start / (days - measured_from), realised))
    expected, realised = zip(*parts, strict=True)
    return Bound(np.concatenate(expected), np.concatenate(realised))


def transition(
    phi: np.ndarray, mu: np.ndarray, sigma: np.ndarray, step: np.ndarray, points: int
) -> np.ndarray:
    """Weights [B, D, D] of tomorrow's demand on the grid, given today's; rows sum to 1.

    The weight of a grid point is the expectation of its hat function (1 there, 0 at its
    neighbours, linear between), so the grid keeps the mean of the demand, cut at 0 and at the
    grid's end. Sums of hats are differences of E[X - a]+, known for a normal X.
    """
    grid = np.arange(points + 1) * step[:, None]  # [B, D]
    mean = phi[:, None] * grid + (1 - phi[:, None]) * mu[:, None]
    z = (grid[:, None, :] - mean[:, :, None]) / sigma[:, None, None]
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    above = 0.5 * (1 - _erf(z / math.sqrt(2)).astype(float))
    excess = sigma[:, None, None] * (density - z * above)  # E[X - a]+ at each grid point a
    beyond = (excess[:, :, :-1] - excess[:, :, 1:]) / step[:, None, None]  # how far above a, cut at 1
    ones, zeros = np.ones_like(beyond[:, :, :1]), np.zeros_like(beyond[:, :, :1])
    return np.concatenate([ones, beyond], 2) - np.concatenate([beyond, zeros], 2)


def _left(points: int) -> np.ndarray:
    """Inventory after demand, in grid steps: [G, D]."""
    return np.arange(-REACH * points, REACH * points + 1)[:, None] - np.arange(points + 1)


def _solve(
    kernel: np.ndarray, cost: np.ndarray, review: np.ndarray, measured_from: int
) -> tuple[np.ndarray, np.ndarray]:
    """Backward induction: value of day 0 [B, G, D]; levels [T, B, D] in grid steps, 0 without review."""
    points = kernel.shape[1] - 1
    low = -REACH * points
    row = np.maximum(_left(points), low) - low
    column = np.arange(points + 1)
    back = kernel.transpose(0, 2, 1)
    charge = cost @ back  # expected cost of a day, given inventory and yesterday's demand
    value, levels = np.zeros_like(charge), np.zeros((len(review), *kernel.shape[:2]))
    for t in reversed(range(len(review))):
        value = value[:, row, column] @ back
        if review[t]:
            levels[t] = value.argmin(axis=1) + low
            value = np.minimum.accumulate(value[:, ::-1], axis=1)[:, ::-1]
        if t >= measured_from:
            value = value + charge
    return value, levels


def _net_inventory(
    demand: np.ndarray, previous: np.ndarray, step: np.ndarray, levels: np.ndarray, review: np.ndarray
) -> np.ndarray:
    """End-of-day inventory [T, B] of ordering up to the levels, from no stock."""
    stock, inventory = np.zeros(len(step)), np.empty(demand.shape)
    for t, wanted in enumerate(demand):
        inventory[t] = stock - wanted
        level = _between(levels[t], previous / step) * step
        stock = inventory[t] + (np.maximum(level - stock, 0) if review[t] else 0)
        previous = wanted
    return inventory


def _between(table: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Row b of table [B, D] at the real index where[b], linear between its points."""
    where = np.clip(where, 0, table.shape[1] - 1)
    left = np.minimum(where.astype(int), table.shape[1] - 2)
    share, row = where - left, np.arange(len(table))
    return (1 - share) * table[row, left] + share * table[row, left + 1]
