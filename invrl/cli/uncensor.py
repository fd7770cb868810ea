"""`invrl data uncensor`: an estimate of demand where stockouts cut the sales."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Format, Json, emit, say
from invrl.errors import InvrlError

EXAMPLES = """Examples:

invrl data uncensor sales.parquet --out demand.parquet

invrl data uncensor sales.parquet --hours stockout_hours --open 16 --check
"""

STOCK, METHOD, OUTPUT = "Stock", "Method", "Output"


def _text(help: str, panel: str, metavar: str = "COLUMN") -> Any:
    return typer.Option(metavar=metavar, help=help, rich_help_panel=panel, show_default=False)


def uncensor(
    file: Annotated[str, typer.Argument(help="A panel of sales, CSV or Parquet.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help=r"Overrides of the \[data] table.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="New file: .parquet or .csv.", rich_help_panel=OUTPUT)
    ] = None,
    method: Annotated[str, _text("model, instock or tobit.", METHOD, "NAME")] = "model",
    floor: Annotated[
        float,
        typer.Option(help="For instock: the least share that sales are divided by.", rich_help_panel=METHOD),
    ] = 0.3,
    draw: Annotated[
        int | None,
        _text("Draw the lost units at random with this seed; default: add their mean.", METHOD, "SEED"),
    ] = None,
    fit_days: Annotated[
        int,
        typer.Option(help="Days from the start to learn from; 0: the training days.", rich_help_panel=METHOD),
    ] = 0,
    share: Annotated[str, _text("Column: share of the day's demand that was in stock.", STOCK)] = "",
    hours: Annotated[str, _text("Column: hours out of stock.", STOCK)] = "",
    open: Annotated[
        float, typer.Option(help="Opening hours of a day, with --hours.", rich_help_panel=STOCK)
    ] = 24.0,
    stockout: Annotated[str, _text("Column: 1 on days with a stockout (tobit).", STOCK)] = "",
    config: Annotated[
        str | None, typer.Option("--config", help=r"Use the \[data] table of this config.")
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            help="Group the table by share, weekday, warehouse, sku or a static column.",
            rich_help_panel=OUTPUT,
        ),
    ] = "share",
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Validate: censor days without stockouts and compare with their sales.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    format: Format = "table",
    json: Json = False,
) -> None:
    """Estimate demand from sales, say how much was added where, and write it as a panel.

    The sales stay in the new panel as the column `sales`, known only after the day.
    """
    from invrl.cli.data import _data
    from invrl.demand.uncensor import share_in_stock, uncensored
    from invrl.demand.uncensor_check import FULL, check_methods
    from invrl.sources.contract import source_panel
    from invrl.sources.files import check_new

    if out is None and not check:
        raise InvrlError("nowhere to write the panel", hint="--out demand.parquet, or --check")
    if out is not None:
        check_new(out)
    panel = source_panel(_data(file, config, words, is_file=True))
    in_stock = share_in_stock(panel, share, hours, open, stockout)
    rows: list[dict[str, Any]] = []
    if out is not None:
        days = fit_days or _training_days(panel, config)
        found = uncensored(panel, in_stock, method, floor, draw, min(days, panel.days))
        rows = _report(panel, found, in_stock, by)
        _write(found, out, config)
    if check:
        full = check_methods(panel, in_stock, in_stock >= FULL)
        emit([_short(row) for row in full], format=format, json_flag=json, title=CHECKED, payload=full)
    else:
        emit(rows, format=format, json_flag=json, title=f"{method}: {ADDED}")


def _training_days(panel: Any, config: str | None) -> int:
    """The days that a run on the panel trains on: no estimate may look at those that test it."""
    from invrl.config.reading import load
    from invrl.demand.splits import training_days

    found = training_days(panel.pairs, panel.days, load(config, ()).split)
    if found is None:
        say("too short for the split of a run: all days are learned from (--fit-days)")
    return found or int(panel.days)


CHECKED = "clean days cut artificially (units a day)"
ADDED = "demand added where"


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """The columns that fit a terminal; JSON has the classes too."""
    return {name: value for name, value in row.items() if "-" not in name}


def _report(panel: Any, found: Any, share: Any, by: str) -> list[dict[str, Any]]:
    from invrl.demand.uncensor_check import added_by, added_demand

    if by == "share":
        return added_demand(panel.demand, found.demand, share)
    return added_by(found, panel.demand, by, share)


def _write(found: Any, out: Path, config: str | None) -> None:
    from invrl.sources.files import write_panel

    write_panel(found, out)
    say(f"wrote {out}: {found.pairs:,} pairs x {found.days} days, demand is an estimate (uncensored)")
    same = f"--config {config} data.knowledge=uncensored " if config else ""  # the config may say censored
    say(f"next: invrl train {same}--data {out}")
