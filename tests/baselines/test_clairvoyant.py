"""The clairvoyant is a bound: under no limits, units or prices does any policy do better."""

from __future__ import annotations

from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from builders import make_episode, make_experiment, make_panel

from invrl import registry
from invrl.baselines.clairvoyant import CRUMB, with_hindsight
from invrl.config.schema import Objective
from invrl.scoring.rules import Rule, classical, make_simulate
from invrl.simulator import Action

PAIRS, DAYS = 40, 40
WORDS = (
    "split.validation_days=3", "split.test_days=3", "split.warmup_days=9", "split.history_days=7",
    "features.groups=[]", "objective.penalty=2", "objective.holding=0.3",
)  # fmt: skip


def panel_of(seed: int, whole: bool) -> Any:
    """From a unit in a month to twenty a day, lead times that vary by day, some pairs full of stock."""
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.uniform(np.log(0.03), np.log(20), PAIRS))
    demand = rng.poisson(mean, (DAYS, PAIRS)) * (1 if whole else rng.uniform(0.2, 1, (DAYS, PAIRS)))
    lead_time = np.clip(rng.integers(0, 6, PAIRS) + rng.integers(-1, 2, (DAYS, PAIRS)), 0, 7)
    stock = np.rint(mean * rng.choice([0, 1, 30], PAIRS)).astype(np.float32)
    return make_panel(demand, counted=True, lead_time=lead_time, initial_stock=stock)


LIMITS = (
    (),
    ("supply.pack_size=6",),
    ("supply.pack_size=12", "supply.min_order=20", "supply.max_order_units=24"),
    ("supply.max_order=2", "supply.max_position=5"),
)


@pytest.mark.parametrize("seed", range(8))
def test_no_policy_passes_the_bound(seed: int) -> None:
    """Two units x two objectives x lost and backlog, a set of limits and a review period each."""
    whole, kind, unmet = list(product((True, False), ("service", "cost"), ("lost", "backlog")))[seed]
    words = (*LIMITS[seed % 4], f"objective.kind={kind}", f"supply.unmet={unmet}")
    period = f"supply.review_period={1 + seed % 3}"
    experiment = make_experiment(panel_of(seed, whole), *WORDS, *words, period, "supply.first_review=spread")
    assert experiment.config.supply.units == ("whole" if whole else "continuous")
    config, data = experiment.config, experiment.train
    bound = make_simulate(classical(registry.get("baseline", "clairvoyant"), config), config)(
        None, data, np.zeros((0, PAIRS))
    )["objective"]
    simulate = make_simulate(Rule(_drawn), config)
    for draw in range(len(WAYS)):
        found = simulate(np.float32([draw, *WAYS[draw]]), data)["objective"]
        assert (found - bound).min() >= -CRUMB - 1e-4 * np.abs(bound).max()


WAYS = list(product((0.0, 0.7, 1.5, 5.0), (0.0, 1.0)))
"""Levels in protection intervals, with and without a unit on top."""


def _drawn(numbers: Any, own: Any, seen: Any) -> Action:
    level = numbers[1] * seen.scale * seen.protection + numbers[2]
    return Action(jnp.maximum(level - seen.position, 0.0), seen.position[None])


@pytest.mark.parametrize(("whole", "kind"), list(product((True, False), ("service", "cost"))))
def test_the_bound_is_the_least_cost_of_any_stock_on_arrival(whole: bool, kind: str) -> None:
    """Three stretches of two days, each by trying every stock."""
    rng = np.random.default_rng(int(whole))
    demand = rng.poisson(1.2, (3, 2, 9)).astype(np.float32)
    episode = make_episode(demand, 0, np.zeros((1, 9)), scale=np.full(9, 0.4, np.float32), whole=whole)
    objective = Objective(kind=kind, stockout_weight=4.0, penalty=1.0, holding=0.4, per="unit")  # type: ignore
    order = np.asarray(with_hindsight(episode, "lost", objective).features)[:, 0]
    left = np.zeros(9)
    for cycle in range(3):
        stock = left + order[cycle]
        tried = [
            _cost(np.full(9, y), demand[cycle], whole, objective)
            for y in np.arange(0, 12, 0.5 if not whole else 1)
        ]
        if not whole:
            tried += [_cost(np.full(9, y + 1e-3), demand[cycle], whole, objective) for y in range(12)]
        np.testing.assert_allclose(_cost(stock, demand[cycle], whole, objective), np.min(tried, 0), atol=5e-3)
        left = np.maximum(np.maximum(stock - demand[cycle, 0], 0) - demand[cycle, 1], 0)


def _cost(stock: np.ndarray, demand: np.ndarray, whole: bool, objective: Objective) -> np.ndarray:
    total = np.zeros(len(stock))
    for day in demand:
        lost, stock = np.maximum(day - stock, 0), np.maximum(stock - day, 0)
        out = stock < 1 if whole else stock <= 1e-4 * 0.4
        service = objective.stockout_weight * out + stock / 0.4
        total += (
            service if objective.kind == "service" else objective.penalty * lost + objective.holding * stock
        )
    return total
