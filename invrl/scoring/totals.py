"""Headlines beside the means over pairs: all pairs together, the middle pair, and who is at the cap.

A mean over pairs counts a pair that sells once a month like one that sells a hundred a day, and a pair
without sales stands at the cap of turnover time. Totals count units, whoever sells them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from invrl.config.schema import Config

SUMMED = ("fill_rate", "average_inventory", "lost_units", "mean_sales")
"""Measures that totals are made of, beside stockout rate, turnover time and objective."""


class Sample(NamedTuple):
    """The pairs [N'] of a part, and how they are counted."""

    weight: np.ndarray
    sold: np.ndarray | None  # bool, on a training day; None where a run did not keep it
    price: np.ndarray | None  # money per unit
    backlog: bool
    cap: float  # days of turnover time


def sample(arrays: Mapping[str, np.ndarray], config: Config) -> Sample:
    """From what `pairs-<split>.npz` holds."""
    return Sample(
        arrays["weight"].astype(np.float64), arrays.get("sold"), arrays.get("price"),
        config.supply.unmet == "backlog", config.evaluation.turnover_cap,
    )  # fmt: skip


def totals(values: Mapping[str, np.ndarray], pairs: Sample) -> dict[str, float]:
    """Figures of one policy from its measures [N'].

    turnover_time      days: units in stock of all pairs / units sold a day by all pairs
    fill_rate          units served on their day / units demanded
    inventory, lost_units: units of all pairs, units a day of all pairs
    inventory_value, lost_value: the same at their prices, where prices are known
    median_turnover_time, median_stockout_rate: of the pair in the middle
    at_cap             share of pairs whose turnover time is cut at the cap
    unsold_share       share of the weighted objective that is of pairs without a training sale
    """
    stock, sold, lost = (
        values[name].astype(np.float64) for name in ("average_inventory", "mean_sales", "lost_units")
    )
    demand = sold if pairs.backlog else sold + lost
    found = {
        "turnover_time": _ratio(stock.sum(), sold.sum()),
        "fill_rate": _ratio(values["fill_rate"] @ demand, demand.sum()),
        "inventory": float(stock.sum()),
        "lost_units": float(lost.sum()),
        "median_turnover_time": float(np.median(values["turnover_time"])),
        "median_stockout_rate": float(np.median(values["stockout_rate"])),
        "at_cap": float((values["turnover_time"] >= 0.999 * pairs.cap).mean()),
    }
    if pairs.price is not None:
        found |= {"inventory_value": float(pairs.price @ stock), "lost_value": float(pairs.price @ lost)}
    if pairs.sold is not None:
        objective = pairs.weight * values["objective"]
        found["unsold_share"] = _ratio(objective[~pairs.sold].sum(), objective.sum())
    return found


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below else float("nan")


def rows(found: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """A table row per policy."""
    table = []
    for name, of in found.items():
        row = {
            "policy": name, "turnover d": f"{of['turnover_time']:.2f}",
            "fill %": f"{100 * of['fill_rate']:.2f}", "lost a day": f"{of['lost_units']:,.1f}",
            "median d": f"{of['median_turnover_time']:.2f}", "at cap %": f"{100 * of['at_cap']:.1f}",
        }  # fmt: skip
        if "inventory_value" in of:
            row |= {"stock value": f"{of['inventory_value']:,.0f}", "lost value": f"{of['lost_value']:,.0f}"}
        table.append(row)
    return table


TITLE = "all pairs together"


def notes(found: Mapping[str, Mapping[str, float]], pairs: Sample, weights: str) -> list[str]:
    """What is said under the table.

    Args:
        weights: `evaluation.weights`.
    """
    said = [
        f"turnover d: all stock / all sales a day; at cap: cut at {pairs.cap:g} days, as without sales",
        f"means over pairs weigh them {WORDS.get(weights, weights)} (evaluation.weights)",
    ]
    if pairs.sold is not None and not pairs.sold.all():
        name, share = next((name, of["unsold_share"]) for name, of in found.items())
        count = int((~pairs.sold).sum())
        said.append(f"{count:,} pairs sold nothing on training days: {share:.1%} of the objective of {name}")
    return said


WORDS = {
    "equal": "equally", "sales": "by mean sales of the training days",
    "value": "by price x mean sales of the training days", "panel": "by the data's own weights",
}  # fmt: skip
