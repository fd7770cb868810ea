"""The pairs that gain and lose most against the incumbent, day by day."""

from __future__ import annotations

from typing import Any

import numpy as np

from invrl import registry
from invrl.charts import svg
from invrl.charts.svg import Frame, Scale
from invrl.demand.scale import scale_of
from invrl.report.facts import Facts, cell_label, ink_of, narrowed, slowest
from invrl.report.markup import SMALL, figure, legend, make_section, side_by_side, words
from invrl.scoring.rules import classical
from invrl.scoring.trace import Columns, trace
from invrl.training import session

EACH = 4
"""Best pairs shown, and as many of the worst."""


def section(facts: Facts) -> str:
    best, worst = chosen(facts)
    mine, rival = traces(facts, np.concatenate([best, worst]))
    name = facts.rival.name.replace("_", " ") if facts.rival else ""
    ink = ink_of(facts.main)
    entries = [
        ("demand", "bar", "demand"),
        (ink, "line", f"on hand, {cell_label(facts.main)}"),
        *([("incumbent", "dashed", f"on hand, {name}")] if facts.rival else []),
        (ink, "bar", f"orders, {cell_label(facts.main)}"),
        *([("incumbent pale", "bar", f"orders, {name}")] if facts.rival else []),
        ("worse", "bar", "days that end without stock"),
    ]
    unmet = {
        "lost": "a column of demand that rises above the line is a day on which demand was lost",
        "backlog": "below zero it is a backlog",
    }[facts.experiment.config.supply.unmet]
    intro = (
        f"On-hand stock is drawn after the morning's arrivals: {unmet}. The lower strip holds the orders, on "
        "the day they are placed. Shaded days warm up and are not measured."
    )
    gain = f"difference between {cell_label(facts.main)} and the {name}" if facts.rival else "mean objective"
    first = f"Of the half of the pairs that sells more, those that pull the {gain} down and up most."
    parts = [words(f"{first} {intro}"), legend(entries)]
    for title, pairs in (("Most gained", best), ("Most lost", worst)):
        cards = [_card(facts, int(pair), mine, rival) for pair in pairs]
        parts += [f"<h3>{title}</h3>", side_by_side(*cards)] if cards else []
    return make_section("pairs", "Best and worst pairs", *parts)


def chosen(facts: Facts) -> tuple[np.ndarray, np.ndarray]:
    """(best, worst): indices into the panel of the pairs that pull the mean objective down and up most.

    Of the half of the pairs that sells more.
    """
    mine = facts.main.values["objective"]
    other = facts.rival.values["objective"] if facts.rival else np.full_like(mine, np.median(mine))
    added = facts.weight * (mine - other)
    order = np.argsort(added, kind="stable")
    scale, _ = scale_of(facts.experiment.panel, facts.experiment.training_days)
    sells = scale[facts.pairs] >= np.median(scale[facts.pairs])
    order = order[sells[order]]  # pairs that hardly sell have odd objectives and dull pictures
    best, worst = order[:EACH], order[::-1][:EACH]
    return facts.pairs[best[added[best] < 0]], facts.pairs[worst[added[worst] > 0]]


def traces(facts: Facts, pairs: np.ndarray) -> tuple[Columns, Columns | None]:
    """Every day of the given pairs, under the main policy and under its rival."""
    everyone = facts.experiment
    few = narrowed(everyone, facts.split, np.union1d(pairs, slowest(everyone.panel, facts.pairs)))
    mine = trace(few, *session.restore(facts.run, few), facts.split)
    if facts.rival is None or facts.rival.name not in facts.numbers:
        return mine, None
    rule = classical(registry.get("baseline", facts.rival.name), everyone.config)
    return mine, trace(few.incumbents, rule, None, facts.numbers[facts.rival.name], facts.split)


def _of(columns: Columns, sku: Any, warehouse: Any) -> Columns:
    rows = (columns["sku"] == sku) & (columns["warehouse"] == warehouse)
    return {name: column[rows] for name, column in columns.items()}


def _card(facts: Facts, pair: int, mine: Columns, rival: Columns | None) -> str:
    panel = facts.experiment.panel
    who = panel.sku[pair], panel.warehouse[pair]
    picture = _picture(_of(mine, *who), _of(rival, *who) if rival else None, ink_of(facts.main))
    return figure(picture, _story(facts, pair), title=f"{who[0]} in {who[1]}")


