"""Masked days: what features, the simulator and the measures make of them, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from builders import floats, make_experiment, make_panel

from invrl.demand import masks
from invrl.demand.panel import Panel
from invrl.scoring import trace
from invrl.scoring.rules import Rule
from invrl.simulator import Action

DAYS = slice(0, 6)


def masked(demand: list[float], **columns: list[float]) -> Panel:
    fields = {name: floats(values)[:, None] for name, values in columns.items()}
    if "open" in fields:
        fields["open"] = fields["open"] > 0
    return make_panel(floats(demand)[:, None], **fields)


def test_a_stockout_counts_as_recent_demand_and_never_as_less_than_was_sold() -> None:
    panel = masked([2, 4, 0, 9, 1, 3], in_stock=[1, 1, 0, 0.5, 1, 1])
    assert masks.filled(panel, DAYS)[:, 0].tolist() == [2, 4, 3, 9, 1, 3]
    assert masks.simulated(panel, masks.filled(panel, DAYS))[:, 0].tolist() == [2, 4, 3, 9, 1, 3]


def test_days_before_the_first_that_counts_have_the_mean_of_the_training_days() -> None:
    panel = masked([0, 0, 4, 2, 9, 9], in_stock=[0, 0, 1, 1, 1, 1])
    assert masks.filled(panel, slice(0, 4))[:, 0].tolist() == [3, 3, 4, 2, 9, 9]


def test_a_closed_day_is_no_day_without_demand_for_features_and_one_for_customers() -> None:
    panel = masked([2, 4, 0, 3, 0, 0], open=[1, 1, 0, 1, 0, 0])
    seen = masks.filled(panel, DAYS)
    assert seen[:, 0].tolist() == [2, 4, 3, 3, 3, 3]
    assert masks.simulated(panel, seen)[:, 0].tolist() == [2, 4, 0, 3, 0, 0]
    listed = masks.listed(panel)
    assert listed is not None and listed[:, 0].tolist() == [True, True, True, True, False, False]


def test_nothing_looks_ahead() -> None:
    rng = np.random.default_rng(0)
    demand, in_stock = rng.poisson(3.0, (60, 5)), rng.random((60, 5)) < 0.7
    panel = make_panel(floats(demand), in_stock=floats(in_stock))
    later = replace(panel, demand=floats(np.where(np.arange(60)[:, None] < 40, demand, 99)))
    one, other = (masks.filled(p, slice(0, 30)) for p in (panel, later))
    assert np.array_equal(one[:40], other[:40])


def one_unit() -> Rule:
    return Rule(lambda shared, own, seen: Action(1.0 + 0 * seen.position, seen.position[None]))


def test_a_trace_of_a_closed_sunday_a_late_listing_and_a_masked_stockout() -> None:
    """One unit is ordered on every review; pair 0 closes every third day, pair 1 is listed from day 8 on,
    pair 2 is out of stock on day 9."""
    days = 12
    demand = np.full((days, 3), 2.0)
    demand[::3, 0] = 0
    demand[:8, 1] = 0
    demand[9, 2] = 0
    open_ = np.ones((days, 3), bool)
    open_[::3, 0] = False
    open_[:8, 1] = False
    in_stock = np.ones((days, 3))
    in_stock[9, 2] = 0
    panel = make_panel(demand, open=open_, in_stock=floats(in_stock), initial_stock=floats([50, 50, 50]))
    words = (
        "split.history_days=2", "split.warmup_days=0", "split.train_days=5", "split.validation_days=2",
        "split.test_days=5", "supply.lead_time=1", "supply.review_period=1", "features.groups=[]",
    )  # fmt: skip
    experiment = make_experiment(panel, *words)
    rows = trace.trace(experiment, one_unit(), None, None, "test")
    by_pair = {sku: {k: v[rows["sku"] == sku] for k, v in rows.items()} for sku in ("S0", "S1", "S2")}
    measured = {sku: found["measured"].astype(int).tolist() for sku, found in by_pair.items()}
    assert measured == {"S0": [0, 1, 0, 1, 1], "S1": [0, 0, 1, 1, 1], "S2": [0, 1, 0, 1, 1]}  # days 7..11
    assert by_pair["S0"]["demand"].tolist() == [2, 2, 0, 2, 2]
    assert by_pair["S1"]["demand"].tolist() == [0, 2, 2, 2, 2]
    assert by_pair["S2"]["demand"].tolist() == [2, 2, 2, 2, 2]  # day 9: as it was lately
    assert by_pair["S1"]["order"].tolist() == [0, 1, 1, 1, 1]  # not listed on day 7
