"""From a rule and a part of the data to measures: rounding, caps, and the order of the pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builders import make_config, make_experiment, make_panel, poisson_panel

from invrl.baselines.constant import CONSTANT
from invrl.errors import InvrlError
from invrl.scoring.rules import classical, make_simulate

WORDS = (
    "split.history_days=0", "split.warmup_days=4", "split.validation_days=10", "split.test_days=10",
    "supply.lead_time=1", "supply.review_period=2", "features.groups=[]",
)  # fmt: skip


def orders_of(days_of_demand: float, *words: str) -> Any:
    """Measures of ordering that many days of demand (10 units each) at every review."""
    experiment = make_experiment(make_panel(np.full((60, 2), 10.0)), *WORDS, *words)
    simulate = make_simulate(classical(CONSTANT, experiment.config), experiment.config)
    return simulate(None, experiment.test, np.full((1, 2), days_of_demand / 2))


def test_orders_are_whole_packs() -> None:
    assert orders_of(2.4, "supply.pack_size=10")["order_size"].tolist() == [20, 20]


def test_a_capped_order_is_whole_packs_too() -> None:
    """40 units wanted in packs of 10, at most 25 allowed: two packs."""
    assert orders_of(4.0, "supply.pack_size=10", "supply.max_order_units=25")["order_size"].tolist() == [
        20,
        20,
    ]


def test_limits_that_no_order_can_meet_are_refused() -> None:
    """At least 30, at most 25: no such order exists."""
    with pytest.raises(InvrlError, match="the least order is 30"):
        make_config("supply.min_order=30", "supply.max_order_units=25")


def test_measures_come_in_the_order_of_the_pairs() -> None:
    words = (*WORDS, "split.by=pairs", "split.validation_pairs=3", "split.test_pairs=3", "split.seed=5")
    panel = poisson_panel(60, 9, seed=2)
    experiment = make_experiment(panel, *words)
    simulate = make_simulate(classical(CONSTANT, experiment.config), experiment.config)
    dataset = experiment.train
    assert dataset.pairs.tolist() != sorted(dataset.pairs)  # drawn at random
    found = simulate(None, dataset, np.full((1, 3), 9.0))
    assert found["fill_rate"].tolist() == [1, 1, 1]  # more than enough is ordered: all demand is sold
    # measured from day 1 on, when the first order arrives
    np.testing.assert_allclose(found["mean_sales"], panel.demand[1:, dataset.pairs].mean(0), rtol=1e-5)
