"""`invrl play`: policies played forward on later sales, from the recorded stock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Format, Json, emit, say, speak_of
from invrl.cli.options import DATA, OUTPUT, Plugin, State, StateColumn, columns_of
from invrl.errors import InvrlError

EXAMPLES = """Examples:

invrl play runs/ds-both-1a2b3c --sales later.parquet --state state.csv --orders 1-6

invrl play runs/ds-*-1a2b3c --state state.csv --out orders.csv
"""
FEW = 13
"""Periods that a table has columns for."""


def play(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs of one task, such as seeds.")],
    sales: Annotated[
        Path | None,
        typer.Option(
            help="Sales after the run's data, with its columns; default: none, and only the next orders.",
            rich_help_panel=DATA,
        ),
    ] = None,
    state: State = None,
    column: StateColumn = None,
    orders: Annotated[
        str, typer.Option(metavar="FIRST-LAST", help="Reviews that may order, counted from 1; default: all.")
    ] = "",
    forecasts: Annotated[
        list[Path] | None,
        typer.Option(help="Own forecasts, with those of the days played; repeatable.", rich_help_panel=DATA),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The first run's orders: .parquet or .csv.", rich_help_panel=OUTPUT),
    ] = None,
    plugin: Plugin = None,
    format: Format = "table",
    json: Json = False,
) -> None:
    """Play policies period by period on sales that came later: orders out, demand revealed, cost booked.

    An order knows the sales before it and no other. Play again with a longer file as time goes by: the
    orders so far stay as they were, and the last one is for the coming period.
    """
    from invrl.devices import placement

    placement.prepare()
    from invrl import play as game
    from invrl.runs import directory
    from invrl.scoring import trace
    from invrl.tables.whole import refuse_unwritable

    if out is not None:
        refuse_unwritable(out)
    runs = list({run.path.resolve(): run for run in map(directory.find, names)}.values())
    request = game.Request(sales, state, columns_of(column), _calendar(orders), tuple(forecasts or ()))
    played = game.play(runs, request)
    if out is not None:
        trace.write(played.orders(played.runs[0]), out)
        say(f"wrote {out}")
    _show(played, format, json)


def _calendar(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last)):
        raise InvrlError(f"--orders is `{text}`", hint="the first and the last review that orders: 1-6")
    return int(first), int(last)


def _show(played: Any, format: str, json: bool) -> None:
    from invrl.scoring.intervals import COVERS

    if json:
        emit([], json_flag=True, payload=_payload(played))
        return
    step = played.experiment.panel.step
    speak_of(step)
    counted = [t for t in range(len(played.dates)) if played.counted[t]]
    rows = [_row(played, policy, counted) for policy in played.costs]
    if len(played.runs) > 1:
        rows.insert(len(played.runs), _mean_row(rows[: len(played.runs)]))
    if counted:
        spans = f"{step}s from {played.dates[counted[0]]} to {played.dates[counted[-1]]}"
        emit(rows, format=format, title=f"cost of {len(played.experiment.panel.sku):,} pairs, {spans}")
        say(f"vs it: the runs minus the policy, paired, with half a 95 % interval; {COVERS}", "dim")
    say(f"the orders of {played.dates[-1]} are for a {step} whose demand is still to come", "dim")


def _row(played: Any, policy: str, counted: list[int]) -> dict[str, Any]:
    from invrl.scoring.intervals import signed

    periods = played.by_period(policy)
    own = policy in played.runs
    row: dict[str, Any] = {"policy": policy, "cost": round(played.total(policy), 1)}
    row["vs it"] = "" if own else signed(played.against(policy))
    if len(counted) <= FEW:
        row |= {str(played.dates[t])[5:]: round(float(periods[t]), 1) for t in counted}
    return row


def _mean_row(rows: list[dict[str, Any]]) -> dict[str, Any]:
    from invrl.play.game import MEAN

    figures = [name for name in rows[0] if name not in ("policy", "vs it")]
    means = {name: round(sum(row[name] for row in rows) / len(rows), 1) for name in figures}
    return {**rows[0], "policy": MEAN, **means}


def _payload(played: Any) -> dict[str, Any]:
    return {
        "periods": [str(date) for date in played.dates],
        "step": played.experiment.panel.step,
        "measured": [bool(counted) for counted in played.counted],
        "policies": {
            policy: {
                "cost": played.total(policy),
                "by_period": [float(cost) for cost in played.by_period(policy)],
                "runs_minus_it": None if policy in played.runs else list(played.against(policy)),
            }
            for policy in played.costs
        },
        "mean_cost_of_runs": sum(map(played.total, played.runs)) / len(played.runs),
    }
