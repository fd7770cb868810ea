"""Setting 1 of the paper through the simulator: the dynamic program's published losses, to the digit."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optima
import pytest

from invrl.config import reading
from invrl.scoring.rules import Rule, make_simulate
from invrl.simulator import Action, Episode, Observation
from invrl.sources.paper import independent_low
from invrl.training import session


@pytest.mark.parametrize(("law", "published"), [("true", 0.8592), ("empirical", 0.8670)])
def test_the_simulator_repeats_the_published_loss(law: str, published: float) -> None:
    loaded = reading.load("independent")
    experiment = session.load_experiment(loaded)
    train = experiment.panel.demand[:, experiment.parts["train"].pairs].T
    pmf = optima.uniform_pmf(independent_low()) if law == "true" else optima.empirical_pmf(train.T)
    plan = optima.finite_horizon(pmf)
    lowest, size = int(plan.inventory[0]), len(plan.inventory)

    def count_cycles(episode: Episode) -> Episode:
        number = jnp.arange(episode.active.shape[0], dtype=jnp.float32)[:, None]
        return episode.replace(demand_rate=jnp.broadcast_to(number, episode.demand_rate.shape))

    def look_up(table: Any, own: None, seen: Observation) -> Action:
        place = jnp.clip(jnp.round(seen.position).astype(int) - lowest, 0, size - 1)
        order = table[seen.demand_rate.astype(int), place]
        return Action(order, order[None])

    simulate = make_simulate(Rule(look_up, count_cycles), loaded)
    orders = jnp.asarray(plan.orders[::2], jnp.float32)  # cycles start on days 0, 2, ...
    assert simulate(orders, experiment.test)["cost"].mean() == pytest.approx(published, abs=5e-5)
