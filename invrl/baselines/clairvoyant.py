"""The clairvoyant: a bound that no policy can pass, from hindsight. How much room is left at most.

It knows demand, and on every day that an order of its own could arrive on it sets the stock freely: up, by
any quantity, or down, as if stock could be given back. So the days between two arrivals stand alone, and
for each stretch of them the best stock to start it with is found exactly: just enough for the demand of
some of its days, or nothing. Packs, minima, caps and stock left over bind every policy and not this one;
whole units bind it too. It is a bound, not a policy: with large packs far from what can be done.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from invrl.baselines.contract import Baseline, Numbers
from invrl.config.schema import Objective
from invrl.metrics import NOTHING, day_cost, prices
from invrl.simulator import Day, Episode, Observation

CRUMB = 10 * NOTHING
"""Days of mean demand kept above zero, as a day that ends with nothing is a stockout."""


class Stretches(NamedTuple):
    """Days [T, N], cut where something may arrive."""

    number: Array  # which stretch the day is in; 0 before the first arrival
    demand: Array  # units
    until: Array  # units of demand from the stretch's first day to the end of this one
    measured: Array  # bool


def with_hindsight(episode: Episode, unmet: str, objective: Objective) -> Episode:
    """The episode without limits, and with the orders of the bound in place of its features [C, 1, N]."""
    cycles, period, pairs = episode.demand.shape
    days = cycles * period
    review = period * jnp.arange(cycles)[:, None]
    arrival = jnp.where(episode.active, review + episode.lead_time.astype(jnp.int32), days)  # [C, N]
    pair = jnp.arange(pairs)
    first = (
        jnp.full((days + 1, pairs), cycles)
        .at[jnp.minimum(arrival, days), pair]
        .min(jnp.arange(cycles)[:, None])
    )  # the review whose order arrives on a day, the first of several
    arrives = (first < cycles)[:days]
    wanted = best_stock(_stretches(episode, arrives), episode, unmet, objective)
    missing = _missing(episode, arrives, wanted, unmet)
    mine = first[jnp.minimum(arrival, days), pair] == jnp.arange(cycles)[:, None]
    order = jnp.where(mine & (arrival < days), missing[jnp.minimum(arrival, days - 1), pair], 0.0)
    unlimited = jnp.full_like(episode.scale, jnp.inf)
    return episode.replace(
        features=order[:, None], pack=None, minimum=None, max_order=unlimited, max_position=unlimited,
        free=True,
    )  # fmt: skip


def _stretches(episode: Episode, arrives: Array) -> Stretches:
    demand = episode.demand.reshape(arrives.shape)

    def day(until: Array, given: tuple[Array, Array]) -> tuple[Array, Array]:
        begins, demand = given
        until = jnp.where(begins, 0.0, until) + demand
        return until, until

    _, until = lax.scan(day, jnp.zeros_like(episode.scale), (arrives, demand))
    return Stretches(arrives.cumsum(0), demand, until, episode.measured.reshape(arrives.shape))


def best_stock(days: Stretches, episode: Episode, unmet: str, objective: Objective) -> Array:
    """[T, N] units to begin the day's stretch with: of least cost over its measured days.

    The cost is a straight line between the demands of its days, or falls where a day is just served: so
    the best stock serves just the days up to one of them, or none.
    """
    number = days.number
    keep = CRUMB * episode.scale if objective.kind == "service" else 0.0
    keep = jnp.ones_like(episode.scale) if episode.whole and objective.kind == "service" else keep
    stock = days.until + keep  # [T, N] candidates: one for each day

    def cost(stock: Array, of: Stretches) -> Array:
        """[T, N] of the days, had their stretch begun with `stock` [T, N]."""
        left = stock - of.until
        short = jnp.maximum(-left, 0.0)
        lost = short if unmet == "backlog" else jnp.minimum(short, of.demand)
        end = left if unmet == "backlog" else jnp.maximum(left, 0.0)
        day = Day(end, stock, of.demand, of.demand, lost, end)
        price = prices(objective)
        return jnp.where(
            of.measured, day_cost(day, episode.scale, price, objective, whole=episode.whole), 0.0
        )

    length = jnp.where(number > 0, _length(number), 0).max()

    def neighbours(k: Array, total: Array) -> Array:
        """Add what the day `k - length` days from each candidate's costs under it, in its stretch."""
        shift = length - k
        other = Stretches(*(jnp.roll(x, shift, 0) for x in days))
        inside = jnp.roll(jnp.arange(len(number)), shift) - jnp.arange(len(number)) == -shift
        same = (other.number == number) & inside[:, None]
        return total + jnp.where(same, cost(stock, other), 0.0)

    total = lax.fori_loop(1, 2 * length, neighbours, jnp.zeros_like(stock))
    pair = jnp.arange(number.shape[1])
    nothing = jnp.zeros((len(number) + 1, number.shape[1]))  # stretches are counted from 0 to all days
    none = nothing.at[number, pair].add(cost(jnp.zeros_like(stock), days))
    least = (nothing + jnp.inf).at[number, pair].min(total)
    fits = total <= least[number, pair]
    best = (nothing + jnp.inf).at[number, pair].min(jnp.where(fits, stock, jnp.inf))
    return jnp.where(none < least, 0.0, best)[number, pair]


def _length(number: Array) -> Array:
    """[T, N] days of each day's stretch."""
    pair = jnp.arange(number.shape[1])
    return jnp.zeros((len(number) + 1, number.shape[1]), jnp.int32).at[number, pair].add(1)[number, pair]


def _missing(episode: Episode, arrives: Array, wanted: Array, unmet: str) -> Array:
    """[T, N] units that must arrive on a day: what is wanted, less what there is."""
    late = max(len(arrives) - len(episode.initial), 0)
    due = jnp.concatenate([episode.initial, jnp.zeros((late, len(episode.scale)))])[: len(arrives)]

    def day(left: Array, given: tuple[Array, ...]) -> tuple[Array, Array]:
        begins, wanted, due, demand = given
        stock = left + due
        missing = jnp.where(begins, wanted - stock, 0.0)
        left = stock + missing - demand
        return (left if unmet == "backlog" else jnp.maximum(left, 0.0)), missing

    xs = (arrives, wanted, due, episode.demand.reshape(arrives.shape))
    return lax.scan(day, jnp.zeros_like(episode.scale), xs)[1]


def order(numbers: Numbers, demand: Array, seen: Observation) -> Array:
    """As planned; negative where stock is given back."""
    return seen.features[0]


CLAIRVOYANT = Baseline((), order, prepare=with_hindsight)
