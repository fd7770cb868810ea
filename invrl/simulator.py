"""The one simulator: pure, differentiable, for any number of pairs at once.

Order of events in a day (problem statement, section 1):
    1. the order due today arrives and is on hand;
    2. on a review day the policy sees the state and orders; the order is due at the
       start of day t + lead time (lead time 0: at once);
    3. demand: sales = min(on hand, demand) when unmet demand is lost; on hand may go
       negative when it is backlogged;
    4. the inventory at the end of the day is recorded and charged.

Time runs in review cycles: one review, then P days. Pairs of one `Episode` share P, so
the policy is evaluated on review days only; a pair's own review phase is absorbed by
shifting its days (see `demand/episodes.py`). Arrays have pairs last: every operation
below is elementwise over pairs and works for one pair or for many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array, lax


class Episode(struct.PyTreeNode):
    """Demand and everything else that the policy cannot change, for pairs sharing P."""

    demand: Array  # [C, P, N] units; 0 outside the window
    measured: Array  # [C, P, N] bool: the day counts in measures
    active: Array  # [C, N] bool: an order may be placed
    lead_time: Array  # [C, N] int8, days
    features: Array  # [C, F, N] normalised
    regressors: Array  # [C, 4, N] units a day
    demand_rate: Array  # [C, N] units a day, what demand has been lately: the unit policies think in
    scale: Array  # [N] units a day, mean demand on training days: the unit costs are counted in
    spread: Array  # [N] units a day, standard deviation on training days
    initial: Array  # [L+1, N] units: on hand, then due in 1..L days
    max_order: Array  # [N] units
    max_position: Array  # [N] units
    weight: Array  # [N] >= 0; 0 for padding
    forecasts: Array | None = None  # [C, M, N] units a day, own forecasts of what an order must last
    pack: Array | None = None  # [N] units, an order is a multiple of them (0: of any); None: none has packs
    minimum: Array | None = None  # [N] units, the least order; None: no such limit
    whole: bool = struct.field(pytree_node=False, default=False)
    """Units are sold whole: less than one in stock is none."""
    free: bool = struct.field(pytree_node=False, default=False)
    """Orders are placed as they are, negative ones too: for bounds."""

    @property
    def review_period(self) -> int:
        return self.demand.shape[-2]


class Observation(NamedTuple):
    """What a policy sees on a review day."""

    inventory: Array  # [L+1, N] units: on hand, then due in 1..L days
    position: Array  # [N] units: on hand + pipeline (- backlog)
    features: Array  # [F, N]
    regressors: Array  # [4, N] units a day
    demand_rate: Array  # [N] units a day, recent demand
    scale: Array  # [N] units a day, mean demand on training days
    spread: Array  # [N] units a day
    lead_time: Array  # [N] days
    review_period: int  # days
    unmet: str  # "lost" or "backlog": what becomes of demand that finds nothing
    forecasts: Array | None = None  # [M, N] units a day, own forecasts of what an order must last

    @property
    def protection(self) -> Array:
        """[N] days that an order-up-to level must cover: lead time + review period."""
        return self.lead_time + float(self.review_period)


class Action(NamedTuple):
    order: Array  # [N] units
    raw: Array  # [A, N] what the network put out; the level for a classical policy


class Day(NamedTuple):
    """What happened on one day; every field [N], in units."""

    order: Array
    on_hand: Array  # after arrivals, before demand
    demand: Array
    sales: Array
    unmet: Array  # lost today; or the backlog at the end of the day
    inventory: Array  # at the end of the day; negative = backlog


Act = Callable[[Observation, Any], Action]


def place(due: Array, order: Array, lead_time: Array) -> Array:
    """What is due in 0..L days [L+1, N] with the order [N] due in `lead_time` [N] days."""
    slots = jnp.arange(due.shape[0], dtype=lead_time.dtype).reshape(-1, *[1] * order.ndim)
    return due + jnp.where(slots == lead_time, order, 0.0)


def pass_day(on_hand: Array, demand: Array, order: Array, unmet: str) -> Day:
    """One day's demand on what is on hand."""
    net = on_hand - demand
    shortage = jnp.maximum(-net, 0.0)
    end, sales = (net, demand) if unmet == "backlog" else (jnp.maximum(net, 0.0), demand - shortage)
    return Day(order, on_hand, demand, sales, shortage, end)


def cap(position: Array, episode: Episode) -> Array:
    """[N] the largest order: `max_order`, and no more than the room below `max_position`."""
    return jnp.minimum(episode.max_order, jnp.maximum(episode.max_position - position, 0.0))


def limit(order: Array, position: Array, episode: Episode, active: Array) -> Array:
    """The order [N] within its caps, in whole packs, and none where no order may be placed."""
    if episode.free:
        return jnp.where(active, order, 0.0)
    order = jnp.where(order < 0, 0.0, order)  # not maximum: its slope at 0 is only half
    most = cap(position, episode)
    return jnp.where(active, rounded(jnp.minimum(order, most), episode.pack, episode.minimum, most), 0.0)


@jax.custom_jvp
def rounded(
    order: Array, pack: Array | None, minimum: Array | None = None, maximum: Array | None = None
) -> Array:
    """[N] the order that is placed for a wanted one: whole packs, half a pack rounds up.

    Its slope is that of the wanted order: gradients pass straight through.

    Args:
        order: [N] >= 0, units.
        pack: [N] units, 0 where any quantity may be ordered; None: everywhere.
        minimum: [N] units; an order below is not placed. None: no such limit.
        maximum: [N] units; packs are fewer where they would pass it. None: no such limit.
    """
    if maximum is not None:
        order = jnp.minimum(order, maximum)
    if pack is not None:
        size = jnp.where(pack > 0, pack, 1.0)
        packs = jnp.floor(order / size + 0.5)
        if maximum is not None:
            packs = jnp.where(packs * size > maximum * NEARLY, packs - 1.0, packs)
        order = jnp.where(pack > 0, packs * size, order)
    return order if minimum is None else jnp.where(order * NEARLY < minimum, 0.0, order)


