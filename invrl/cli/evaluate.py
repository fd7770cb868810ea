"""`invrl evaluate`: finished runs on any part of any data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Format, Json, Out, emit, say
from invrl.cli.options import DataName, Plugin, is_override, with_data

EXAMPLES = """Examples:

invrl evaluate runs/ds-both-1a2b3c --by velocity

invrl evaluate runs/ds-both-1a2b3c --split validation --trace days.parquet

invrl evaluate runs/ds-both-1a2b3c data.options.pairs=1000000
"""


def evaluate(
    names: Annotated[
        list[str],
        typer.Argument(metavar="RUN... [KEY=VALUE]...", help="Runs; data, split and evaluation keys."),
    ],
    data: DataName = None,
    plugin: Plugin = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    by: Annotated[str | None, typer.Option(help="velocity, warehouse, lead_time or a static column.")] = None,
    trace: Annotated[Path | None, typer.Option(help="Write every day of every pair to this file.")] = None,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """Simulate trained policies and print their measures."""
    from invrl.devices import placement

    placement.prepare()
    from invrl.runs import directory
    from invrl.training import session

    words = [name for name in names if is_override(name)]
    rows: list[dict[str, Any]] = []
    for run in [directory.find(name) for name in names if name not in words]:
        config = replace(run.config, data=with_data(run.config.data, data)) if data else run.config
        rows += session.evaluate(run, split, by, trace, session.elsewhere(config, words))
    if trace:
        say(f"wrote {trace}")
    emit(rows, format=format, json_flag=json, out=out, title=f"{split} days")
