"""The terminal's picture of a panel's description."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from invrl.demand.describe import Description

KNOWLEDGE = {
    "known": "demand as given",
    "censored": "sales, which stock-outs cut (censored)",
    "uncensored": "demand estimated from sales",
}
NUMBERS = {
    "lead_time": "lead time, days",
    "review_period": "review period, days",
    "first_review": "first review, day",
    "price": "price",
    "weight": "weight",
    "initial_stock": "initial stock, units",
    "mean_demand": "mean demand by its law",
}
SPARK_WIDTH = 36
PAIR_WIDTH = 20


def figures(description: Description) -> list[dict[str, Any]]:
    """The description as rows `figure`, `value`; without the example series."""
    from invrl.config.reading import flatten

    return [
        {"figure": key, "value": ", ".join(value) if isinstance(value, list) else value}
        for key, value in flatten(description)
        if not key.endswith(".demand") and value != {}
    ]


def print_picture(description: Description, title: str) -> None:
    """Print the description for a planner, 80 columns wide."""
    from rich.console import Console

    from invrl.cli.console import escaped
    from invrl.demand.timestep import spoken

    step = description["step"]
    console = Console(highlight=False)
    console.print(f"[bold]{escaped(title)}[/bold]", soft_wrap=True)
    for line in _size(description):
        console.print(spoken(line, step))
    parts = (_demand, _velocity, _week, _supply, _columns, _examples)
    for part in parts:
        table = part(description)
        if table.row_count:
            console.print()
            with console.capture() as drawn:
                console.print(table)
            print(spoken(drawn.get(), step), end="")
        if part is _demand:
            console.print(spoken("\n".join(_demand_notes(description)), step))


def _size(d: Description) -> list[str]:
    first, last = (datetime.date.fromisoformat(d[key]) for key in ("first_day", "last_day"))
    return [
        f"{count(d['pairs'], 'pair')}: {count(d['skus'], 'SKU')} in {count(d['warehouses'], 'warehouse')}",
        f"{count(d['days'], 'day')}: {first:%a %Y-%m-%d} to {last:%a %Y-%m-%d}",
    ]


def _demand(d: Description) -> Table:
    table = _table("Demand", "5 %", "median", "95 %", "of pairs")
    demand = d["demand"]
    table.add_row("  units a day", *map(number, demand["pair_mean"].values()))
    if demand["pair_cv"]:
        table.add_row("  variation (sd / mean)", *map(number, demand["pair_cv"].values()))
    return table


def _demand_notes(d: Description) -> list[str]:
    from invrl.cli.console import escaped

    demand = d["demand"]
    notes = [
        f"  mean {number(demand['mean'])}, largest day {number(demand['largest_day'])}; "
        f"{percent(demand['zero_share'])} of pair-days without demand",
        f"  {KNOWLEDGE[d['knowledge']]}",
    ]
    if d["stockout_share"] is not None:
        notes[-1] += f"; stock-out hours on {percent(d['stockout_share'])} of pair-days"
    if d["masked_share"]:
        notes.append(f"  masked: {percent(d['masked_share'])} of pair-days (out of stock, closed, not sold)")
    if demand["pairs_without"]:
        notes.append(f"  [yellow]{count(demand['pairs_without'], 'pair')} without any demand[/yellow]")
    if demand["untrained"]["pairs"]:
        notes.append(f"  [yellow]{escaped(without_training(**demand['untrained']))}[/yellow]")
    return notes


def without_training(pairs: int, names: list[str]) -> str:
    """Which pairs have no demand on training days, and what becomes of them."""
    more = f" and {pairs - len(names):,} more" if pairs > len(names) else ""
    listed = ", ".join(names) + more
    return f"no demand on training days, so each counts as the pair in the middle: {listed}"


def _velocity(d: Description) -> Table:
    from invrl.demand.describe import FAST, SLOW

    table = _table("Velocity", "pairs", "", "of demand", "")
    labels = {"fast": f"{FAST:g} a day and more", "medium": "between", "slow": f"less than {SLOW:g} a day"}
    for name, label in labels.items():
        row = d["velocity"][name]
        share, pairs = row["demand_share"], row["pairs"]
        bar = "█" * round(20 * share)
        table.add_row(f"  {name}: {label}", f"{pairs:,}", percent(pairs / d["pairs"]), percent(share), bar)
    return table


def _week(d: Description) -> Table:
    known = {name: level for name, level in d["weekdays"].items() if level is not None}
    table = _table("Week", *known)
    if known:
        table.add_row("  against the mean day", *(f"{100 * level - 100:+.0f} %" for level in known.values()))
    return table


def _supply(d: Description) -> Table:
    table = _table("Supply and value", "lowest", "median", "highest", "of pairs")
    for name, row in d["numbers"].items():
        table.add_row(f"  {NUMBERS[name]}", *map(number, row.values()))
    return table


def _columns(d: Description) -> Table:
    from invrl.cli.console import escaped

    table = _table("Columns", "", justify="left")
    labels = {"ahead": "known ahead", "after": "known after", "static": "per pair"}
    for kind, label in labels.items():
        if d["columns"][kind]:
            table.add_row(f"  {label}", escaped(", ".join(d["columns"][kind])))
    return table


def _examples(d: Description) -> Table:
    from invrl.cli.console import escaped
    from invrl.demand.describe import sparkline

    table = _table("Pairs", "", "a day", "", justify="left")
    distinct = {row["pair"]: (name, row) for name, row in reversed(d["examples"].items())}
    for name, row in reversed(distinct.values()):
        pair = row["pair"] if len(row["pair"]) <= PAIR_WIDTH else row["pair"][: PAIR_WIDTH - 1] + "…"
        table.add_row(f"  {name}", escaped(pair), number(row["mean"]), sparkline(row["demand"], SPARK_WIDTH))
    return table


def _table(title: str, *heads: str, justify: Any = "right") -> Table:
    """A borderless table whose first head is the part's title."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="")
    table.add_column(f"[bold]{title}[/bold]", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="left" if head in ("", "of pairs") else justify)
    return table


def number(value: float) -> str:
    """Three digits, whole from 100 on, thousands marked."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0995 or share == 0 else f"{100 * share:.2g} %"


def count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