def _story(facts: Facts, pair: int) -> str:
    panel = facts.experiment.panel
    assert panel.lead_time is not None and panel.review_period is not None
    scale, _ = scale_of(panel, facts.experiment.training_days)
    lead, period = np.atleast_2d(panel.lead_time)[:, pair], int(panel.review_period[pair])
    days = f"{lead.min()}" if lead.min() == lead.max() else f"{lead.min()} to {lead.max()}"
    at = int(np.flatnonzero(facts.pairs == pair)[0])

    def measure(name: str, unit: float) -> str:
        own = f"*{unit * facts.main.values[name][at]:.1f}*"
        return own + (
            f" ({facts.rival.name} {unit * facts.rival.values[name][at]:.1f})" if facts.rival else ""
        )

    return (
        f"Sells {svg.number(float(scale[pair]))} a day; lead time {days}, review every "
        f"{f'{period} days' if period > 1 else 'day'}. Stockout rate, %: {measure('stockout_rate', 100)}. "
        f"Turnover time, days: {measure('turnover_time', 1)}."
    )


def _picture(mine: Columns, rival: Columns | None, ink: str) -> str:
    """Demand and stock above, orders below, over the days of the trace."""
    dates, day = mine["date"], np.arange(mine["date"].size, dtype=float)
    both = [mine] if rival is None else [mine, rival]
    x = Scale(-0.6, day[-1] + 0.6)
    top = max(max(c["on_hand"].max(), c["demand"].max()) for c in both)
    low = min(0.0, *(float(c["on_hand"].min()) for c in both))
    stock = Frame(40, 22, SMALL - 46, 120, x, Scale(1.06 * low, 1.06 * max(top, 1.0)))
    most = max(float(c["order"].max()) for c in both)
    orders = Frame(40, 166, SMALL - 46, 34, x, Scale(0.0, 1.06 * max(most, 1.0)))
    parts = [
        _warm_up(stock, mine),
        svg.axes(stock, "", "units", [], 4),
        svg.columns(stock, day, mine["demand"], "demand", 0.76),
    ]
    if rival is not None:
        parts.append(svg.line(stock, *svg.steps(day, rival["on_hand"]), "incumbent", "thin dashed"))
    parts.append(svg.line(stock, *svg.steps(day, mine["on_hand"]), ink))
    parts.append(_stockouts(stock, mine, day))
    parts.append(svg.axes(orders, "", "orders", _dates(dates), 2))
    if rival is not None:
        parts.append(svg.columns(orders, day + 0.22, rival["order"], "incumbent pale", 0.38))
    parts.append(svg.columns(orders, day - 0.2, mine["order"], ink, 0.42))
    return svg.svg(SMALL, 222, *parts, _tips(stock, orders, mine), label="Demand, stock on hand and orders")


def _warm_up(frame: Frame, mine: Columns) -> str:
    first = int(np.argmax(mine["measured"])) if mine["measured"].any() else 0
    return svg.span(frame, -0.6, first - 0.5, "shade") if first else ""


def _stockouts(frame: Frame, mine: Columns, day: np.ndarray) -> str:
    """A red foot under the days that end without stock."""
    foot = Frame(frame.left, frame.bottom + 1, frame.width, 5, frame.x, Scale(0.0, 1.0))
    return svg.columns(foot, day, (mine["inventory"] <= 0).astype(float), "worse", 0.76)


def _dates(dates: np.ndarray) -> list[tuple[float, str]]:
    """Five or so days of the axis, as `3 Nov`."""
    stride = max(7, 7 * round(len(dates) / 35))
    return [(float(k), f"{dates[k].astype(object):%-d %b}") for k in range(0, len(dates), stride)]


def _tips(stock: Frame, orders: Frame, mine: Columns) -> str:
    """What happened on each day, under the pointer."""
    wide = stock.width / (stock.x.high - stock.x.low)
    rows = zip(*(mine[name] for name in ("date", "demand", "on_hand", "order", "inventory")), strict=True)
    number = svg.number
    return "".join(
        f'<rect class="hit" x="{stock.left + wide * (k + 0.1):.1f}" y="{stock.top}" width="{wide:.1f}" '
        f'height="{orders.bottom - stock.top}"><title>{date}: on hand {number(float(on_hand))}, demand '
        f"{number(float(demand))}, order {number(float(order))}, at the end "
        f"{number(float(end))}</title></rect>"
        for k, (date, demand, on_hand, order, end) in enumerate(rows)
    )
