"""Totals over all pairs, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from builders import make_config

from invrl.scoring import totals

VALUES = {
    "average_inventory": np.array([10.0, 90.0, 2.0]),
    "mean_sales": np.array([5.0, 15.0, 0.0]),
    "lost_units": np.array([5.0, 0.0, 0.5]),
    "fill_rate": np.array([0.5, 1.0, 0.0]),
    "turnover_time": np.array([2.0, 6.0, 365.0]),
    "stockout_rate": np.array([0.4, 0.0, 0.1]),
    "objective": np.array([14.0, 6.0, 60.0]),
}
ARRAYS = {"weight": np.ones(3), "sold": np.array([True, True, False]), "price": np.array([1.0, 2.0, 100.0])}


def found(*words: str) -> dict[str, float]:
    return totals.totals(VALUES, totals.sample(ARRAYS, make_config(*words)))


def test_totals_by_hand() -> None:
    assert found() == pytest.approx({
        "turnover_time": 102 / 20, "fill_rate": (0.5 * 10 + 15) / 25.5, "inventory": 102, "lost_units": 5.5,
        "median_turnover_time": 6, "median_stockout_rate": 0.1, "at_cap": 1 / 3,
        "inventory_value": 10 + 180 + 200, "lost_value": 5 + 50, "unsold_share": 60 / 80,
    })  # fmt: skip


def test_backlogged_demand_is_sold_in_the_end() -> None:
    assert found("supply.unmet=backlog")["fill_rate"] == pytest.approx((0.5 * 5 + 15) / 20)


def test_what_a_run_did_not_keep_is_not_said() -> None:
    sample = totals.sample({"weight": np.ones(3)}, make_config())
    assert not {"inventory_value", "unsold_share"} & set(totals.totals(VALUES, sample))
    assert len(totals.notes({}, sample, "equal")) == 2


def test_pairs_without_training_sales_are_counted_apart() -> None:
    sample = totals.sample(ARRAYS, make_config("evaluation.weights=sales"))
    *_, last = totals.notes({"ds/both": totals.totals(VALUES, sample)}, sample, "sales")
    assert last == "1 pairs sold nothing on training days: 75.0% of the objective of ds/both"
