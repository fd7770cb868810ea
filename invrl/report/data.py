"""The demand that everything above is about."""

from __future__ import annotations

from typing import Any

import numpy as np

from invrl.charts import svg
from invrl.charts.svg import Frame, Scale, number
from invrl.demand.describe import FAST, SLOW, describe
from invrl.demand.panel import Panel
from invrl.report.facts import Facts, data_label
from invrl.report.markup import SMALL, figure, legend, make_section, side_by_side, table, twice

KNOWLEDGE = {
    "known": "as given",
    "censored": "sales, which stock-outs cut (censored)",
    "uncensored": "estimated from sales (uncensored)",
}
NAMES = {
    "lead_time": "lead time, days",
    "review_period": "review period, days",
    "first_review": "first review, day",
    "price": "price",
    "weight": "weight",
    "initial_stock": "initial stock, units",
    "mean_demand": "mean demand by its law",
}


def section(facts: Facts) -> str:
    panel = facts.experiment.panel
    found = describe(panel)
    caption = (
        "Units of all pairs together, day by day; thin line daily, thick line the mean of seven days. The "
        "shades are the days that the policy learned from, was chosen on, and is tested on."
    )
    return make_section(
        "data", "The data",
        table(_size(facts, found), kind="plain"),
        figure(twice(lambda width: _total(facts, width)), caption, _parts_legend(), "Demand over time"),
        side_by_side(_velocity(found), _weekdays(found)),
        side_by_side(*_examples(panel, found), kind="three"),
    )  # fmt: skip


def _size(facts: Facts, d: dict[str, Any]) -> list[dict[str, Any]]:
    demand, share = d["demand"], d["stockout_share"]
    rows = {
        "data": data_label(facts.run.config),
        "pairs": f"{d['pairs']:,}: {d['skus']:,} SKUs in {d['warehouses']:,} warehouses",
        "days": f"{d['days']:,}: {d['first_day']} to {d['last_day']}",
        "demand": KNOWLEDGE[d["knowledge"]]
        + (f"; stock-out hours on {100 * share:.0f} % of pair-days" if share else ""),
        "units a day": f"mean {number(demand['mean'])}; pairs from {_quantiles(demand['pair_mean'])}",
        "days without demand": f"{100 * demand['zero_share']:.0f} % of pair-days",
    }
    if demand["pair_cv"]:
        rows["variation (sd / mean)"] = f"pairs from {_quantiles(demand['pair_cv'])}"
    for name, row in d["numbers"].items():
        rows[NAMES[name]] = _range(row)
    for kind, label in (("ahead", "known ahead"), ("after", "known after"), ("static", "per pair")):
        if d["columns"][kind]:
            rows[f"columns {label}"] = ", ".join(d["columns"][kind])
    return [{"": name, " ": value} for name, value in rows.items()]


def _quantiles(row: dict[str, float]) -> str:
    return f"{number(row['p5'])} (5 %) over {number(row['p50'])} (median) to {number(row['p95'])} (95 %)"


def _range(row: dict[str, float]) -> str:
    low, middle, high = (number(row[key]) for key in ("lowest", "median", "highest"))
    return low if low == high else f"{low} to {high}, median {middle}"


EXAMPLE = 290
"""Width of a picture of which three stand side by side."""
PARTS = {"train": "learn", "validation": "choose", "test": "judge"}


def _parts_legend() -> str:
    return legend(
        [
            (ink, "bar", name)
            for name, ink in zip(("training", "validation", "test"), PARTS.values(), strict=True)
        ]
    )


def _total(facts: Facts, width: int) -> str:
    panel = facts.experiment.panel
    total = panel.demand.sum(1, dtype=np.float64)
    day = np.arange(panel.days, dtype=float)
    x, y = Scale(-0.5, panel.days - 0.5), Scale(0.0, 1.06 * max(float(total.max()), 1.0))
    frame = Frame(46, 24, width - 56, 170, x, y)
    week = np.convolve(total, np.ones(7) / 7, "valid")
    spans = [
        svg.span(frame, part.measure - 0.5, part.stop - 0.5, PARTS[name])
        for name, part in facts.experiment.parts.items()
    ]
    return svg.svg(
        width, 226, *spans, svg.axes(frame, "", "units a day", _months(panel, width)),
        svg.line(frame, day, total, "text", "thin pale"),
        svg.line(frame, day[3 : 3 + week.size], week, "text") if panel.days >= 14 else "",
        label="Demand over time",
    )  # fmt: skip


