"""`invrl recommend`: today's orders from a trained run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Json, emit, say, tell
from invrl.cli.options import DATA, OUTPUT, DataName, Plugin, StateColumn, columns_of
from invrl.errors import InvrlError

EXAMPLES = """Examples:

invrl recommend runs/ds-both-1a2b3c --state today.csv --out orders.csv

invrl recommend runs/ds-both-1a2b3c --state today.parquet --explain SKU-7,BERLIN supply.pack_size=6
"""


def recommend(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run's path or name.")],
    limits: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[supply.KEY=VALUE]...",
            help="Limits of the day: pack_size, min_order, max_order, max_position.",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            help="Stock and orders on the way, one row per pair: CSV or Parquet.", rich_help_panel=DATA
        ),
    ] = None,
    data: DataName = None,
    date: Annotated[
        str | None,
        typer.Option(help="The day to order for; default: the day after the data.", rich_help_panel=DATA),
    ] = None,
    ahead: Annotated[
        list[Path] | None,
        typer.Option(help="Known-ahead columns of the coming days; repeatable.", rich_help_panel=DATA),
    ] = None,
    forecasts: Annotated[
        list[Path] | None,
        typer.Option(help="Your newest forecasts; repeatable.", rich_help_panel=DATA),
    ] = None,
    column: StateColumn = None,
    new_pairs: Annotated[
        bool,
        typer.Option(
            "--new-pairs", help="Order also where most pairs are new to the data.", rich_help_panel=DATA
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="New file: .parquet or .csv.", rich_help_panel=OUTPUT)
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(metavar="SKU,WAREHOUSE", help="Explain the order of one pair.", rich_help_panel=OUTPUT),
    ] = None,
    plugin: Plugin = None,
    json: Json = False,
) -> None:
    """Today's orders: one row per pair of the state file in, one row out.

    The state has the columns sku, warehouse, on_hand, and due_1, due_2, ... (units due in 1, 2, ... days) or
    pipeline and due; demand comes from the run's data, from --data, or from columns demand_1 (yesterday), ...
    """
    from invrl.devices import placement

    placement.prepare()
    from invrl import recommend as daily
    from invrl.cli.options import with_data
    from invrl.runs import directory
    from invrl.sources.files import check_new

    if state is None:
        raise InvrlError("no state file", hint="--state FILE: sku, warehouse, on_hand and what is on order")
    if out is None and explain is None:
        raise InvrlError("nowhere to write the orders", hint="--out orders.csv, or --explain SKU,WAREHOUSE")
    if out is not None:
        check_new(out)
    request = daily.Request(
        state,
        date,
        (lambda d: with_data(d, data)) if data else None,
        ahead or (),
        columns_of(column),
        limits or (),
        new_pairs,
        forecasts or (),
    )
    job = daily.prepare(directory.find(name), request)
    payload: dict[str, Any] = {}
    if explain is not None:
        payload["explain"] = daily.explain(job, explain)
    if out is not None:
        for line in [*job.notes(), job.plan()]:
            say(line)
        payload |= daily.recommend(job, out)
        _summary(payload)
    if json:
        emit([], json_flag=True, payload=payload)
    elif explain is not None:
        tell("\n".join(payload["explain"]["text"]))


def _summary(found: dict[str, Any]) -> None:
    orders, units, pairs = (f"{found[name]:,.0f}" for name in ("orders", "units", "pairs"))
    say(f"wrote {found['out']}: {orders} orders, {units} units for {pairs} pairs")
    for name, count in found["flags"].items():
        say(f"  {name}: {count:,}")
    say(f"  {found['seconds']:.1f} s, {found['pairs'] / max(found['seconds'], 1e-9):,.0f} pairs/s")
