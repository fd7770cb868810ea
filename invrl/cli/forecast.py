"""`invrl data forecast`: forecasts by rolling origins, for those who have none."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import say
from invrl.errors import InvrlError, nearest
from invrl.registry import FORECASTERS

EXAMPLES = """Examples:

invrl data forecast shop.parquet --out forecasts.parquet

invrl data forecast weekly.csv --out f.parquet --models seasonal_average,boosting --quantiles 0.5,0.8,0.95
"""
ORIGINS = "Origins"


def _number(help: str) -> Any:
    return typer.Option(help=help, rich_help_panel=ORIGINS, show_default=False)


def forecast(
    file: Annotated[str, typer.Argument(metavar="FILE|SOURCE", help="A panel file, or a source.")],
    out: Annotated[Path, typer.Option("--out", help="New file: .parquet or .csv.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help=r"Overrides of the \[data] table.")
    ] = None,
    models: Annotated[
        str,
        typer.Option(metavar="A,B,...", help=f"Of {', '.join(FORECASTERS)}; boosting needs invrl[forecast]."),
    ] = "seasonal_average,seasonal_naive",
    quantiles: Annotated[
        str, typer.Option(metavar="Q,...", help="That boosting makes beside the mean.")
    ] = "0.5,0.9",
    every: Annotated[int, _number("Days between origins; else 1, or 7 for a large panel.")] = 0,
    horizon: Annotated[int, _number("Days forecast from each; else what orders need.")] = 0,
    first: Annotated[int, _number("Days known at the first; else 28, or a third of the panel.")] = 0,
    config: Annotated[
        str | None, typer.Option("--config", help=r"Take the \[data] table of this config.")
    ] = None,
) -> None:
    """Forecast every pair from past days, as a file for data.forecasts; the last origin is the day to come.

    A forecast of an origin knows the days before it, and known-ahead columns.
    """
    from invrl.cli.data import _data
    from invrl.demand.timestep import spoken
    from invrl.forecasters import rolling
    from invrl.sources.contract import source_panel
    from invrl.sources.files import check_new

    check_new(out)
    names, shares = _names(models), _shares(quantiles)
    if min(every, horizon, first) < 0:
        raise InvrlError("--every, --horizon and --first are at least 1", hint="leave them out for a choice")
    began = time.perf_counter()
    panel = source_panel(_data(file, config, words))
    plan = rolling.plan(panel, every, horizon, first)
    rows = rolling.write_forecasts(panel, out, names, plan, shares, lambda done: None)
    apart = f"{plan.every} days" if plan.every > 1 else "day"
    each = spoken(
        f"{len(plan.origins)} origins, one every {apart}, {plan.horizon} days from each", panel.step
    )
    say(f"wrote {out}: {', '.join(names)}; {each}; {rows:,} rows, {time.perf_counter() - began:.1f} s")
    say(f"next: invrl train --data {file} data.forecasts={out}")


def _names(models: str) -> list[str]:
    names = list(dict.fromkeys(filter(None, models.split(","))))
    for name in names:
        if name not in FORECASTERS:
            raise InvrlError(f"no forecaster `{name}`", hint=nearest(name, FORECASTERS))
    if not names:
        raise InvrlError("--models names none", hint=f"of {', '.join(FORECASTERS)}")
    return names


def _shares(quantiles: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(word) for word in quantiles.split(",") if word)
        if not all(0 < share < 1 for share in shares):
            raise ValueError
    except ValueError:
        raise InvrlError(f"--quantiles {quantiles}: not between 0 and 1", hint="such as 0.5,0.9") from None
    return shares
