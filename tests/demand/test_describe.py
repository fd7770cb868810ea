"""The figures of a panel, worked by hand."""

import json

import numpy as np
import pytest

from invrl.demand.describe import describe, sparkline
from invrl.demand.panel import Panel


@pytest.fixture
def panel() -> Panel:
    """Four days from a Monday; pairs that sell 20, 2, 0.5 and 0 a day."""
    demand = np.array([[40, 2, 2, 0], [0, 2, 0, 0], [40, 2, 0, 0], [0, 2, 0, 0]], np.float32)
    return Panel(
        demand=demand,
        sku=np.array(["A", "B", "A", "C"]),
        warehouse=np.array(["X", "X", "Y", "Y"]),
        start=np.datetime64("2024-01-01", "D"),
        after={"stockout_hours": np.eye(4, dtype=np.float32)},
        static={"city": np.array(["U", "U", "V", "V"])},
        lead_time=np.array([1, 2, 3, 14], np.int32),
        knowledge="censored",
    )


def test_figures_by_hand(panel):
    figures = describe(panel)
    assert [figures[key] for key in ("pairs", "skus", "warehouses", "days")] == [4, 3, 2, 4]
    assert (figures["first_day"], figures["last_day"]) == ("2024-01-01", "2024-01-04")
    demand = figures["demand"]
    assert demand["total"] == 90
    assert demand["mean"] == 90 / 16
    assert demand["largest_day"] == 40
    assert demand["zero_share"] == 9 / 16
    assert demand["pairs_without"] == 1
    assert demand["pair_mean"]["p50"] == 1.25  # between 0.5 and 2
    # sd / mean of the three that sell: 20/20, 0, sqrt(0.75)/0.5
    assert demand["pair_cv"]["p50"] == 1
    assert demand["pair_cv"]["p95"] == pytest.approx(1 + 0.9 * (3**0.5 - 1))
    assert figures["velocity"] == {
        "fast": {"pairs": 1, "demand_share": 20 / 22.5},
        "medium": {"pairs": 1, "demand_share": 2 / 22.5},
        "slow": {"pairs": 2, "demand_share": 0.5 / 22.5},
    }
    assert figures["numbers"] == {"lead_time": {"lowest": 1, "median": 2.5, "highest": 14}}
    assert figures["columns"] == {"ahead": [], "after": ["stockout_hours"], "static": ["city"]}


def test_weekdays_are_relative_to_the_mean_day(panel):
    weekdays = describe(panel)["weekdays"]
    assert list(weekdays) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert weekdays["Mon"] == pytest.approx(44 / 22.5)
    assert weekdays["Tue"] == pytest.approx(2 / 22.5)
    assert weekdays["Wed"] == pytest.approx(42 / 22.5)
    assert weekdays["Fri"] is None


def test_stockouts_count_only_where_demand_is_not_known(panel):
    assert describe(panel)["stockout_share"] == 4 / 16
    known = Panel(panel.demand, panel.sku, panel.warehouse, after=panel.after)
    assert describe(known)["stockout_share"] is None


def test_examples_are_pairs_with_demand(panel):
    examples = describe(panel)["examples"]
    assert {name: row["pair"] for name, row in examples.items()} == {
        "largest": "A@X",
        "median": "B@X",
        "smallest": "A@Y",
    }
    assert examples["smallest"]["demand"] == [2, 0, 0, 0]


def test_a_panel_without_demand_is_described_too(panel):
    figures = describe(Panel(np.zeros((9, 2), np.float32), np.array(["A", "B"]), np.array(["W", "W"])))
    assert figures["demand"]["pairs_without"] == 2
    assert figures["demand"]["pair_cv"] is None
    assert set(figures["weekdays"].values()) == {None}
    json.dumps(figures, allow_nan=False)


def test_sparkline():
    assert sparkline(np.array([0, 1, 4, 7])) == "▁▂▅█"
    assert sparkline(np.zeros(3)) == "▁▁▁"
    assert sparkline(np.array([0.0, 0, 7, 7, 3, 4]), width=3) == "▁█▅"  # means 0, 7, 3.5
    assert len(sparkline(np.arange(1000), width=60)) == 60
