"""Policy regularisation: the forms of the network's output (four of Xie et al. 2026, section 3, and PIL).

A form decides on an *aim*: demand to provide for, as a share of recent demand, so that 1 is a
sensible start everywhere. Two questions make the forms:

                                            the aim is ordered   a level to order up to   of projected stock
    the network puts out the aim            NONE                 BASE                     PIL
    ... coefficients of demand regressors   COEFF                BOTH                     PIL_COEFF

PLAIN is NONE without the pair's own demand: one constant for all pairs, as off-the-shelf networks have it.
PIL counts lost sales that are expected before the order arrives (`projection.py`); without them it is BASE.

DDPG's noise and PPO's Gaussian live in the aim, one number in every form: noise on coefficients
would explore many ways to say the same order.

To add a form: one function, one `Head`, one line in `registry.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from invrl.projection import position, projected_position
from invrl.simulator import Observation

LEAK = 0.1
"""Slope below zero: a policy that stopped ordering must feel which way to start again."""


class Head(NamedTuple):
    start: tuple[float, ...]
    """The raw output of an untrained network; its length is A."""
    terms: Callable[[Observation], Array]
    """observation -> [A, N] what the raw output is multiplied by; the sum is the aim [N]."""
    order: Callable[[Array, Observation], Array]
    """(aim [N], observation) -> order [N], units."""
    level: Callable[[Array, Observation], Array] | None = None
    """(aim [N], observation) -> [N] units to order up to; None: the form has no level."""
    counted: Callable[[Observation], Array] = position
    """observation -> [N] units that count against the level."""
    coefficients: tuple[str, ...] = ()
    """What each raw output weighs, where they are coefficients."""
    puts_out: str = "what the form makes an order of"
    """What the network puts out, for people."""
    tells: str = ""
    """How to read a picture of its orders against inventory."""

    unit: float | None = None
    """Units a day that an aim of 1 stands for, the same for all pairs; None: the pair's own recent demand."""

    @property
    def projects(self) -> bool:
        """More than the inventory position counts against the level."""
        return self.counted is not position


def aim(raw: Array, terms: Array) -> Array:
    """[N] what raw outputs [A, N] and their terms [A, N] come to."""
    return (raw * terms).sum(0)


def one(seen: Observation) -> Array:
    """[1, N] the network puts out the aim itself."""
    return jnp.ones_like(seen.demand_rate)[None]


MOST = 10.0
"""Multiples of recent demand that an own forecast counts with at most: a wild one must not rule training."""


def demand_rates(seen: Observation) -> Array:
    """[5 + M, N] the four demand regressors, a constant, and own forecasts, in units of recent demand."""
    own = [] if seen.forecasts is None else [jnp.minimum(seen.forecasts / seen.demand_rate[None], MOST)]
    return jnp.concatenate([seen.regressors / seen.demand_rate[None], one(seen), *own])


def with_forecasts(head: Head, names: tuple[str, ...]) -> Head:
    """The form with a coefficient for each of M own forecasts, where it has coefficients."""
    if head.coefficients != RATES or not names:
        return head
    start = (*head.start, *(0.0 for _ in names))  # what they are worth is learned: they may be worth nothing
    return head._replace(start=start, coefficients=(*RATES, *names))


def floor_at_zero(order: Array) -> Array:
    """max(order, 0), with the slope `LEAK` below zero in the backward pass only."""
    below = jnp.minimum(order, 0.0)
    return jnp.maximum(order, 0.0) + LEAK * (below - lax.stop_gradient(below))


def as_order(aim: Array, seen: Observation) -> Array:
    """The aim is demand of the review period: order it."""
    return floor_at_zero(aim * seen.demand_rate * seen.review_period)


def as_units(aim: Array, seen: Observation, unit: float) -> Array:
    """The aim is demand of the review period in a unit that knows nothing of the pair."""
    return floor_at_zero(aim * unit * seen.review_period)


@lru_cache(32)
def with_unit(head: Head, unit: float) -> Head:
    """The form with the unit of the data, where it has one."""
    return head if head.unit is None else head._replace(unit=unit, order=partial(as_units, unit=unit))


def level(aim: Array, seen: Observation) -> Array:
    """The aim is demand of the protection interval, a base-stock level [N], units."""
    return aim * seen.demand_rate * seen.protection


def up_to(counted: Callable[[Observation], Array]) -> Callable[[Array, Observation], Array]:
    """Order what is missing of the level."""
    return lambda aim, seen: floor_at_zero(level(aim, seen) - counted(seen))


EVEN = (0.25, 0.25, 0.25, 0.25, 0.0)
RATES = ("short mean", "long mean", "forecast to arrival", "forecast after", "usual")
"""The rows of `demand_rates`."""

NONE = Head(
    (1.0,), one, as_order, puts_out="orders",
    tells="A free order: nothing ties it to the stock, the network has to learn the slope by itself.",
)  # fmt: skip
PLAIN = Head(
    (1.0,), one, partial(as_units, unit=1.0), unit=1.0,
    puts_out="orders in units of the pair in the middle",
    tells="A free order that has to learn the size of each pair, too, from its features.",
)  # fmt: skip
BASE = Head(
    (1.0,), one, up_to(position), level, puts_out="base-stock levels",
    tells="A base-stock level: one unit more in stock is one unit less ordered, as the dashes fall.",
)  # fmt: skip
COEFF = Head(
    EVEN, demand_rates, as_order, coefficients=RATES,
    puts_out="coefficients of demand features, which make orders",
    tells="Weighted demand, not tied to the stock: dots that fall like the dashes mean it was learned.",
)  # fmt: skip
BOTH = Head(
    EVEN, demand_rates, up_to(position), level, coefficients=RATES,
    puts_out="coefficients of demand features, which make base-stock levels",
    tells="Weighted demand as a base-stock level: it falls like the dashes, from a level for each state.",
)  # fmt: skip
PIL = Head(
    (1.0,), one, up_to(projected_position), level, projected_position,
    puts_out="levels of projected stock",
    tells="A level of projected stock: it falls less than the dashes where sales will be lost first.",
)  # fmt: skip
PIL_COEFF = Head(
    EVEN, demand_rates, up_to(projected_position), level, projected_position, RATES,
    puts_out="coefficients of demand features, which make levels of projected stock",
    tells="Weighted demand as a level of projected stock, from a level for each state.",
)  # fmt: skip
