"""Recombined panels hold days that were, and nothing behind the training days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import make_experiment, poisson_panel

from invrl.config.schema import Recombine, Supply
from invrl.demand.panel import Panel
from invrl.demand.recombination import recombined
from invrl.demand.splits import Part
from invrl.demand.supply import with_supply
from invrl.errors import InvrlError

DAYS, STOP = 40, 30


def world(**fields: object) -> tuple[Panel, Part]:
    """Demand of pair i on day t is 100 i + t, so that a value tells where it came from."""
    demand = (100 * np.arange(4) + np.arange(DAYS)[:, None]).astype(np.float32)
    panel = replace(poisson_panel(DAYS, 4), demand=demand, ahead={"promo": demand + 0.5}, **fields)
    panel = with_supply(panel, Supply(lead_time="2", review_period="3"))
    return panel, Part(np.array([0, 2, 3]), 7, 7, STOP)


@pytest.mark.parametrize("by", ["pairs", "time"])
@pytest.mark.parametrize("block", [0, 1, 7])
def test_days_are_days_that_were_with_all_their_columns(by: str, block: int) -> None:
    panel, part = world()
    new, own = recombined(panel, part, Recombine(by, 5, block), False, 0)  # type: ignore[arg-type]
    pair, day = new.demand // 100, new.demand % 100
    assert new.demand.shape == (STOP, 15) and own.tolist() == [0, 2, 3] * 5
    assert np.isin(pair, part.pairs).all() and (day < STOP).all()  # no held-out pair, no later day
    np.testing.assert_array_equal(new.ahead["promo"], new.demand + 0.5)
    if by == "pairs":
        np.testing.assert_array_equal(day, np.broadcast_to(np.arange(STOP)[:, None], day.shape))
    else:
        np.testing.assert_array_equal(pair, np.broadcast_to(own, pair.shape))
    length = block or 3
    inside = np.arange(1, STOP) % length != 0  # within a block, day follows day of one pair
    np.testing.assert_array_equal(np.diff(new.demand, axis=0)[inside], 1)


def test_residuals_keep_the_dependence_on_the_day_before() -> None:
    rng, demand = np.random.default_rng(0), np.full((400, 2), 20.0)
    for t in range(1, 400):
        demand[t] = np.maximum(6 + 0.7 * demand[t - 1] + rng.normal(0, 3, 2), 0)
    panel = with_supply(replace(poisson_panel(400, 2), demand=demand.astype(np.float32)), Supply())
    new, _ = recombined(panel, Part(np.arange(2), 0, 0, 400), Recombine("residuals", 50), False, 0)
    made = new.demand - new.demand.mean(0)
    assert (made[1:] * made[:-1]).mean() / made.var() == pytest.approx(0.7, abs=0.06)
    assert new.demand.mean() == pytest.approx(demand.mean(), rel=0.05)
    assert new.demand.std() == pytest.approx(demand.std(), rel=0.1)


def test_pairs_of_different_laws_lend_each_other_nothing() -> None:
    panel, part = world(lead_time=np.array([1, 1, 2, 3]))
    with pytest.raises(InvrlError, match="differ in their lead_time"):
        recombined(panel, part, Recombine("pairs"), False, 0)
    recombined(panel, part, Recombine("time", 2), False, 0)


def test_a_run_validates_tests_and_tunes_incumbents_on_days_as_they_were() -> None:
    words = ("split.warmup_days=7", "split.validation_days=10", "split.test_days=10", "split.history_days=7")
    plain = make_experiment(poisson_panel(60, 5), *words)
    new = make_experiment(poisson_panel(60, 5), *words, "recombine.by=time", "recombine.copies=3")
    assert new.train.pairs.size == 15 and new.simulated("train") == 15
    for part in ("validation", "test"):
        for old, now in zip(getattr(plain, part).episodes, getattr(new, part).episodes, strict=True):
            np.testing.assert_array_equal(old.demand, now.demand)
            np.testing.assert_array_equal(old.features, now.features)
    np.testing.assert_array_equal(
        plain.incumbents.train.episodes[0].demand, new.incumbents.train.episodes[0].demand
    )
    np.testing.assert_array_equal(plain.train.episodes[0].demand, new.as_it_was.train.episodes[0].demand)