NEARLY = 1 + 1e-6
"""Limits in units forgive the last digit of a float."""


@rounded.defjvp
def _straight_through(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    return rounded(*primals), tangents[0]


def in_packs(order: np.ndarray, pack: np.ndarray | float) -> np.ndarray:
    """[N] float32, for people: 58 packs of 0.3 are 17.4, not 17.400002."""
    sizes, which = np.unique(np.asarray(pack, np.float32), return_inverse=True)
    size = sizes.astype(str).astype(np.float64)[which].reshape(np.shape(pack))  # the shortest decimal
    count = np.rint(np.divide(order, size, out=np.zeros(np.shape(order)), where=size > 0))
    return np.where(size > 0, count * size, order).astype(np.float32)


@jax.custom_vjp
def bounded(state: Any, limit: Array) -> Any:
    """The state (tree of [..., N]); its cotangent is cut to -limit..limit ([N]) in the backward pass."""
    return state


def _bounded_forward(state: Any, limit: Array) -> tuple[Any, Array]:
    return state, limit


def _bounded_backward(limit: Array, cotangent: Any) -> tuple[Any, Array]:
    return jax.tree.map(lambda x: jnp.clip(x, -limit, limit), cotangent), jnp.zeros_like(limit)


bounded.defvjp(_bounded_forward, _bounded_backward)


def rollout(
    act: Act,
    episode: Episode,
    tally: Callable[[Day], Any],
    *,
    unmet: str = "lost",
    inputs: Any = None,
    record: Callable[[Observation, Action, Day], Any] | None = None,
    remat: bool = False,
    shadow_price: Array | None = None,
) -> tuple[Any, Any]:
    """Run a policy through an episode.

    Args:
        act: (observation, this cycle's slice of `inputs`) -> Action.
        tally: Day -> tree of [N]; summed over the measured days.
        unmet: "lost" or "backlog".
        inputs: tree of [C, ...] handed to `act` cycle by cycle (exploration noise), or None.
        record: (observation, action, days) -> tree stacked over cycles; `days` is a Day of
            [P, N]. None records nothing, which is faster.
        remat: recompute each cycle in the backward pass instead of storing it.
        shadow_price: [N] the most that one more unit of stock can change the result; the backward pass is
            cut to it, cycle by cycle. A policy that reacts to its own stock is a feedback loop: without
            a bound, the product of its slopes may run away. None leaves the gradient as it is.

    Returns:
        (summed tallies, tree of [N]; records, tree of [C, ...] or None).
    """

    def cycle(carry, xs):
        left, due, total = carry
        now, given = xs
        if shadow_price is not None:
            left, due = bounded((left, due), shadow_price)
        position = sum(due, left)  # row by row: XLA fuses this, and not `due.sum(0)`
        seen = Observation(
            due.at[0].add(left), position, now.features, now.regressors, now.demand_rate, episode.scale,
            episode.spread, now.lead_time.astype(left.dtype), episode.review_period, unmet, now.forecasts,
        )  # fmt: skip
        action = act(seen, given)
        # a branch, so that XLA works out the order once and not wherever it is used: 2x faster at P = 1
        order = lax.cond(
            now.active.any(),
            lambda: limit(action.order, position, episode, now.active),
            lambda: jnp.zeros_like(position),
        )
        action = action._replace(order=order)
        due = place(due, order, now.lead_time)
        carry, days = _pass_days(left, due, total, now, order, tally, unmet)
        return carry, None if record is None else record(seen, action, days)

    scanned = _Cycle(*(getattr(episode, name) for name in _Cycle._fields))
    nothing = jnp.zeros_like(episode.scale)
    zero = jax.tree.map(jnp.zeros_like, tally(Day(*[nothing] * len(Day._fields))))
    body = jax.checkpoint(cycle) if remat else cycle
    (*_, total), records = lax.scan(body, (nothing, episode.initial, zero), (scanned, inputs))
    return total, records


class _Cycle(NamedTuple):
    """One cycle's slice of an episode."""

    demand: Array  # [P, N]
    measured: Array  # [P, N]
    active: Array  # [N]
    lead_time: Array  # [N]
    features: Array  # [F, N]
    regressors: Array  # [4, N]
    demand_rate: Array  # [N]
    forecasts: Array | None  # [M, N]


def _pass_days(
    left: Array, due: Array, total: Any, now: _Cycle, order: Array, tally: Callable[[Day], Any], unmet: str
) -> tuple[Any, Day]:
    """The P days of a cycle; the order is recorded on the first of them.

    Args:
        left: [N] stock at the end of the day before.
        due: [L+1, N] arrivals of the coming days.
    """
    arrivals, due = jnp.split(jnp.concatenate([due, jnp.zeros_like(now.demand)]), [len(now.demand)])

    def day(carry, xs):
        left, total = carry
        arrival, demand, measured, order = xs
        today = pass_day(left + arrival, demand, order, unmet)
        total = jax.tree.map(lambda s, x: s + jnp.where(measured, x, 0.0), total, tally(today))
        return (today.inventory, total), today

    orders = jnp.concatenate([order[None], jnp.zeros_like(now.demand[1:])])
    (left, total), days = lax.scan(day, (left, total), (arrivals, now.demand, now.measured, orders))
    return (left, due, total), days
