"""Rewards of orders, and what DDPG and PPO make of them. Pure functions; cycles c = 0..C-1 come first.

The reward of an order is minus the objective over the days that it is the last to influence
(problem statement, section 3). Those windows tile the measured days, so that the rewards of a
pair sum to minus its cost: what DS minimises, what RL maximises and what evaluation reports agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from invrl.demand.sums import cumulative

NEVER = jnp.iinfo(jnp.int32).max


def window_starts(lead_time: Array, active: Array, period: int) -> Array:
    """[C+1, N] first day that no later order reaches before order c does: its window opens.

    Order c is due on day c P + L_c. Its window is [start_c, start_{c+1}), with

        start_c = min over c' >= c of (c' P + L_{c'}),    start_C = never.

    With a constant lead time that is [t + L, t + L + P). An order that a later one overtakes, or
    that is not placed, has an empty window.

    Args:
        lead_time: [C, N] days.
        active: [C, N] bool, an order may be placed.
        period: P, days.
    """
    review = period * jnp.arange(lead_time.shape[0], dtype=jnp.int32)[:, None]
    due = jnp.where(active, review + lead_time, NEVER)
    starts = lax.cummin(due, reverse=True)
    return jnp.concatenate([starts, jnp.full_like(starts[:1], NEVER)])


def order_rewards(day_costs: Array, lead_time: Array, active: Array, measured: Array) -> Array:
    """[C, N] minus the cost of each order's window; its sum over c is minus the measured cost.

    Args:
        day_costs: [C, P, N] the objective of each day (`metrics.day_cost`, exact).
        lead_time: [C, N] days.
        active: [C, N] bool.
        measured: [C, P, N] bool; other days cost nothing.
    """
    cycles, period, pairs = day_costs.shape
    costs = jnp.where(measured, day_costs, 0.0).reshape(cycles * period, pairs)
    before = cumulative(costs)  # [CP+1, N]
    edges = jnp.minimum(window_starts(lead_time, active, period), cycles * period)
    at_edges = jnp.take_along_axis(before, edges, axis=0)
    return at_edges[:-1] - at_edges[1:]


def learnable(lead_time: Array, active: Array, measured: Array, terminal: bool) -> Array:
    """[C, N] bool: the orders to learn from; one run of cycles per pair.

    The end of a panel is a truncation: an order whose window it cuts has no complete reward and
    no next state, and is left out. If the end is `terminal` (a finite horizon), every order that
    still influences a measured day counts.
    """
    cycles, period, _ = measured.shape
    starts = window_starts(lead_time, active, period)
    day = jnp.arange(1, cycles * period + 1, dtype=jnp.int32).reshape(cycles, period, 1)
    end = jnp.where(measured, day, 0).max((0, 1))[None]  # one past the last measured day
    whole = starts[:-1] < end if terminal else starts[1:] <= end
    return active & whole


def following(x: Array) -> Array:
    """[C, ...] the next cycle's entry; zeros after the last."""
    return jnp.concatenate([x[1:], jnp.zeros_like(x[:1])])


def discounts(learn: Array, gamma: Array | float, terminal: bool) -> Array:
    """[C, N] what the next state's value is multiplied by: gamma, or 0 after a terminal end."""
    return gamma * (following(learn) if terminal else learn)


def td_target(reward: Array, discount: Array, next_value: Array) -> Array:
    """y = r + gamma V(s')."""
    return reward + discount * next_value


def gae(rewards: Array, values: Array, discount: Array, learn: Array, trace: Array | float) -> Array:
    """[C, N] generalised advantage estimates (Schulman et al. 2016, eq. 16); 0 where not learnable.

        delta_c = r_c + gamma V(s_{c+1}) - V(s_c),    A_c = delta_c + gamma lambda A_{c+1}

    Args:
        rewards, values, discount, learn: [C, N]; the last learnable state bootstraps from the
            value of the state after it.
        trace: lambda.
    """
    delta = td_target(rewards, discount, following(values)) - values

    def back(advantage: Array, xs: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        delta, discount, learn = xs
        advantage = jnp.where(learn, delta + discount * trace * advantage, 0.0)
        return advantage, advantage

    return lax.scan(back, jnp.zeros_like(values[0]), (delta, discount, learn), reverse=True)[1]


Mean = Callable[[Array, Array], Array]
"""(values, weights) -> their weighted mean over all devices."""


class Units(NamedTuple):
    """Reward = offset + scale * the reward that the networks see."""

    offset: Array  # []
    scale: Array  # []

    def shrink(self, reward: Array) -> Array:
        return (reward - self.offset) / self.scale

    def value(self, value: Array, gamma: Array | float) -> Array:
        """A value (sum of discounted rewards) in the objective's own units."""
        return self.scale * value + jnp.where(self.offset == 0, 0.0, self.offset / (1.0 - gamma))


def first_units(rewards: Array, weight: Array, mean: Mean, terminal: bool) -> Units:
    """Units in which the rewards of the first rollout have mean 0 and deviation 1.

    A constant added to every reward changes no policy as long as all episodes have equally many
    orders; with a terminal end values must mean what they say, so the offset stays 0 there.

    Args:
        rewards, weight: any shape, of the untrained policy.
    """
    centre = mean(rewards, weight)
    spread = jnp.sqrt(mean((rewards - centre) ** 2, weight))
    floor = 1e-3 * jnp.abs(centre) + 1e-6  # constant rewards
    return Units(jnp.zeros(()) if terminal else centre, jnp.maximum(spread, floor))


def explained_variance(values: Array, returns: Array, weight: Array, mean: Mean) -> Array:
    """1 - Var(returns - values) / Var(returns): 1 is a perfect critic, 0 one that knows only the mean."""

    def variance(x: Array) -> Array:
        return mean((x - mean(x, weight)) ** 2, weight)

    total = variance(returns)
    return jnp.where(total > 0, 1.0 - variance(returns - values) / jnp.maximum(total, 1e-12), 0.0)