def _months(panel: Panel, width: int) -> list[tuple[float, str]]:
    """Days spread over the axis, with their date."""
    count = 8 if width > 500 else 4 if width > EXAMPLE else 3
    at = np.unique(np.linspace(0, panel.days - 1, count + 1).astype(int))[:-1]
    long = panel.days > 300
    return [(float(k), f"{panel.dates[k].astype(object):{'%b %Y' if long else '%-d %b'}}") for k in at]


def _velocity(d: dict[str, Any]) -> str:
    """Two bars per class: its share of the pairs and of the demand."""
    labels = {
        "fast": f"fast: {FAST:g} a day and more",
        "medium": "between",
        "slow": f"slow: below {SLOW:g} a day",
    }
    frame = Frame(152, 8, SMALL - 204, 120, Scale(0.0, 1.0), Scale(0, 1))
    parts = []
    for k, (name, label) in enumerate(labels.items()):
        row, v = d["velocity"][name], frame.top + 40 * k
        parts.append(svg.text(frame.left - 8, v + 20, label, "end", "tick"))
        for share, ink, down in ((row["pairs"] / d["pairs"], "demand", 4), (row["demand_share"], "both", 18)):
            parts.append(_bar(frame, share, v + down, ink))
    picture = svg.svg(SMALL, 136, *parts, label="Pairs and demand by velocity")
    caption = "How many pairs sell fast, and how much of all demand is theirs."
    return figure(
        picture,
        caption,
        legend([("demand", "bar", "share of pairs"), ("both", "bar", "share of demand")]),
        "Velocity",
    )


def _bar(frame: Frame, share: float, v: float, ink: str) -> str:
    """A horizontal bar with its share at its end."""
    right = max(float(frame.across(share)), frame.left + 0.6)
    label = f"{100 * share:.0f} %" if share >= 0.01 or share == 0 else "< 1 %"
    bar = f'<path class="bar ink-{ink}" d="M{frame.left:.1f},{v:.1f}H{right:.1f}v12H{frame.left:.1f}z"/>'
    return bar + svg.text(right + 6, v + 10, label, "start", "tick")


def _weekdays(d: dict[str, Any]) -> str:
    known = {name: level for name, level in d["weekdays"].items() if level is not None}
    if not known:
        return ""
    change = 100 * (np.array(list(known.values())) - 1)
    at = np.arange(change.size, dtype=float)
    reach = 1.15 * max(float(np.abs(change).max()), 1.0)
    frame = Frame(44, 22, SMALL - 54, 90, Scale(-0.6, change.size - 0.4), Scale(-reach, reach))
    marks = [(float(k), name) for k, name in enumerate(known)]
    axes, bars = (
        svg.axes(frame, "", "% of the mean day", marks, 3),
        svg.columns(frame, at, change, "both", 0.6),
    )
    picture = svg.svg(SMALL, 136, axes, bars, label="Demand by weekday")
    return figure(picture, "Demand of each weekday against the mean day.", title="Week")


def _examples(panel: Panel, d: dict[str, Any]) -> list[str]:
    distinct = {row["pair"]: (name, row) for name, row in reversed(d["examples"].items())}
    return [_example(panel, name, row) for name, row in reversed(distinct.values())]


def _example(panel: Panel, name: str, row: dict[str, Any]) -> str:
    demand = np.array(row["demand"])
    day = np.arange(demand.size, dtype=float)
    x, y = Scale(-0.6, demand.size - 0.4), Scale(0.0, 1.06 * max(float(demand.max()), 1.0))
    frame = Frame(38, 10, EXAMPLE - 44, 70, x, y)
    axes = svg.axes(frame, "", "", _months(panel, EXAMPLE), 3)
    bars = svg.columns(frame, day, demand, "demand", 0.9)
    picture = svg.svg(EXAMPLE, 106, axes, bars, label=f"Demand of the {name} pair")
    title = f"{name.capitalize()} pair: {row['pair']}"
    return figure(picture, f"{number(row['mean'])} units a day.", title=title)
