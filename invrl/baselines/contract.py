"""What an incumbent is: a rule with one to three numbers, tuned by search on the simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from invrl.simulator import Episode, Observation


class Baseline(NamedTuple):
    """A classical policy.

    Attributes:
        axes: per number, its (lowest, highest, steps) in the first search; a second search
            refines around the best point. Empty: nothing to tune.
        order: (numbers [k, N], expected daily demand [N], observation) -> order [N], units.
        has_safety_factor: the first number is one; raising it trades turnover for stockouts. Such a rule
            orders by a forecast, which one more number chooses (`FORECASTS`).
        level: (numbers [k, N], expected daily demand [N], observation) -> [N] units to order up to; None
            where the rule has no level.
        counted: (expected daily demand [N], observation) -> [N] units that count against the level; None: the
            inventory position.
        prepare: (episode, "lost" or "backlog") -> episode with what this policy may see and others
            may not: the clairvoyant's future.
    """

    axes: tuple[tuple[float, float, int], ...]
    order: Callable[[Array, Array, Observation], Array]
    has_safety_factor: bool = False
    prepare: Callable[[Episode, str], Episode] = lambda episode, unmet: episode
    level: Callable[[Array, Array, Observation], Array] | None = None
    counted: Callable[[Array, Observation], Array] | None = None

    @property
    def size(self) -> int:
        """k: the tuned numbers, and which forecast."""
        return len(self.axes) + self.has_safety_factor

    @property
    def projects(self) -> bool:
        """More than the inventory position counts against the level."""
        return self.counted is not None

    def decide(self, numbers: Array, seen: Observation) -> Array:
        """[N] the order of the numbers [k, N] (or [k])."""
        return self.order(*self._split(numbers, seen), seen)

    def target(self, numbers: Array, seen: Observation) -> tuple[Array, Array]:
        """[N] the level, and what counts against it, of a rule that has one."""
        assert self.level is not None
        own, demand = self._split(numbers, seen)
        counted = self.counted(demand, seen) if self.counted else seen.position
        return self.level(own, demand, seen), counted

    def _split(self, numbers: Array, seen: Observation) -> tuple[Array, Array]:
        """The rule's own numbers, and the expected daily demand [N] that it orders by."""
        if not self.has_safety_factor:
            return numbers, seen.scale
        return numbers[:-1], chosen_demand(seen, numbers[-1])


def expected_demand(seen: Observation, forecast: str) -> Array:
    """[N] mean daily demand expected over the protection interval, units a day.

    `forecast` combines the forecasts until arrival and after it; `short` and `long` are
    trailing means; `mean` is the mean of the training days; `shrunk` is the unit that policies
    think in (`features.level`), by default between the long mean and that.
    """
    short, long, near, far = seen.regressors
    if forecast == "forecast":
        return (near * seen.lead_time + far * seen.review_period) / seen.protection
    return {"short": short, "long": long, "mean": seen.scale, "shrunk": seen.demand_rate}[forecast]


FORECASTS = ("forecast", "short", "long", "mean", "shrunk")
"""What an incumbent may take as the coming demand; a number of its own says which."""


def chosen_demand(seen: Observation, choice: Array) -> Array:
    """[N] expected daily demand by the forecast number `choice` ([N] or [])."""
    every = [jnp.broadcast_to(expected_demand(seen, name), seen.scale.shape) for name in FORECASTS]
    return jnp.select([choice == k for k in range(len(every))], every)


def level(z: Array, demand: Array, seen: Observation) -> Array:
    """[N] order-up-to level: demand over the protection interval plus z standard deviations."""
    return demand * seen.protection + z * seen.spread * jnp.sqrt(seen.protection)


def base_stock(numbers: Array, demand: Array, seen: Observation) -> Array:
    """[N] the level of a rule whose first number is its safety factor."""
    return level(numbers[0], demand, seen)


Z_AXIS = (-1.5, 4.0, 23)
"""Safety factors worth a look: service levels from 7 % to above 99.99 %."""
