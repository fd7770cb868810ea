"""The projection by hand and against simulated demand, and the two forms and the incumbent that use it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import observation, some_pairs
from scipy.stats import norm

from invrl import registry
from invrl.policies.heads import BASE, BOTH, PIL, PIL_COEFF, aim
from invrl.projection import expected_lost, leftover, projected_position
from invrl.simulator import Observation

pytestmark = pytest.mark.usefixtures("strict_ranks")


def random_observation(pairs: int = 64, **fields: Any) -> Observation:
    """Lead times of 0 to 4 days, side by side."""
    rng = np.random.default_rng(0)
    values = {
        "inventory": rng.gamma(1, 6, (5, pairs)), "regressors": rng.gamma(2, 3, (4, pairs)),
        "demand_rate": rng.gamma(4, 1.5, pairs), "scale": rng.gamma(4, 1.5, pairs),
        "spread": rng.gamma(2, 2, pairs), "lead_time": rng.integers(0, 5, pairs), "review_period": 2,
    }  # fmt: skip
    return observation(**(values | fields))


@pytest.mark.parametrize(("projected", "twin"), [(PIL, BASE), (PIL_COEFF, BOTH)])
def test_under_backlog_it_is_base_stock(projected: Any, twin: Any) -> None:
    seen = random_observation(unmet="backlog")
    raw = jnp.asarray(np.random.default_rng(1).normal(1, 1, (len(twin.start), 64)), jnp.float32)
    orders = [head.order(aim(raw, head.terms(seen)), seen) for head in (projected, twin)]
    np.testing.assert_array_equal(*orders)
    lost = seen._replace(unmet="lost")
    assert (projected.order(aim(raw, projected.terms(lost)), lost) <= orders[1]).all()


def test_under_backlog_the_incumbents_are_the_same() -> None:
    seen = random_observation(unmet="backlog", features=np.zeros((64, 64)))
    numbers = jnp.array([1.0, 0.0, 0.0])  # a safety factor, the first forecast, the first distribution
    orders = [
        registry.get("baseline", name).decide(numbers, seen) for name in ("incumbent", "projected_level")
    ]
    np.testing.assert_array_equal(*orders)


def test_without_a_lead_time_nothing_is_lost_first() -> None:
    seen = random_observation(lead_time=np.zeros(64))
    np.testing.assert_array_equal(projected_position(seen), seen.position)
    alone = observation(inventory=[[0.0]], lead_time=[0.0])
    np.testing.assert_array_equal(projected_position(alone), [0.0])


def test_one_day_by_hand() -> None:
    """On hand 4, demand of mean 5 and deviation 2: the normal loss function at (5 - 4) / 2."""
    seen = observation(inventory=[[4.0], [3.0]], demand_rate=[5.0], spread=[2.0], lead_time=[1.0])
    expected = 2 * (norm.pdf(0.5) + 0.5 * norm.cdf(0.5))  # E[(D - 4)+]
    np.testing.assert_allclose(expected_lost(seen, seen.demand_rate), [expected], rtol=1e-5)
    # what is left, and the 3 that arrive: stock at the arrival is position - demand + lost
    left, _ = leftover(seen.inventory[0], seen.demand_rate, seen.spread**2)
    np.testing.assert_allclose(left + 3, 7 - 5 + expected, rtol=1e-5)


def test_stock_at_arrival_is_that_of_simulated_demand() -> None:
    rng = np.random.default_rng(2)
    inventory = rng.uniform(0, 8, (5, 40)).astype(np.float32)
    lead_time = np.arange(40) % 5
    seen = observation(
        inventory=inventory, demand_rate=np.full(40, 5.0), spread=np.full(40, 5**0.5), lead_time=lead_time
    )
    stock, arrival = np.repeat(inventory[:1], 4000, 0), np.zeros(40)
    for day in range(5):
        arrival = np.where(day == lead_time, stock.mean(0), arrival)
        coming = inventory[day + 1] if day < 4 else 0.0
        stock = np.maximum(stock - rng.poisson(5, stock.shape), 0) + coming
    due = np.where(np.arange(5)[:, None] <= lead_time, inventory, 0).sum(0)
    found = due - 5 * lead_time + np.asarray(expected_lost(seen, seen.demand_rate))
    np.testing.assert_allclose(found, arrival, atol=0.25)


def test_pairs_do_not_matter_to_each_other_and_lost_sales_have_bounds() -> None:
    seen = random_observation()
    lost = expected_lost(seen, seen.demand_rate)
    np.testing.assert_array_equal(
        expected_lost(some_pairs(seen, slice(3, 9)), seen.demand_rate[3:9]), lost[3:9]
    )
    assert (lost >= -1e-4).all() and (lost <= seen.demand_rate * seen.lead_time + 1e-3).all()


@pytest.mark.parametrize("spread", [0.0, 2.0, 40.0])
def test_the_slope_is_smooth_and_that_of_finite_differences(spread: float) -> None:
    """One unit more on hand saves between no sale and one, and no step of stock changes that at once."""
    with jax.enable_x64(True):
        stock = jnp.linspace(0.0, 40.0, 401)
        count = jnp.full(401, 5.0), jnp.full(401, spread)

        def lost(on_hand: Any) -> Any:
            inventory = jnp.stack([on_hand, on_hand * 0 + 3, on_hand * 0, on_hand * 0])
            plain = observation(4, inventory=np.zeros((4, 401)), lead_time=np.full(401, 3))
            seen = plain._replace(inventory=inventory, demand_rate=count[0], spread=count[1])
            return expected_lost(seen, seen.demand_rate)

        slope = jax.grad(lambda s: lost(s).sum())(stock)
        step = 1e-5
        inside = np.abs(np.asarray(stock)) > 0.05
        found = (lost(stock + step) - lost(stock - step)) / (2 * step)
    assert np.isfinite(slope).all() and (slope <= 1e-6).all() and (slope >= -1 - 1e-6).all()
    np.testing.assert_allclose(slope[inside], found[inside], atol=2e-3)
    if spread == 2.0:
        assert np.abs(np.diff(slope)).max() < 0.05
