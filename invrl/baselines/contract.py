"""What an incumbent is: a rule with one to three numbers, tuned by search on the simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from invrl import registry
from invrl.baselines.forecasts import with_forecasts
from invrl.baselines.levels import DISTRIBUTIONS
from invrl.config.schema import Config, Features, Objective
from invrl.simulator import Episode, Observation

Numbers = Array | Sequence[Any]
"""An incumbent's numbers, [k, N] or k of them."""


class Baseline(NamedTuple):
    """A classical policy.

    Attributes:
        axes: per number, its (lowest, highest, steps) in the first search; a second search
            refines around the best point. Empty: nothing to tune.
        order: (numbers [k, N], expected daily demand [N], observation) -> order [N], units.
        has_safety_factor: the first number is one; raising it trades turnover for stockouts. Such a rule
            orders by a distribution of the coming demand, and two more numbers say by which: one of
            `DISTRIBUTIONS`, which `order` sees as its last number, and one of `FORECASTS`.
        level: (numbers [k, N], expected daily demand [N], observation) -> [N] units to order up to; None
            where the rule has no level.
        counted: (expected daily demand [N], observation) -> [N] units that count against the level; None: the
            inventory position.
        prepare: (episode, "lost" or "backlog", objective) -> episode with what this policy sees: forecasts in
            place of a network's features; the clairvoyant's future.
    """

    axes: tuple[tuple[float, float, int], ...]
    order: Callable[[Numbers, Array, Observation], Array]
    has_safety_factor: bool = False
    prepare: Callable[[Episode, str, Objective], Episode] = lambda episode, unmet, _: with_forecasts(
        episode, unmet
    )
    level: Callable[[Numbers, Array, Observation], Array] | None = None
    counted: Callable[[Array, Observation], Array] | None = None

    @property
    def size(self) -> int:
        """k: the tuned numbers, and which distribution and forecast."""
        return len(self.axes) + 2 * self.has_safety_factor

    @property
    def projects(self) -> bool:
        """More than the inventory position counts against the level."""
        return self.counted is not None

    def decide(self, numbers: Numbers, seen: Observation) -> Array:
        """[N] the order of the numbers [k, N] (or [k])."""
        return self.order(*self._split(numbers, seen), seen)

    def target(self, numbers: Numbers, seen: Observation) -> tuple[Array, Array]:
        """[N] the level, and what counts against it, of a rule that has one."""
        assert self.level is not None
        own, demand = self._split(numbers, seen)
        counted = self.counted(demand, seen) if self.counted else seen.position
        return self.level(own, demand, seen), counted

    def _split(self, numbers: Numbers, seen: Observation) -> tuple[Numbers, Array]:
        """The rule's own numbers, and the expected daily demand [N] that it orders by."""
        if not self.has_safety_factor:
            return numbers, seen.scale
        *own, forecast = numbers
        if isinstance(forecast, int):
            return own, seen.features[forecast]
        choice = jnp.broadcast_to(forecast, seen.scale.shape).astype(jnp.int32)
        return own, jnp.take_along_axis(seen.features, choice[None], axis=0)[0]


def level(z: Array, distribution: Array | int, demand: Array, seen: Observation) -> Array:
    """[N] order-up-to level: the quantile at the safety factor z of demand over the protection interval.

    Args:
        distribution: number in `DISTRIBUTIONS`; where it is not traced, only that one is worked out.
    """
    each = list(DISTRIBUTIONS.values())
    if isinstance(distribution, int):
        return each[distribution](z, demand, seen)
    levels = [quantile(z, demand, seen) for quantile in each]
    return jnp.select([distribution == k for k in range(len(each))], levels)


def base_stock(numbers: Numbers, demand: Array, seen: Observation) -> Array:
    """[N] the level of a rule whose first number is its safety factor, and whose last its distribution."""
    return level(numbers[0], numbers[-1], demand, seen)


Z_AXIS = (-1.5, 4.0, 23)
"""Safety factors worth a look: service levels from 7 % to above 99.99 %."""


def features_of(config: Config) -> Features:
    """What a config's policy sees of demand: an incumbent sees `SEEN` in place of a network's features."""
    return as_incumbents_see(config.features) if config.algo in registry.BASELINES else config.features


def as_incumbents_see(features: Features) -> Features:
    """What incumbents are shown, whatever unit a network thinks in: the better forecast where it has that."""
    level: Any = "discounted" if features.level == "discounted" else "shrunk"
    return replace(features, groups=SEEN, level=level)


SEEN = ("smoothed", "quantiles")
"""Groups of features that incumbents order by, beside the trailing means and the forecast by weekday."""
