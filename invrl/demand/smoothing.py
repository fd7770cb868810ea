"""Exponential smoothing of a pair's own demand, for steady and for intermittent sellers.

Each method is a state, how a day's demand moves it, and the demand a day that it expects. A method knows
days before the review only; before the first of them it expects the mean of the training days, and takes
demand to come in sales of one size on a share 1 / (1 + cv^2) of the days.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

State = tuple[Array, ...]
"""Arrays [A, B], one row for each constant, in multiples of the scale or days."""


class Method(NamedTuple):
    """A way to smooth.

    Attributes:
        constants: smoothing constants worth a try.
        start: share of days with a sale [A, B] -> state.
        step: (state, demand [B], constants [A, 1]) -> state of the next morning.
        expects: (state, constants [A, 1]) -> [A, B] demand a day.
    """

    constants: tuple[float, ...]
    start: Callable[[Array], State]
    step: Callable[[State, Array, Array], State]
    expects: Callable[[State, Array], Array]


def _simple(state: State, demand: Array, constant: Array) -> State:
    (level,) = state
    return (level + constant * (demand - level),)


def _croston(state: State, demand: Array, constant: Array) -> State:
    """Size of a sale and days between sales, both moved on days with a sale (Croston 1972)."""
    size, interval, since = state  # `since` is 0 before the first sale, whose interval nobody knows
    sale = demand > 0
    moved = interval + constant * (since - interval)
    return (
        jnp.where(sale, size + constant * (demand - size), size),
        jnp.where(sale & (since > 0), moved, interval),
        jnp.where(sale, 1.0, jnp.where(since > 0, since + 1.0, 0.0)),
    )


SLOWER = 0.5
"""TSB: the probability of a sale moves every day, the size of one only with a sale."""


def _tsb(state: State, demand: Array, constant: Array) -> State:
    """Size of a sale, and the probability of one, moved every day (Teunter, Syntetos and Babai 2011)."""
    size, probability = state
    sale = demand > 0
    return (
        jnp.where(sale, size + constant * (demand - size), size),
        probability + SLOWER * constant * (sale - probability),
    )


def _sales(share: Array) -> State:
    return 1.0 / share, 1.0 / share, jnp.zeros_like(share)


def _level(share: Array) -> State:
    return (jnp.ones_like(share),)


METHODS: dict[str, Method] = {
    "ses": Method((0.005, 0.02, 0.05, 0.1, 0.2), _level, _simple, lambda s, a: s[0]),
    "croston": Method((0.02, 0.05, 0.1, 0.2), _sales, _croston, lambda s, a: s[0] / s[1]),
    "sba": Method((0.02, 0.05, 0.1, 0.2), _sales, _croston, lambda s, a: (1 - a / 2) * s[0] / s[1]),
    "tsb": Method((0.02, 0.05, 0.1, 0.2), lambda share: (1.0 / share, share), _tsb, lambda s, a: s[0] * s[1]),
}
"""Name -> method; a new one takes its line here, and is searched with the others."""

VARIANTS = tuple((name, constant) for name, method in METHODS.items() for constant in method.constants)
"""The rows of `smoothed`."""


def smoothed(demand: Array, spread: Array, review: Array) -> Array:
    """[C, V, B] expected demand a day of each of `VARIANTS`, in multiples of the scale.

    Args:
        demand: [T, B] in multiples of the scale.
        spread: [B] standard deviation of daily demand, in multiples of the scale.
        review: [C, B] day of each review, at most T: the days before it are known.
    """
    share = 1.0 / (1.0 + spread**2)
    methods = list(METHODS.values())
    constants = [jnp.array(method.constants, demand.dtype)[:, None] for method in methods]

    def expected(states: list[State]) -> Array:
        rows = [m.expects(state, a) for m, state, a in zip(methods, states, constants, strict=True)]
        return jnp.concatenate(rows)

    def day(states: list[State], today: Array) -> tuple[list[State], Array]:
        after = [m.step(state, today, a) for m, state, a in zip(methods, states, constants, strict=True)]
        return after, expected(states)

    start = [m.start(jnp.broadcast_to(share, (len(m.constants), share.size))) for m in methods]
    last, mornings = lax.scan(day, start, demand)
    mornings = jnp.concatenate([mornings, expected(last)[None]])  # [T + 1, V, B]
    return jnp.take_along_axis(mornings, review[:, None], axis=0)


def discounted_sums(demand: Array, decay: Array) -> Array:
    """[T + 1, B] sums of the days before each morning, that of k days ago times decay^k."""

    def day(total: Array, today: Array) -> tuple[Array, Array]:
        return decay * (total + today), total

    last, mornings = lax.scan(day, jnp.zeros_like(demand[0]), demand)
    return jnp.concatenate([mornings, last[None]])
