"""What a policy decides on review days, on a sample of pairs."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from invrl import placement
from invrl.baselines.contract import expected_demand
from invrl.evaluation import Rule, rounded
from invrl.experiment import Experiment
from invrl.metrics import totals
from invrl.simulator import cap, rollout


class Decisions(NamedTuple):
    """Reviews of several pairs, in no particular order."""

    position: np.ndarray  # [K] units on hand and on order, before the order
    order: np.ndarray  # [K] units
    raw: np.ndarray  # [A, K] what the network put out
    forecast: np.ndarray  # [K] units expected until the next order's arrival, the incumbent's way
    recent: np.ndarray  # [K] units that recent demand would take in that time
    lead_time: np.ndarray  # [K] days

    def sample(self, size: int, seed: int = 0) -> Decisions:
        """At most `size` of the reviews, drawn evenly."""
        count = self.order.size
        keep = np.sort(np.random.default_rng(seed).choice(count, min(size, count), replace=False))
        return Decisions(*(values[..., keep] for values in self))


def decide(experiment: Experiment, rule: Rule, shared: Any, split: str) -> Decisions:
    """All reviews of the split's pairs under a learned policy."""
    supply, forecast = experiment.config.supply, experiment.config.baseline.forecast

    @partial(jax.jit, static_argnums=2)
    def run(shared, episode, devices):
        def block(shared, episode):
            def act(seen, _):
                action = rule.act(shared, None, seen)
                return action._replace(order=rounded(action.order, supply, cap(seen.position, episode)))

            def record(seen, action, days):
                expected = expected_demand(seen, forecast) * seen.protection
                recent = seen.level * seen.protection
                return seen.position, action.order, action.raw, expected, recent, seen.lead_time

            found = rollout(act, rule.prepare(episode), totals, unmet=supply.unmet, record=record)[1]
            return (*found, episode.active)

        return placement.map_blocks(block, shared, episode, devices)

    parts = []
    for group in getattr(experiment, split).groups:
        *found, active = jax.device_get(run(shared, group.episode, group.devices))
        real = (group.index >= 0)[:, None] & active  # [blocks, C, B]
        parts.append(
            [np.moveaxis(values, -2, 0)[:, real] if values.ndim == 4 else values[real] for values in found]
        )
    return Decisions(*(np.concatenate(values, axis=-1) for values in zip(*parts, strict=True)))
